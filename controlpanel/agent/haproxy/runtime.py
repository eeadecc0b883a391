"""What the running HAProxy is told through its sockets: maps, certificates, reloads.

HAProxy answers in text, and an empty answer mostly means done, so each answer is checked. Commands sent together are no
transaction. A map or certificate list is named by the very path that the configuration has.
"""

from __future__ import annotations

import os
import re
import socket
import time
from dataclasses import dataclass
from typing import Dict, Iterable, Iterator, List, Optional, Tuple

from .. import commands
from ..errors import Failed
from . import paths

#: Seconds to wait for an answer.
TIMEOUT = 15.0
#: Seconds in which a running HAProxy that refuses connections must take them again.
RESTART = 5.0
#: Seconds between looks whether an older worker, which has yet to answer, is still there.
LOOK = 0.2
#: Bytes of one payload: it must fit ``tune.bufsize`` (16 kB) together with the command.
PAYLOAD = 12000
_WORD = re.compile(r"\A[A-Za-z0-9./_~+=-]+\Z")
_GOT = re.compile(r'found=yes\b.*\bkey="([^"]*)", value="([^"]*)"')
_FINGERPRINT = re.compile(r"^SHA1 FingerPrint: ([0-9A-F]+)$", re.M)


_MASTERS = frozenset(each.master_socket for each in paths.INSTANCES)
_UNITS = {path: each.unit for each in paths.INSTANCES for path in (each.admin_socket, each.master_socket)}


class Gone(Failed):
    """An older worker has no ear any more: it is about to end, or has."""


