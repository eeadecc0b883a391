"""The files that HAProxy looks names up in, changed row by row without reading a hundred thousand of them."""

from __future__ import annotations

import hashlib
import re
from typing import Iterator, Mapping, Optional, Tuple

_HEADER = b"# Written by the control panel's agent. Changes by hand are found and undone.\n"
_CHECKSUM = b"# checksum "
#: Printable, without spaces, and no comment.
_WORD = re.compile(r"\A(?!#)[!-~]+\Z")
#: From so many rows on it is cheaper to take the file apart than to look for each row.
MANY = 100

#: Key to value; None stands for "not there". A list has the value "" everywhere.
Rows = Mapping[str, Optional[str]]


class Table:
    """A map (``key value`` a line) or a list (``key``, or ``key word word``, a line), in the order in which the rows
    came.

    The last line is a checksum of all before it, so that a change by hand anywhere in the file is seen at once.
    """

    def __init__(self, content: bytes = b"", trust: bool = False) -> None:
        """``trust``: do not ask whether the file is intact; right for what we have just written, and for looking."""
        body, mark, checksum = content.rpartition(_CHECKSUM)
        if trust:
            self.intact = True
            self._body = body if mark and body.startswith(_HEADER) else _plain(content)
        else:
            #: Whether it is as it was written, to the byte. The rows of one that is not are not taken over.
            self.intact = bool(mark) and body.startswith(_HEADER) and checksum == _checksum(body)
            self._body = body if self.intact else _HEADER

    @classmethod
    def of(cls, rows: Rows) -> "Table":
        """A table of these rows."""
        table = cls()
        table._body = _HEADER + b"".join(_row(key, value) for key, value in rows.items() if value is not None)
        table.intact = True
        return table

    def copy(self) -> "Table":
        """Another one with the same rows."""
        table = Table()
        table._body, table.intact = self._body, self.intact
        return table

    @property
    def content(self) -> bytes:
        return self._body + _CHECKSUM + _checksum(self._body)

    def __iter__(self) -> Iterator[Tuple[str, str]]:
        for line in self._body[len(_HEADER) :].decode(errors="replace").splitlines():
            key, _, value = line.partition(" ")
            yield key, value

    def __len__(self) -> int:
        return self._body.count(b"\n") - 1

    def get(self, key: str) -> Optional[str]:
        place = self._find(key)
        if place is None:
            return None
        return self._body[place[0] : place[1]].decode().rstrip("\n").partition(" ")[2]

    def edit(self, rows: Rows) -> None:
        """Set rows, and delete those whose value is None."""
        if len(rows) >= MANY:
            self._body = Table.of({**dict(self), **rows})._body
            return
        for key, value in rows.items():
            place = self._find(key)
            new = _row(key, value) if value is not None else b""
            if place is None:
                self._body += new
            elif self._body[place[0] : place[1]] != new:
                self._body = self._body[: place[0]] + new + self._body[place[1] :]

    def _find(self, key: str) -> Optional[Tuple[int, int]]:
        """Where the key's row begins and ends (behind its line break)."""
        name = key.encode()
        for behind in (b" ", b"\n"):
            before = self._body.find(b"\n" + name + behind)
            if before >= 0:
                return before + 1, self._body.index(b"\n", before + 1) + 1
        return None


def _row(key: str, value: str) -> bytes:
    # All that comes here was validated; this is the last door.
    # A file's row (of the list of certificates) may have several words: the names that it is for.
    words = value.split(" ") if key.startswith("/") else [value]
    if not _WORD.match(key) or not (value == "" or all(_WORD.match(word) for word in words)):
        raise ValueError("not a row")
    return ("%s %s\n" % (key, value) if value else key + "\n").encode()


def _plain(content: bytes) -> bytes:
    """The rows of a file that somebody else has written."""
    lines = [line for line in content.splitlines() if line.strip() and not line.startswith(b"#")]
    return _HEADER + b"".join(line + b"\n" for line in lines)


def _checksum(body: bytes) -> bytes:
    return hashlib.blake2b(body, digest_size=16).hexdigest().encode() + b"\n"
