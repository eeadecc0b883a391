"""Members (who pays), logins (who acts), and what logins may do."""

import secrets
from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.core.validators import RegexValidator
from django.db import models
from django.utils.crypto import salted_hmac

from .choices import MemberKind, MemberState, Role

#: POSIX and LDAP safe; user names are one global namespace. "site…" is reserved for sites' own identities.
validate_username = RegexValidator(r"\A(?!site\d)[a-z][a-z0-9_-]{1,30}\Z", "lower-case letters, digits, - and _")


class Member(models.Model):
    """An organization or a person who is a member of the cooperative."""

    name = models.CharField(max_length=120, unique=True)
    kind = models.CharField(max_length=12, choices=MemberKind, default=MemberKind.ORGANIZATION)
    state = models.CharField(max_length=16, choices=MemberState, default=MemberState.GOOD_STANDING)
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name


class PosixId(models.Model):
    """The one sequence of uids and gids, for logins and for sites' identities; a number is never given twice."""

    number = models.BigAutoField(primary_key=True)
    #: "login:7" or "site:12": whose it is; at most one each.
    owner = models.CharField(max_length=40, unique=True)

    def __str__(self) -> str:
        return f"{self.number} of {self.owner}"


class LoginManager(BaseUserManager["Login"]):
    def get_by_natural_key(self, username: str | None) -> "Login":
        return self.get(username=username)


class Login(AbstractBaseUser):
    """A person or an automation identity. It lives in LDAP; its password is there and only there."""

    password = None  # type: ignore[assignment]  # the directory holds it, never this database
    username = models.CharField(max_length=31, unique=True, validators=[validate_username])
    name = models.CharField(max_length=120, blank=True)
    email = models.EmailField(blank=True)
    #: Whose login it is; null for staff of the cooperative itself.
    member = models.ForeignKey(Member, null=True, blank=True, on_delete=models.CASCADE, related_name="logins")
    is_active = models.BooleanField(default=True)
    language = models.CharField(max_length=5, blank=True)
    #: OpenSSH public keys, one a line, validated; copied to sshPublicKey.
    ssh_keys = models.TextField(blank=True)
    #: Changes with every password change or "sign out everywhere": sessions of the old one end.
    session_salt = models.CharField(max_length=64, default=secrets.token_hex)
    created = models.DateTimeField(auto_now_add=True)

    USERNAME_FIELD = "username"
    objects: ClassVar[LoginManager] = LoginManager()

    class Meta:
        ordering = ("username",)

    def __str__(self) -> str:
        return self.username

    def get_session_auth_hash(self) -> str:
        return salted_hmac("members.Login.session", self.session_salt, algorithm="sha256").hexdigest()

    def get_session_auth_fallback_hash(self) -> Any:
        return ()

    @property
    def is_staff(self) -> bool:
        """Whether it may use the admin and see everything (Access with role staff)."""
        return self.is_active and any(access.role == Role.STAFF for access in self._accesses)

    @property
    def _accesses(self) -> "list[Access]":
        if "_access_cache" not in self.__dict__:
            self.__dict__["_access_cache"] = list(self.accesses.all()) if self.pk else []
        return self.__dict__["_access_cache"]  # type: ignore[no-any-return]

    def scopes(self) -> list[str]:
        """What it may see and change, besides staff: "member:3", "order:5"."""
        return [access.scope for access in self._accesses if access.scope]

    def member_ids(self) -> list[int]:
        """Members it administers as a whole."""
        return [a.member_id for a in self._accesses if a.role == Role.MEMBER_ADMIN and a.member_id]

    def order_ids(self) -> list[int]:
        """Single hosting orders it administers."""
        return [a.order_id for a in self._accesses if a.role == Role.ORDER_ADMIN and a.order_id]

    # The admin asks these; staff may do all that the admin offers, others nothing.
    def has_perm(self, perm: str, obj: Any = None) -> bool:
        return self.is_staff

    def has_perms(self, perms: Any, obj: Any = None) -> bool:
        return self.is_staff

    def has_module_perms(self, app_label: str) -> bool:
        return self.is_staff


class Access(models.Model):
    """A login's role: on everything (staff), on a member, or on one hosting order."""

    login = models.ForeignKey(Login, on_delete=models.CASCADE, related_name="accesses")
    role = models.CharField(max_length=12, choices=Role)
    member = models.ForeignKey(Member, null=True, blank=True, on_delete=models.CASCADE, related_name="accesses")
    #: Id of a hosting.HostingOrder: relations point downward only, so hosting checks it and clears it.
    order_id = models.BigIntegerField(null=True, blank=True, db_index=True)
    granted = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name_plural = "accesses"
        constraints = [
            models.CheckConstraint(
                name="access_fits_role",
                condition=models.Q(role=Role.STAFF, member=None, order_id=None)
                | models.Q(role=Role.MEMBER_ADMIN, member__isnull=False, order_id=None)
                | models.Q(role=Role.ORDER_ADMIN, member=None, order_id__isnull=False),
            ),
            models.UniqueConstraint(
                fields=["login", "role", "member", "order_id"], name="access_once", nulls_distinct=False
            ),
        ]

    def __str__(self) -> str:
        return f"{self.login}: {self.role} {self.scope}"

    @property
    def scope(self) -> str:
        if self.role == Role.MEMBER_ADMIN:
            return f"member:{self.member_id}"
        return f"order:{self.order_id}" if self.role == Role.ORDER_ADMIN else ""


class Token(models.Model):
    """A key for the REST API. Only its SHA-256 is kept; the text is shown once."""

    login = models.ForeignKey(Login, on_delete=models.CASCADE, related_name="tokens")
    name = models.CharField(max_length=80)
    digest = models.CharField(max_length=64, unique=True)
    created = models.DateTimeField(auto_now_add=True)
    expires = models.DateTimeField(null=True, blank=True)
    last_used = models.DateTimeField(null=True)

    class Meta:
        ordering = ("-created",)

    def __str__(self) -> str:
        return self.name
