"""What a link that was sent by mail opens (``secret_links.py``): invitations, new passwords."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone

from .choices import InvitationState, Role


class Invitation(models.Model):
    """Somebody was asked to administer a member, or some of its orders.

    It is open until it is accepted, withdrawn, or ends by itself; then its link opens nothing.
    """

    member = models.ForeignKey("members.Member", on_delete=models.CASCADE, related_name="invitations")
    email = models.EmailField()
    role = models.CharField(max_length=12, choices=[(r.value, r.label) for r in (Role.MEMBER_ADMIN, Role.ORDER_ADMIN)])
    #: Ids of hosting orders, when the role is on orders.
    order_ids = ArrayField(models.BigIntegerField(), default=list, blank=True)
    #: What the mail speaks, and the login that may come of it.
    language = models.CharField(max_length=5, blank=True)
    invited_by = models.ForeignKey("members.Login", null=True, on_delete=models.SET_NULL, related_name="+")
    #: SHA-256 of the link's secret.
    digest = models.CharField(max_length=64, unique=True)
    created = models.DateTimeField(auto_now_add=True)
    sent = models.DateTimeField(default=timezone.now)
    ends = models.DateTimeField()
    accepted = models.DateTimeField(null=True)
    accepted_by = models.ForeignKey("members.Login", null=True, on_delete=models.SET_NULL, related_name="+")
    withdrawn = models.DateTimeField(null=True)

    class Meta:
        ordering = ("-id",)

    def __str__(self) -> str:
        return f"{self.role} for {self.email}"

    @property
    def state(self) -> InvitationState:
        if self.accepted:
            return InvitationState.ACCEPTED
        if self.withdrawn:
            return InvitationState.WITHDRAWN
        return InvitationState.ENDED if self.ends <= timezone.now() else InvitationState.OPEN

    def get_state_display(self) -> str:
        return str(self.state.label)


class PasswordReset(models.Model):
    """Somebody says that they have forgotten a password. A worker looks whose it is and writes to them, if it is
    anybody's: the page that asks takes the same time, and says the same, for every name."""

    #: A user name or an e-mail address, as it was typed.
    asked_for = models.CharField(max_length=254)
    requested_from = models.GenericIPAddressField(null=True)
    created = models.DateTimeField(auto_now_add=True)
    handled = models.BooleanField(default=False)
    login = models.ForeignKey("members.Login", null=True, on_delete=models.CASCADE, related_name="+")
    #: SHA-256 of the link's secret, once there is one.
    digest = models.CharField(max_length=64, unique=True, null=True)  # noqa: DJ001  # unique, so none is null
    ends = models.DateTimeField(null=True)
    used = models.DateTimeField(null=True)

    class Meta:
        ordering = ("-id",)
        indexes = [
            models.Index(fields=["requested_from", "created"], name="reset_by_address"),
            models.Index(fields=["id"], name="reset_unhandled", condition=models.Q(handled=False)),
        ]

    def __str__(self) -> str:
        return f"password reset {self.pk}"
