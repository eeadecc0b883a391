"""One SSH connection to one agent: opening it, checking who is there, reading and writing lines.

It belongs to the thread that opened it (``line.py``): paramiko's transports lose answers when threads share them.
"""

import json
import selectors
import socket
import time
from dataclasses import dataclass
from typing import Any

import paramiko
import structlog
from django.conf import settings
from django.utils.translation import gettext_lazy as _
from paramiko.hostkeys import HostKeyEntry

from controlpanel.agent.install import USER
from controlpanel.operations.errors import HostAway, add_messages

from . import packing

log = structlog.get_logger()

#: Limits in seconds. A host that is not there is known after CONNECT; the rest is for one that accepts and is slow.
CONNECT, BANNER, AUTHENTICATION, CHANNEL, HELLO, SEND, UPGRADE = 3.5, 5.0, 8.0, 5.0, 20.0, 20.0, 90.0
#: A cut network is noticed after about this long (seconds): the kernel gives up on bytes that nobody acknowledges,
#: and keep-alives (every KEEPALIVE seconds) see to it that there always are some.
SILENCE, KEEPALIVE = 5, 2
PROTOCOL = 1

add_messages(
    {
        "host_key_changed": _(
            "%(host)s shows another host key than the one pinned when it was enrolled, so nothing was sent. "
            "Staff must look into it before the change can go on."
        ),
    }
)


class HostKeyChanged(HostAway):
    """Somebody else answers at the host's address, or the host was rebuilt: a person must say which."""

    def __init__(self, host: str, reason: str) -> None:
        super().__init__(host, reason)
        self.code = "host_key_changed"


class Broken(Exception):
    """The connection ended; ``str()`` says how."""


@dataclass(frozen=True)
class Target:
    """Where and whom to connect to."""

    name: str
    address: str
    port: int
    host_key: str
    #: An agent knows the roles that it had when it started: with others it must be another agent.
    roles: tuple[str, ...] = ()


def parse_host_key(line: str) -> paramiko.PKey:
    """A public key as OpenSSH writes it ("ssh-ed25519 AAAA…"). Raises ValueError."""
    try:
        entry = HostKeyEntry.from_line(f"host {line.strip()}")
    except Exception as error:
        raise ValueError("not an SSH public key") from error
    if entry is None or entry.key is None:
        raise ValueError("not an SSH public key")
    return entry.key


def open_socket(address: str, port: int) -> socket.socket:
    """A TCP connection that says at once what it has to say and notices a cut network. Raises OSError."""
    sock = socket.create_connection((address, port), timeout=CONNECT)
    # paramiko leaves Nagle's algorithm on, which makes every exchange wait for a delayed acknowledgement (40 ms).
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, SILENCE * 1000)
    return sock