@dataclass(frozen=True)
class Process:
    """One HAProxy process: the present worker by default, or an older one that still ends its transfers."""

    path: str = paths.ADMIN_SOCKET
    #: Of an older worker, which is spoken to through its master's socket.
    pid: str = ""

    def ask(self, command: str, payload: str = "", timeout: float = TIMEOUT) -> str:
        """Send one command, return its answer, stripped.

        Raises Gone when it is an older worker that has ended, or ends over the question; Failed when nobody answers.
        """
        if "\n" in command or ";" in command:
            raise Failed("a command for HAProxy has a line break or a semicolon in it")
        text = "@!%s %s" % (self.pid, command) if self.pid else command
        if payload:
            text += " <<\n" + payload.rstrip("\n") + "\n"
        try:
            with _connect(self.path, timeout) as connection:
                connection.sendall((text + "\n").encode())
                if self.path in _MASTERS:
                    connection.shutdown(socket.SHUT_WR)  # the master waits for another command else
                answer = self._all_of(connection, timeout).decode("utf-8", "replace").strip()
        except OSError as error:
            if self._has_ended():
                raise Gone("an old process of HAProxy has ended", str(error)) from error
            raise Failed("HAProxy does not answer on its socket", "%s: %s" % (self.path, error)) from error
        if self.pid and answer.startswith("Can't "):  # "connect to the target CLI", "find the target PID …"
            raise Gone("an old process of HAProxy has ended", answer)
        return answer

    def _all_of(self, connection: socket.socket, timeout: float) -> bytes:
        """What is answered until the end. An older worker may end over the question; its master then keeps silent."""
        deadline = time.monotonic() + timeout
        connection.settimeout(min(LOOK, timeout) if self.pid else timeout)
        parts: List[bytes] = []
        while True:
            try:
                part = connection.recv(1 << 16)
            except socket.timeout:
                if not self.pid or self._has_ended() or time.monotonic() > deadline:
                    raise
                continue
            if not part:
                return b"".join(parts)
            parts.append(part)

    def _has_ended(self) -> bool:
        """Whether it is an older worker of which nothing is left."""
        return bool(self.pid) and not os.path.exists("/proc/%s" % self.pid)

    # --- maps ----------------------------------------------------------------------------------------------------

    def get(self, map: str, key: str) -> Optional[str]:
        """The value of a key, None when it has none. (A map of beginnings may find another, shorter key.)"""
        found = _GOT.search(self.ask("get map %s %s" % (map, _word(key))))
        return found.group(2) if found and found.group(1) == key else None

    def put(self, map: str, key: str, value: Optional[str]) -> None:
        """Set a key, or delete it (value None), and read it back.

        ``set map`` knows only keys that are there; ``add map`` does not look and would make a second row. So: set, and
        add when it was not found.
        """
        if value is None:
            answer = self.ask("del map %s %s" % (map, _word(key)))
            if "not found" in answer.lower():
                answer = ""
        else:
            answer = self.ask("set map %s %s %s" % (map, _word(key), _word(value)))
            if "not found" in answer.lower():
                answer = self.ask("add map %s %s %s" % (map, key, value))
        if answer or self.get(map, key) != value:
            raise Failed("HAProxy did not take a change of %s" % map, answer)

    def rows(self, map: str) -> Iterator[Tuple[str, str]]:
        """All rows of a map, in no useful order; a key twice when it has two rows."""
        for line in self.ask("show map " + map).splitlines():
            parts = line.split(" ")
            if len(parts) == 3:  # reference, key, value
                yield parts[1], parts[2]

    def replace(self, map: str, rows: Dict[str, str]) -> None:
        """Replace a whole map at once: visitors see the old one or the new one, never a part."""
        answer = self.ask("prepare map " + map)
        version = answer.rpartition(" ")[2]
        if not version.isdigit():
            raise Failed("HAProxy did not prepare %s" % map, answer)
        try:
            for payload in _payloads(rows):
                answer = self.ask("add map @%s %s" % (version, map), payload)
                if answer:
                    raise Failed("HAProxy did not take rows of %s" % map, answer)
            answer = self.ask("commit map @%s %s" % (version, map))
            if answer:
                raise Failed("HAProxy did not commit %s" % map, answer)
        except Failed:
            self.ask("clear map @%s %s" % (version, map))
            raise

    # --- certificates --------------------------------------------------------------------------------------------

    def fingerprint(self, certificate: str) -> Optional[str]:
        """SHA-1 (upper-case hex) of the certificate that is loaded under that path, None when none is."""
        found = _FINGERPRINT.search(self.ask("show ssl cert " + certificate))
        return found.group(1) if found else None

    def listed_certificates(self) -> Dict[str, str]:
        """The certificates that visitors are offered, each with the names that it is offered for."""
        lines = self.ask("show ssl crt-list " + paths.CERTIFICATE_LIST).splitlines()
        rows = (line.strip().partition(" ") for line in lines if line.startswith("/"))
        return {path: names for path, _blank, names in rows}

    def put_certificate(self, certificate: str, names: str, pem: str, listed: Dict[str, str]) -> None:
        """Load a certificate, new or renewed, and offer it for these names (parted by blanks), whatever stands in it.

        ``listed``: what is offered so far (the whole list is long, and is not read for each one); kept up to date.
        """
        if "not found" in self.ask("show ssl cert " + certificate).lower():
            self._expect("new ssl cert " + certificate, "New empty certificate store")
        try:
            payload = "\n".join(line for line in pem.splitlines() if line.strip())  # an empty line would end it
            self._expect("set ssl cert " + certificate, "Transaction", payload + "\n")
            self._expect("commit ssl cert " + certificate, "Success!", last=True)
        except Failed:
            self.ask("abort ssl cert " + certificate)
            raise
        if listed.get(certificate) != names:  # (an earlier release offered it for all that stood in it)
            self._unlist(certificate, listed)
            row = " ".join(map(_word, [certificate, *names.split()]))
            self._expect("add ssl crt-list " + paths.CERTIFICATE_LIST, "Success!", row + "\n", last=True)
            listed[certificate] = names

    def drop_certificate(self, certificate: str, listed: Dict[str, str]) -> None:
        """Stop offering a certificate and forget it; right also when it was never there."""
        self._unlist(certificate, listed)
        if "not found" not in self.ask("show ssl cert " + certificate).lower():
            self._expect("del ssl cert " + certificate, "deleted")

    def _unlist(self, certificate: str, listed: Dict[str, str]) -> None:
        if certificate in listed:
            self._expect("del ssl crt-list %s %s" % (paths.CERTIFICATE_LIST, certificate), "deleted")
            del listed[certificate]

    def _expect(self, command: str, good: str, payload: str = "", last: bool = False) -> None:
        answer = self.ask(command, payload)
        if good not in (answer.splitlines() or [""])[-1 if last else 0]:
            raise Failed("HAProxy did not do: " + command, answer)


