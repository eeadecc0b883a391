"""Enrolment's part on the host, as root: from a copy of the zipapp in a temporary place to a host in service.

Everything is idempotent: enrolling again repairs what was changed, and takes on a new key, new roles, a new version.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import re
import sys
from typing import Any, Dict, Iterator

from . import commands, facts, fields, packages, settings, upgrade
from .errors import Failed, Invalid
from .kinds.base import File
from .paths import Paths
from .store import Store
from .transaction import Transaction

USER = "controlpanel"
PYTHON = "/usr/bin/python3"
SUDO = "/usr/bin/sudo"
UNIT = "controlpanel-boot.service"

_KEY = re.compile(r"\A(ssh-ed25519|ecdsa-sha2-nistp(256|384|521)|ssh-rsa) [A-Za-z0-9+/]{40,2000}={0,2}\Z")

_UNIT = """\
[Unit]
Description=Control panel: bring this host's sites and mounts about again
Documentation=man:systemd.unit(5)
Wants=network-online.target
After=network-online.target nslcd.service ssh.service

[Service]
# Nothing waits for it: what can be served is served while the rest is still being brought about.
Type=exec
ExecStart={python} -I {zipapp} boot

[Install]
WantedBy=multi-user.target
"""

# The panel's line lives as long as the panel's process; a pseudo terminal and a log line per line would only cost.
_SUDOERS = """\
# Written by the control panel's agent. This user may run the agent's server as root, and nothing else.
Defaults:{user} !use_pty, !requiretty, !lecture
{user} ALL=(root) NOPASSWD: {command}
"""


def install(args: Dict[str, Any], paths: Paths) -> Dict[str, Any]:
    """Make this host ready: ``{"name", "roles", "panel_key"}`` in, ``{"version", "facts", "installed"}`` out."""
    fields.only(args, ("name", "roles", "panel_key"))
    own = settings.check(args)
    key = fields.text(args, "panel_key", 4000).strip()
    if not _KEY.match(key):
        raise Invalid("panel_key: not an SSH public key without options and comment")
    if os.geteuid() != 0:
        raise Failed("enrolment must run as root: use --user root, or a user who may run sudo without a password")
    missing = packages.missing(own.roles)
    packages.install(missing)
    _make_user(paths)
    for directory, mode in (
        (os.path.dirname(paths.zipapp), 0o755),
        (os.path.dirname(paths.settings), 0o755),
        (os.path.dirname(paths.state), 0o755),
        (os.path.dirname(paths.lock), 0o755),
        (paths.home, 0o755),
        (os.path.join(paths.home, ".ssh"), 0o755),
    ):
        os.makedirs(directory, exist_ok=True)
        os.chown(directory, 0, 0)
        os.chmod(directory, mode)
    Store(paths.state).close()
    with open(sys.argv[0], "rb") as file:
        zipapp = file.read()
    upgrade.install_zipapp(zipapp, paths)
    _write_files(own, key, paths)
    return {"version": upgrade.digest_of(paths.zipapp), "facts": facts.gather(), "installed": missing}


def serve_command(paths: Paths) -> str:
    """The only command that the panel's key may run on this host, as root."""
    return f"{PYTHON} -I {paths.zipapp} serve"


def _make_user(paths: Paths) -> None:
    """A system user whose home and key file are root's: it cannot change which command its key runs."""
    try:
        entry = pwd.getpwnam(USER)
    except KeyError:
        commands.run(["useradd", "--system", "--no-create-home", "--home-dir", paths.home, "--shell", "/bin/sh", USER])
    else:
        if entry.pw_uid == 0 or entry.pw_uid >= 1000:
            raise Failed(f"there is already a user {USER} that is not a system user: rename it, then enrol again")
        commands.run(["usermod", "--home", paths.home, "--shell", "/bin/sh", USER])
    # No password fits "*"; the "!" of a new system user would lock key logins too where sshd runs without PAM.
    commands.run(["usermod", "--password", "*", USER])


def refresh(paths: Paths) -> None:
    """What an upgrade brings besides the zipapp: this release's unit. Raises AgentError with everything as it was."""
    tx = Transaction()
    with _whole(tx):
        _write_unit(tx, paths)


def _write_files(own: settings.Settings, key: str, paths: Paths) -> None:
    command = serve_command(paths)
    line = f'restrict,command="{SUDO} -n {command}" {key} control panel\n'
    tx = Transaction()
    with _whole(tx):
        tx.write(File(paths.settings, own.as_json().encode()))
        tx.write(File(os.path.join(paths.home, ".ssh", "authorized_keys"), line.encode()))
        tx.write(File("/etc/sudoers.d/controlpanel", _SUDOERS.format(user=USER, command=command).encode(), mode=0o440))
        tx.check("sudo", ["visudo", "-c", "-q"])
        _write_unit(tx, paths)


def _write_unit(tx: Transaction, paths: Paths) -> None:
    if tx.write(File(f"/etc/systemd/system/{UNIT}", _UNIT.format(python=PYTHON, zipapp=paths.zipapp).encode())):
        tx.reload("systemd", ["systemctl", "daemon-reload"])
        tx.confirm(lambda: commands.run(["systemctl", "-q", "enable", UNIT]))


@contextlib.contextmanager
def _whole(tx: Transaction) -> Iterator[None]:
    """Commit at the end, or put everything back."""
    try:
        yield
        tx.commit()
    except Exception as error:
        troubles = tx.rollback()
        if troubles:
            raise Failed(f"{error}; and could not be rolled back", "\n".join(troubles)) from error
        raise
