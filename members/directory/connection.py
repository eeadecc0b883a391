"""Connections to the directory: TLS with the certificate checked, never waited for long, one a thread."""

import contextlib
import os
import socket
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import ldap
from django.conf import settings
from ldap.ldapobject import LDAPObject

from controlpanel.operations.errors import DirectoryAway, Refused

#: Seconds to connect to one server (TLS included), and to wait for one answer.
NETWORK_TIMEOUT = 2.0
OPERATION_TIMEOUT = 3.0
#: How long a server that did not answer is asked last, seconds, so that a dead one does not slow every request.
SHUN = 10.0

#: The server is not there, or cannot be trusted to be ours; the same request may go through later or elsewhere.
AWAY = (ldap.SERVER_DOWN, ldap.CONNECT_ERROR, ldap.UNAVAILABLE, ldap.BUSY, ldap.TIMEOUT, ldap.TIMELIMIT_EXCEEDED)

T = TypeVar("T")


@dataclass(frozen=True)
class Settings:
    """Where the directory is and who we are to it."""

    uris: tuple[str, ...]
    base: str
    bind_dn: str
    bind_password: str
    ca_file: str

    @classmethod
    def of_panel(cls, uris: tuple[str, ...] = ()) -> "Settings":
        """The panel's own (it may write); ``uris`` to ask certain servers only."""
        return cls(
            uris or tuple(settings.LDAP_URIS),
            settings.LDAP_BASE,
            settings.LDAP_BIND_DN,
            settings.LDAP_BIND_PASSWORD,
            settings.LDAP_CA_FILE,
        )

    def __repr__(self) -> str:
        return f"<directory {' '.join(self.uris)}>"  # the password must not reach a log by way of a traceback


_shunned: dict[str, float] = {}
#: Connections of a parent process, kept from being collected: that would say goodbye on the parent's socket.
_inherited: list[LDAPObject] = []


def in_order(uris: tuple[str, ...]) -> list[str]:
    """The servers in the order to try: as configured, those that lately did not answer last."""
    now = time.monotonic()
    return sorted(uris, key=lambda uri: _shunned.get(uri, 0.0) > now)


def shun(uri: str) -> None:
    """Remember that this server did not answer."""
    _shunned[uri] = time.monotonic() + SHUN


@lru_cache(maxsize=4)
def _tls(ca_file: str, changed: int) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=ca_file)
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT  # libldap, which has the last word, is no stricter
    return context


def reach(uri: str, ca_file: str) -> None:
    """Raise DirectoryAway unless a server with a certificate that we trust answers there within NETWORK_TIMEOUT.

    libldap checks the certificate again, but waits for ever for the handshake of a server that accepts connections and
    then says nothing (a frozen one, a full one), whatever OPT_NETWORK_TIMEOUT says: seen with Debian's 2.5.
    """
    parts = urlsplit(uri)
    if parts.scheme != "ldaps" or not parts.hostname:
        raise DirectoryAway(f"{uri}: not an ldaps:// URI; passwords are sent over TLS only")
    try:
        context = _tls(ca_file, Path(ca_file).stat().st_mtime_ns)
        address = (parts.hostname, parts.port or 636)
        with (
            socket.create_connection(address, NETWORK_TIMEOUT) as plain,
            context.wrap_socket(plain, server_hostname=parts.hostname),
        ):
            pass
    except OSError as error:  # ssl.SSLError and TimeoutError are among them
        raise DirectoryAway(f"{uri}: {error}") from None


def tls_options(ca_file: str) -> dict[int, Any]:
    """libldap's options for a connection that is checked and never hangs. Order counts: NEWCTX applies those before."""
    return {
        ldap.OPT_PROTOCOL_VERSION: 3,
        ldap.OPT_REFERRALS: 0,
        ldap.OPT_NETWORK_TIMEOUT: NETWORK_TIMEOUT,
        ldap.OPT_TIMEOUT: OPERATION_TIMEOUT,
        ldap.OPT_X_TLS_CACERTFILE: ca_file,
        ldap.OPT_X_TLS_REQUIRE_CERT: ldap.OPT_X_TLS_DEMAND,
        ldap.OPT_X_TLS_NEWCTX: 0,
    }


def reason_of(error: ldap.LDAPError) -> str:
    """What the server or libldap said."""
    detail = error.args[0] if error.args and isinstance(error.args[0], dict) else {}
    return ": ".join(str(part) for part in (detail.get("desc", type(error).__name__), detail.get("info")) if part)


def _open(uri: str, where: Settings) -> LDAPObject:
    connection = ldap.initialize(uri)
    for option, value in tls_options(where.ca_file).items():
        connection.set_option(option, value)
    return connection


def bind_first(where: Settings, dn: str, password: str) -> LDAPObject:
    """A connection bound as ``dn`` to the first server that answers.

    Raises DirectoryAway when none does, and lets a server's no (``ldap.INVALID_CREDENTIALS``, …) through.
    """
    reasons = []
    for uri in in_order(where.uris):
        try:
            reach(uri, where.ca_file)
            connection = _open(uri, where)
            connection.simple_bind_s(dn, password)
        except DirectoryAway as away:
            shun(uri)
            reasons.append(away.output)
        except AWAY as error:
            shun(uri)
            reasons.append(f"{uri}: {reason_of(error)}")
        else:
            _shunned.pop(uri, None)
            return connection
    raise DirectoryAway("; ".join(reasons) or "no directory server is configured")


class Connections:
    """One bound connection for each thread and process, made again when it is lost."""

    def __init__(self, where: Settings) -> None:
        self.where = where
        self._local = threading.local()

    def _get(self) -> LDAPObject:
        # A worker forks: a connection that the parent opened is the parent's.
        if getattr(self._local, "pid", None) != os.getpid():
            if "connection" in self._local.__dict__:
                _inherited.append(self._local.connection)
            try:
                self._local.connection = bind_first(self.where, self.where.bind_dn, self.where.bind_password)
            except ldap.LDAPError as error:
                # Waiting helps here: staff mend the panel's account or its settings, and all goes on.
                raise DirectoryAway(f"the panel's own bind failed: {reason_of(error)}") from None
            self._local.pid = os.getpid()
        return self._local.connection

    def drop(self) -> None:
        """Close this thread's connection; the next call makes a new one."""
        connection = self._local.__dict__.pop("connection", None)
        owner = self._local.__dict__.pop("pid", None)
        if connection is not None and owner == os.getpid():
            with contextlib.suppress(ldap.LDAPError):  # it was lost anyway
                connection.unbind_s()

    def call(self, work: Callable[[LDAPObject], T]) -> T:
        """``work`` with a connection. It is done twice when the connection turns out to be lost: make it idempotent.

        Raises DirectoryAway when no server answers, Refused when it says no. ``work`` handles what it expects.
        """
        for last_try in (False, True):
            connection = self._get()
            try:
                return work(connection)
            except ldap.TIMEOUT as error:
                self.drop()
                raise DirectoryAway(f"no answer within {OPERATION_TIMEOUT} s: {reason_of(error)}") from None
            except AWAY as error:
                self.drop()
                if last_try:
                    raise DirectoryAway(reason_of(error)) from None
            except ldap.LDAPError as error:
                raise Refused("directory_refused", {"reason": reason_of(error)}, output=str(error)) from None
        raise AssertionError("unreachable")