def _connect(path: str, timeout: float) -> socket.socket:
    """A connection to a socket. While HAProxy replaces itself, it refuses for an instant."""
    deadline = time.monotonic() + RESTART
    while True:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.settimeout(timeout)
        try:
            connection.connect(path)
            return connection
        except (ConnectionRefusedError, FileNotFoundError):
            connection.close()
            if time.monotonic() > deadline or not _is_active(_UNITS.get(path, paths.UNIT)):
                raise
        except OSError:
            connection.close()
            raise
        time.sleep(0.02)


def _is_active(unit: str) -> bool:
    """Whether systemd says that HAProxy runs (or is just being started or reloaded)."""
    command = ["systemctl", "show", "--property=ActiveState", "--value", unit]
    return commands.run(command).strip() in ("active", "reloading", "activating")


def processes(of: paths.Instance = paths.EDGE) -> Tuple[List[str], List[Process]]:
    """Process id of the present worker (a list of one), and the workers of before the last reloads.

    A visitor's open connection may still bring an older one a request. While a reload is under way, the answer comes
    after it.
    """
    section = ""
    found: Dict[str, List[str]] = {"# workers": [], "# old workers": []}
    for line in _processes(of).splitlines():
        if line.startswith("#"):
            section = line.strip()
        elif section in found and line.split()[:1] and line.split()[0].isdigit():
            found[section].append(line.split()[0])
    older = [Process(of.master_socket, pid) for pid in found["# old workers"]]
    return found["# workers"], older


def _processes(of: paths.Instance) -> str:
    """The master's list. It breaks connections off when it replaces itself, so it is asked again for a while."""
    deadline = time.monotonic() + RESTART
    while True:
        try:
            answer = Process(of.master_socket).ask("show proc", timeout=120.0)
            if "# workers" in answer:
                return answer
            error = Failed("HAProxy's master does not list its processes", answer)
        except Failed as failed:
            error = failed
        if time.monotonic() > deadline or not _is_active(of.unit):
            raise error
        time.sleep(0.02)


def has_master(of: paths.Instance = paths.EDGE) -> bool:
    """Whether HAProxy runs with a master that can reload it."""
    try:
        return bool(processes(of)[0])
    except Failed:
        return False


def reload(of: paths.Instance = paths.EDGE) -> None:
    """Start a new worker on the files as they are now, and return when it serves. Raises Failed when it does not start.

    Call it under the host's lock only.
    """
    try:
        state = Process(of.admin_socket).ask("show servers state") if of.server_state else ""
    except Failed:
        state = ""
    if state:
        with open(of.server_state, "w") as file:
            file.write(state + "\n")
    answer = Process(of.master_socket).ask("reload", timeout=120.0)
    if not answer.startswith("Success=1"):
        raise Failed("HAProxy did not load its new configuration", answer)


def wait(seconds: float = 10.0, of: paths.Instance = paths.EDGE) -> None:
    """Return when the worker answers. Raises Failed when it does not within the time."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            Process(of.admin_socket).ask("show version", timeout=2.0)
            return
        except Failed:
            if time.monotonic() > deadline:
                raise
        time.sleep(0.05)


def _word(text: str) -> str:
    """What can stand in a command as one word. All that comes here was validated; this is the last door."""
    if not _WORD.match(text):
        raise Failed("not a word that HAProxy can be told")
    return text


def _payloads(rows: Dict[str, str]) -> Iterable[str]:
    lines: List[str] = []
    size = 0
    for key, value in rows.items():
        line = "%s %s\n" % (_word(key), _word(value))
        if size + len(line) > PAYLOAD:
            yield "".join(lines)
            lines, size = [], 0
        lines.append(line)
        size += len(line)
    if lines:
        yield "".join(lines)
