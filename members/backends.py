"""Who logs in with a password: the directory decides, by a bind as that person."""

from typing import Any

import ldap
from django.conf import settings as django_settings
from django.http import HttpRequest
from django_auth_ldap.backend import LDAPBackend, _LDAPUser, ldap_error
from django_auth_ldap.config import LDAPSettings

from controlpanel.operations.errors import DirectoryAway

from .directory.connection import AWAY, in_order, reach, shun, tls_options
from .directory.entries import PEOPLE, unit_dn
from .models import Login


class DirectoryBackend(LDAPBackend):
    """A login must have a row here, be active, and be able to bind with its password.

    When no server answers, ``authenticate`` raises DirectoryAway: that is not a wrong password, and does not count as
    one (axes counts only what Django reports as a failed login).
    """

    #: The server that is being asked; Django makes a backend for each attempt.
    _uri = ""

    @property
    def settings(self) -> LDAPSettings:
        return LDAPSettings(
            "CONTROLPANEL_LDAP_",  # nothing is read from there: all that matters stands here
            {
                "SERVER_URI": self._uri,
                "CONNECTION_OPTIONS": tls_options(django_settings.LDAP_CA_FILE),
                "USER_DN_TEMPLATE": "uid=%(user)s," + unit_dn(PEOPLE, django_settings.LDAP_BASE).replace("%", "%%"),
                "NO_NEW_USERS": True,
                "ALWAYS_UPDATE_USER": False,
            },
        )

    def authenticate(
        self, request: HttpRequest | None, username: str | None = None, password: str | None = None, **kwargs: Any
    ) -> Login | None:
        """The login, or None. Raises DirectoryAway."""
        if not username or not password or not Login.objects.filter(username=username, is_active=True).exists():
            return None
        reasons = []
        for self._uri in in_order(tuple(django_settings.LDAP_URIS)):
            try:
                reach(self._uri, django_settings.LDAP_CA_FILE)
                return super().authenticate(request, username=username, password=password)
            except DirectoryAway as away:
                shun(self._uri)
                reasons.append(away.output)
        raise DirectoryAway("; ".join(reasons))

    def get_or_build_user(self, username: str, ldap_user: _LDAPUser) -> tuple[Login, bool]:
        return Login.objects.get(username=username, is_active=True), False

    def get_user(self, user_id: int) -> Login | None:
        """Of an open session: from the database alone, so that it goes on while the directory is away."""
        return Login.objects.filter(pk=user_id, is_active=True).first()


def _tell_away(sender: type, exception: ldap.LDAPError, **kwargs: Any) -> None:
    """django-auth-ldap takes every LDAP error for a failed login; one of them is not."""
    if isinstance(exception, AWAY):
        raise DirectoryAway(str(exception))


ldap_error.connect(_tell_away, dispatch_uid="members.backends")
