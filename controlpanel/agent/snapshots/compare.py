"""Which files of a site differ from a snapshot: bounded in number and time, and continued where it left off.

What has the same size, owner, mode and times is taken for the same. Among the times is that of the last change of
anything about the file, which the site cannot set back (as what hides in it does with the time of the last write).
"""

from __future__ import annotations

import hashlib
import os
import time
from typing import Any, Dict, Iterator, List, Optional, Tuple

from . import places

#: Differences of one answer; seconds that it takes, about; bytes of a file that is read to be sure.
LIMIT, SECONDS, READ = 500, 15.0, 16 * 1024**2

Difference = Dict[str, Any]


def page(site: str, snapshot: str, after: str, limit: int = LIMIT) -> Dict[str, Any]:
    """``{"differences": […], "next": where to go on, empty at the end, "looked_at": entries}``, in order of names."""
    deadline = time.monotonic() + SECONDS
    found: List[Difference] = []
    walk = Walk(after.split("/") if after else [])
    following = ""
    with places.opened(site, snapshot) as (then, now):
        for path, difference in walk.below(then, now, []):
            if difference is not None:
                found.append(difference)
            if len(found) >= limit or time.monotonic() > deadline:
                following = path
                break
    return {"differences": found, "next": following, "looked_at": walk.looked_at}


class Walk:
    """Both trees at once, each directory in the order of its names, parents before what is in them."""

    def __init__(self, after: "List[str]") -> None:
        self.after = after
        self.looked_at = 0

    def below(
        self, then: Optional[int], now: Optional[int], above: List[str]
    ) -> "Iterator[Tuple[str, Optional[Difference]]]":
        """Path and difference of each entry; None for one that is as it was."""
        names = set(os.listdir(then) if then is not None else ()) | set(os.listdir(now) if now is not None else ())
        for name in sorted(names):
            parts = [*above, name]
            # Names that are no text cannot be where we go on; they are few.
            shown = [places.readable(part) for part in parts]
            if (not above and places.OURS.match(name)) or (shown < self.after and shown != self.after[: len(shown)]):
                continue
            old, new = places.look(then, name), places.look(now, name)
            self.looked_at += 1
            if shown > self.after:
                yield "/".join(shown), self._difference(parts, then, now, old, new)
            if "directory" in (places.kind_of(old), places.kind_of(new)):
                with places.directory(then, name) as inner_then, places.directory(now, name) as inner_now:
                    yield from self.below(inner_then, inner_now, parts)

    def _difference(
        self,
        parts: List[str],
        then: Optional[int],
        now: Optional[int],
        old: Optional[os.stat_result],
        new: Optional[os.stat_result],
    ) -> Optional[Difference]:
        if old is None and new is None:
            return None  # it went away while we looked
        what = "added" if old is None else "removed" if new is None else self._change(parts[-1], then, now, old, new)
        if not what:
            return None
        difference: Difference = {"path": "/".join(map(places.readable, parts)), "what": what}
        for word, status, directory in (("before", old, then), ("after", new, now)):
            if status is not None:
                difference[word] = _facts(status, parts[-1], directory, hashed=what != "touched")
        return difference

    @staticmethod
    def _change(name: str, then: Optional[int], now: Optional[int], old: os.stat_result, new: os.stat_result) -> str:
        if places.kind_of(old) != places.kind_of(new):
            return "changed"
        same_rights = (old.st_mode, old.st_uid, old.st_gid) == (new.st_mode, new.st_uid, new.st_gid)
        if places.kind_of(old) == "directory":
            return "" if same_rights else "rights"
        same = (old.st_size, old.st_mtime_ns, old.st_ctime_ns) == (new.st_size, new.st_mtime_ns, new.st_ctime_ns)
        if same and same_rights:
            return ""
        if old.st_size == new.st_size and _content(then, name, old) == _content(now, name, new) != "":
            return "touched" if same_rights else "rights"
        return "changed"


def _facts(status: os.stat_result, name: str, directory: Optional[int], hashed: bool) -> Dict[str, Any]:
    kind = places.kind_of(status)
    facts: Dict[str, Any] = {
        "kind": kind,
        "mode": f"{status.st_mode & 0o7777:04o}",
        "uid": status.st_uid,
        "modified": int(status.st_mtime),
        "changed": int(status.st_ctime),
    }
    if kind == "file":
        facts["size"] = status.st_size
        if hashed:
            facts["sha256"] = _content(directory, name, status)
    if kind == "link" and directory is not None:
        try:
            facts["target"] = places.readable(os.readlink(name, dir_fd=directory))[:1024]
        except OSError:
            facts["target"] = ""
    return facts


def _content(directory: Optional[int], name: str, status: os.stat_result) -> str:
    """SHA-256 of a file, or of where a link leads; empty for one that is too large or cannot be read."""
    try:
        if places.kind_of(status) == "link":
            return hashlib.sha256(os.fsencode(os.readlink(name, dir_fd=directory))).hexdigest()
        if places.kind_of(status) != "file" or status.st_size > READ:
            return ""
        fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=directory)
        with open(fd, "rb") as file:
            return hashlib.sha256(file.read(READ + 1)).hexdigest()
    except OSError:
        return ""
