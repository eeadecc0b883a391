"""Which resources are being changed: what it still names when the next change starts, a killed process left half done.

The file lives in /run: it must outlive a process, not a boot, for after a boot every service reads its files anew.
"""

from __future__ import annotations

import contextlib
import json
import os
from typing import Iterable, Set, Tuple

Key = Tuple[str, str]


class Unfinished:
    """Used under the host's lock only."""

    def __init__(self, path: str) -> None:
        self.path = path

    def read(self) -> Set[Key]:
        """Kinds and ids that were begun and never finished."""
        try:
            with open(self.path, encoding="utf-8") as file:
                return {(kind, id) for kind, id in json.load(file)}
        except (FileNotFoundError, ValueError):
            return set()

    def write(self, keys: Iterable[Key]) -> None:
        """Replace the list; an empty one is no file."""
        keys = sorted(keys)
        if not keys:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self.path)
            return
        beside = self.path + ".new"
        with open(beside, "w", encoding="utf-8") as file:
            json.dump(keys, file)
        os.rename(beside, self.path)
