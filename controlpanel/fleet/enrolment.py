"""Takes a Debian host into the fleet: pins its key, installs the agent, and sends it all that it should hold."""

from collections.abc import Callable, Sequence

import paramiko
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_ipv46_address
from django.db import transaction

from controlpanel.operations.errors import StepError, explain
from controlpanel.operations.models import Operation

from . import channel, contacts, packing, services
from .bootstrap import Administrator, BootstrapError
from .choices import HostState, Role
from .connection import fingerprint, parse_host_key
from .models import Host, validate_host_name

Report = Callable[[str], None]


class EnrolmentError(Exception):
    """The host could not be enrolled; ``str()`` says why and what to do."""


def enroll(
    name: str,
    address: str,
    roles: Sequence[str],
    *,
    port: int = 22,
    user: str = "root",
    identity: str | None = None,
    host_key: str | None = None,
    report: Report = lambda text: None,
) -> Host:
    """Enrol a host, or enrol it again (rebuilt, with another key, with other roles).

    1. Look at its host key: it must be ``host_key`` where that is given, else it is trusted this once and pinned.
    2. As ``user``, upload the agent and let it install itself.
    3. From now on speak to it as the panel does; store what it says of itself.

    Idempotent. Raises EnrolmentError. The caller then resyncs it (``services.resync``).
    """
    _check(name, address, roles, port)
    try:
        administrator = Administrator(address, port)
        try:
            shown = administrator.host_key
            if host_key is not None:
                _compare(shown, host_key)
            report(f"{name} shows the host key {fingerprint(shown)} ({shown.get_name()})")
            report(
                "as given by --host-key" if host_key else "trusted now, and pinned: any other is refused from here on"
            )
            administrator.log_in(user, identity)
            report("installing the agent")
            answer = administrator.install(packing.current(), name, sorted(set(roles)), public_key())
        finally:
            administrator.close()
    except BootstrapError as error:
        raise EnrolmentError(str(error)) from error
    if answer.get("installed"):
        report(f"installed packages: {', '.join(answer['installed'])}")
    host = _store(name, address, port, sorted(set(roles)), f"{shown.get_name()} {shown.get_base64()}")
    try:
        hello = channel.call(host, "hello", timeout=30).result()
    except StepError as error:
        raise EnrolmentError(
            f"The agent is installed, but the panel cannot speak to it: {explain(error.as_trouble())} {error.output}"
        ) from error
    contacts.note_contact(host, hello)
    host.refresh_from_db()
    report(f"agent {host.agent_version[:12]} answers; {host.facts.get('os', 'unknown system')}")
    return host


def resync(host: Host) -> Operation | None:
    """Start to send it all that it should hold; None for a fenced host, which must be readmitted first."""
    return None if host.state == HostState.FENCED else services.resync([host])


def public_key() -> str:
    """The panel's public key, as it stands in a host's authorized_keys. Raises EnrolmentError."""
    try:
        key = paramiko.PKey.from_path(settings.PANEL_SSH_KEY_FILE)
    except (OSError, ValueError, paramiko.SSHException) as error:
        raise EnrolmentError(
            f"The panel's own SSH key {settings.PANEL_SSH_KEY_FILE} cannot be read ({error}). Make one with "
            "ssh-keygen -t ed25519 -N '' -f FILE, and name it in PANEL_SSH_KEY_FILE."
        ) from error
    return f"{key.get_name()} {key.get_base64()}"


def _check(name: str, address: str, roles: Sequence[str], port: int) -> None:
    try:
        validate_host_name(name)
        validate_ipv46_address(address)
    except ValidationError as error:
        raise EnrolmentError(f"{name} {address}: {' '.join(error.messages)}") from error
    unknown = sorted(set(roles) - set(Role.values))
    if unknown or not roles:
        raise EnrolmentError(f"Give it at least one --role of: {', '.join(Role.values)}.")
    if not 0 < port < 65536:
        raise EnrolmentError("A port is a number from 1 to 65535.")
    other = Host.objects.filter(address=address).exclude(name=name).first()
    if other is not None:
        raise EnrolmentError(
            f"{address} is the address of {other.name}: enrol it by that name, or delete {other.name}."
        )


def _compare(shown: paramiko.PKey, given: str) -> None:
    try:
        expected = parse_host_key(given)
    except ValueError:
        raise EnrolmentError("--host-key is not an SSH public key as in ssh_host_ed25519_key.pub.") from None
    if (expected.get_name(), expected.asbytes()) != (shown.get_name(), shown.asbytes()):
        raise EnrolmentError(
            f"It shows the host key {fingerprint(shown)} ({shown.get_name()}), not {fingerprint(expected)} as given by "
            "--host-key. Nothing was sent. Make sure that you speak to the right host."
        )


@transaction.atomic
def _store(name: str, address: str, port: int, roles: list[str], host_key: str) -> Host:
    host, _created = Host.objects.select_for_update().update_or_create(
        name=name, defaults={"address": address, "port": port, "roles": roles, "host_key": host_key}
    )
    return host