class Connection:
    """An agent that said hello and has our version."""

    def __init__(self, target: Target, client: paramiko.SSHClient, channel: paramiko.Channel) -> None:
        self.target = target
        self.hello: dict[str, Any] = {}
        self._client = client
        self._channel = channel
        self._buffer = bytearray()
        #: What it wrote to stderr, the last bit: it says why an agent did not start.
        self.complaint = ""

    @classmethod
    def open(cls, target: Target) -> "Connection":
        """Connect, and bring the agent to our version first when it has another. Raises HostAway."""
        connection = cls._open(target)
        ours = packing.current()
        theirs = connection.hello.get("version")
        if theirs and theirs != ours.version:
            try:
                connection._upgrade(ours)
            finally:
                connection.close()
            connection = cls._open(target)
            if connection.hello.get("version") != ours.version:
                # Panels of two versions run at the same time, as in the middle of an upgrade. The protocol says whether
                # they understand each other; to take turns at upgrading would keep both from working.
                log.warning("another panel has replaced the agent again", host=target.name)
        if connection.hello.get("protocol") != PROTOCOL:
            connection.close()
            raise HostAway(target.name, "its agent speaks another protocol: enrol it again (manage.py enroll …)")
        return connection

    @classmethod
    def _open(cls, target: Target) -> "Connection":
        client = paramiko.SSHClient()
        try:
            channel = cls._connect(client, target)
            connection = cls(target, client, channel)
            connection.hello = connection._wait_for("hello", HELLO)
            return connection
        except HostAway:
            client.close()
            raise
        except paramiko.BadHostKeyException as error:
            client.close()
            raise HostKeyChanged(target.name, _host_key_words(target, error.key)) from error
        except paramiko.AuthenticationException as error:
            client.close()
            raise HostAway(
                target.name,
                f"it does not accept the panel's key ({error}): enrol it again "
                f"(manage.py enroll {target.name} {target.address} --role …)",
            ) from error
        except paramiko.ssh_exception.IncompatiblePeer as error:
            client.close()
            raise HostKeyChanged(
                target.name, f"it no longer offers the kind of key that was pinned: {error}"
            ) from error
        except Broken as error:
            client.close()
            raise HostAway(target.name, f"its agent did not start: {error}") from error
        except (OSError, EOFError, paramiko.SSHException) as error:
            client.close()
            raise HostAway(target.name, str(error) or type(error).__name__) from error
        except BaseException:
            client.close()
            raise

    @staticmethod
    def _connect(client: paramiko.SSHClient, target: Target) -> paramiko.Channel:
        try:
            pinned = parse_host_key(target.host_key)
        except ValueError:
            raise HostAway(target.name, "no valid host key is pinned for it: enrol it again") from None
        try:
            key = paramiko.PKey.from_path(settings.PANEL_SSH_KEY_FILE)
        except (OSError, paramiko.SSHException, ValueError) as error:
            raise HostAway(
                target.name, f"the panel's own SSH key {settings.PANEL_SSH_KEY_FILE} cannot be read: {error}"
            ) from error
        sock = open_socket(target.address, target.port)
        client.set_missing_host_key_policy(paramiko.RejectPolicy())
        known_as = target.address if target.port == 22 else f"[{target.address}]:{target.port}"
        client.get_host_keys().add(known_as, pinned.get_name(), pinned)
        client.connect(
            target.address,
            port=target.port,
            username=USER,
            pkey=key,
            sock=sock,
            timeout=CONNECT,
            banner_timeout=BANNER,
            auth_timeout=AUTHENTICATION,
            channel_timeout=CHANNEL,
            allow_agent=False,
            look_for_keys=False,
        )
        transport = client.get_transport()
        assert transport is not None  # noqa: S101
        transport.set_keepalive(KEEPALIVE)
        channel = transport.open_session(timeout=CHANNEL)
        channel.settimeout(SEND)
        channel.exec_command("serve")  # the host runs its forced command, whatever is asked for
        return channel

    # --- lines -----------------------------------------------------------------------------------------------

    def fileno(self) -> int:
        """Readable when ``receive`` has something, or the end, to tell."""
        return self._channel.fileno()

    def send(self, line: bytes) -> None:
        """Send a line. Raises Broken when it did not (wholly) leave."""
        try:
            self._channel.sendall(line)
        except (OSError, EOFError, paramiko.SSHException) as error:
            raise Broken(str(error) or "the connection is closed") from error

    def receive(self) -> list[dict[str, Any]]:
        """The messages that have arrived whole, without waiting. Raises Broken when no more can come."""
        channel = self._channel
        while channel.recv_stderr_ready():
            self.complaint = (self.complaint + channel.recv_stderr(65536).decode(errors="replace"))[-2000:]
        messages = []
        while channel.recv_ready():
            data = channel.recv(2**20)
            start = len(self._buffer)
            self._buffer += data
            if b"\n" in data:
                end = self._buffer.rindex(b"\n", start) + 1
                lines = bytes(self._buffer[:end]).splitlines()
                del self._buffer[:end]
                messages += [self._parse(line) for line in lines]
        transport = channel.get_transport()
        if not messages and (channel.eof_received or channel.closed or transport is None or not transport.is_active()):
            why = self.complaint.strip() or (str(transport.saved_exception or "") if transport else "")
            raise Broken(why or "the connection was closed")
        return messages

    def close(self) -> None:
        """Let go. The agent ends when it has finished what it is doing."""
        self._client.close()

    def abandon(self) -> None:
        """In a forked child: let go of the socket without a word, for it is the parent's conversation."""
        transport = self._client.get_transport()
        if transport is not None:
            transport.sock.close()

    # --- helpers ---------------------------------------------------------------------------------------------

    @staticmethod
    def _parse(line: bytes) -> dict[str, Any]:
        try:
            message = json.loads(line)
        except ValueError as error:
            raise Broken(f"it sent something that is not the agent's: {line[:200]!r}") from error
        if not isinstance(message, dict):
            raise Broken("it sent something that is not the agent's")
        return message

    def _wait_for(self, key: str, seconds: float) -> dict[str, Any]:
        """The first message with that key (or an error). Used before the line is open for calls."""
        deadline = time.monotonic() + seconds
        with selectors.DefaultSelector() as selector:
            selector.register(self.fileno(), selectors.EVENT_READ)
            while True:
                for message in self.receive():
                    if key in message:
                        return message[key]
                    if "error" in message:
                        raise Broken(f"{message['error'].get('reason')} {message['error'].get('output', '')}".strip())
                left = deadline - time.monotonic()
                if left <= 0:
                    raise Broken(f"no answer within {seconds:g} s {self.complaint}".strip())
                selector.select(min(left, 1.0))

    def _upgrade(self, zipapp: packing.Zipapp) -> None:
        """Give the agent our version; another worker may just have done so, which it then says."""
        bound = log.bind(host=self.target.name, version=zipapp.version[:12])
        bound.info("upgrading the agent", was=str(self.hello.get("version"))[:12])
        try:
            self.send(json.dumps({"id": 0, "call": "upgrade", "args": zipapp.as_args()}).encode() + b"\n")
            self._wait_for("result", UPGRADE)
        except Broken as error:
            bound.error("the agent could not be upgraded", reason=str(error))
            raise HostAway(self.target.name, f"its agent could not be upgraded: {error}") from error


def fingerprint(key: paramiko.PKey) -> str:
    """As ``ssh-keygen -l`` prints it."""
    return key.fingerprint


def _host_key_words(target: Target, shown: paramiko.PKey) -> str:
    pinned = parse_host_key(target.host_key)
    return (
        f"{target.name} at {target.address} shows the host key {fingerprint(shown)} ({shown.get_name()}), but "
        f"{fingerprint(pinned)} ({pinned.get_name()}) is pinned. If it was rebuilt on purpose, enrol it again: "
        f"manage.py enroll {target.name} {target.address} --role …; if not, somebody else may be answering."
    )
