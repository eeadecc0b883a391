"""The one time that the panel speaks to a host as its administrator: to put the agent there.

Every command sent is a constant; what varies goes through stdin.
"""

import json
import re
from typing import Any

import paramiko

from .connection import AUTHENTICATION, BANNER, CHANNEL, open_socket
from .packing import Zipapp

#: Installing missing packages may take long (seconds).
INSTALL = 2400.0
_FOLDER = re.compile(r"\A/[A-Za-z0-9_/.-]{1,200}/tmp\.[A-Za-z0-9]{6,}\Z|\A/tmp/tmp\.[A-Za-z0-9]{6,}\Z")


class BootstrapError(Exception):
    """Enrolment cannot go on; ``str()`` says why and what to do."""


class Administrator:
    """An SSH connection as root, or as a user who may run sudo without a password."""

    def __init__(self, address: str, port: int) -> None:
        self.address = address
        self.port = port
        try:
            sock = open_socket(address, port)
            self._transport = paramiko.Transport(sock)
            self._transport.banner_timeout = BANNER
            self._transport.start_client(timeout=BANNER + AUTHENTICATION)
        except (OSError, EOFError, paramiko.SSHException) as error:
            raise BootstrapError(
                f"There is no SSH server at {address} port {port} ({error}). Start the host, check the address, and "
                "that nothing between the panel and the host blocks it."
            ) from error

    @property
    def host_key(self) -> paramiko.PKey:
        """The key that the host has shown."""
        return self._transport.get_remote_server_key()

    def log_in(self, user: str, identity: str | None) -> None:
        """Prove who we are: with the identity file, else with the keys of the running ssh-agent."""
        self.user = user
        keys: list[paramiko.PKey]
        if identity is not None:
            try:
                keys = [paramiko.PKey.from_path(identity)]
            except (OSError, ValueError, paramiko.SSHException) as error:
                raise BootstrapError(f"The key file {identity} cannot be used: {error}") from error
        else:
            keys = list(paramiko.Agent().get_keys())
        self._transport.auth_timeout = AUTHENTICATION
        for key in keys:
            try:
                self._transport.auth_publickey(user, key)
                return
            except paramiko.AuthenticationException:
                continue
            except (EOFError, paramiko.SSHException) as error:
                raise BootstrapError(f"{user}@{self.address}: {error}") from error
        raise BootstrapError(
            f"{user}@{self.address} does not accept "
            + ("the key of that file." if identity is not None else f"any of the {len(keys)} keys of your ssh-agent.")
            + " Put the public key into its ~/.ssh/authorized_keys, or name another with --identity and --user."
        )

    def install(self, zipapp: Zipapp, name: str, roles: list[str], panel_key: str) -> dict[str, Any]:
        """Upload the agent and let it install itself; what it answers. Raises BootstrapError."""
        # "$" and ";" are for the remote shell, in texts that hold nothing from outside.
        folder = self._run("umask 022; d=$(mktemp -d) && cat > $d/agent.pyz && echo $d", zipapp.content, 60).strip()
        if not _FOLDER.match(folder):
            raise BootstrapError(f"mktemp -d on the host answered {folder[:200]!r}: is its login shell a plain one?")
        sudo = "" if self.user == "root" else "sudo -n "
        try:
            order = json.dumps({"name": name, "roles": roles, "panel_key": panel_key}).encode()
            answer = self._run(f"{sudo}/usr/bin/python3 -I {folder}/agent.pyz install", order, INSTALL)
            return json.loads(answer.strip().splitlines()[-1])
        except (ValueError, IndexError) as error:
            raise BootstrapError(f"The agent's installation gave no proper answer: {error}") from error
        finally:
            self._run(f"rm -rf -- {folder}", b"", 20, check=False)

    def close(self) -> None:
        self._transport.close()

    def _run(self, command: str, stdin: bytes, timeout: float, check: bool = True) -> str:
        """Run a command with that input; its output. Raises BootstrapError when it fails."""
        try:
            channel = self._transport.open_session(timeout=CHANNEL)
            channel.settimeout(timeout)
            channel.exec_command(command)
            with channel.makefile_stdin("wb") as source:
                source.write(stdin)
            channel.shutdown_write()
            with channel.makefile("rb") as out, channel.makefile_stderr("rb") as err:
                output, complaint = out.read().decode(errors="replace"), err.read().decode(errors="replace")
            status = channel.recv_exit_status()
            channel.close()
        except (OSError, EOFError, paramiko.SSHException) as error:
            raise BootstrapError(
                f"The connection to {self.address} broke during {command.split()[0]!r}: {error}"
            ) from error
        if check and status != 0:
            if status == 127:
                complaint += "\nInstall python3 on the host (apt-get install python3), then enrol it again."
            raise BootstrapError(f"On {self.address}, as {self.user}: {complaint.strip() or output.strip()}")
        return output
