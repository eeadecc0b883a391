"""A change of the host that happens as a whole, or not at all."""

from __future__ import annotations

import contextlib
import os
import stat
from typing import TYPE_CHECKING, Any, Callable, Dict, Iterable, List, Optional, Sequence, Set, Tuple, Union

from . import commands, disk
from .errors import AgentError, Failed, Rejected
from .kinds.base import File, Item

if TYPE_CHECKING:
    from .calls import Progress
    from .store import Store

Undo = Callable[[], Any]
#: Arguments of a program, or a function (of no arguments, raising Failed).
Command = Union[Sequence[str], Callable[[], Any]]


class Transaction:
    """Kinds change the host through it, in three parts.

    1. ``write`` ``remove`` ``mkdir`` ``rmdir`` ``run`` happen at once, and are remembered (``run``: what undoes it is
       the caller's to say, with ``on_rollback``).
    2. ``check`` ``reload`` ``confirm`` only register; ``commit`` runs all checks, then all reloads, then all
       confirmations.
    3. Any exception: ``rollback`` undoes everything in reverse, runs the checks again and repeats the reloads that had
       been done, so that the running programs have the old configuration too.
    """

    def __init__(
        self,
        store: "Optional[Store]" = None,
        items: Iterable[Item] = (),
        progress: "Optional[Progress]" = None,
    ) -> None:
        #: What was applied here before this transaction.
        self.store = store
        #: Paths whose content, mode, owner or existence really changed.
        self.changed: Set[str] = set()
        #: The same, by the kind that changed them.
        self.changed_by: Dict[str, Set[str]] = {}
        #: The kind that is at work. Set by the engine.
        self.kind = ""
        #: The last transaction with these resources was killed in the middle: what looks done may not have been loaded,
        #: so everything counts as changed. Set by the engine.
        self.force = False
        #: Tell the watcher how far it is (a small dict without secrets); never raises.
        self.progress: "Progress" = progress or (lambda data: None)
        self._items: Dict[str, Dict[str, Item]] = {}
        for item in items:
            self._items.setdefault(item.kind, {})[item.id] = item
        self._undo: List[Undo] = []
        self._directories: Set[str] = set()
        self._safe: Set[str] = set()
        self._checks: Dict[str, Tuple[Sequence[str], float]] = {}
        self._reloads: Dict[str, Tuple[Command, float]] = {}
        self._reloaded: List[str] = []
        self._confirmations: List[Undo] = []

    # --- what there is, and what there will be ---------------------------------------------------------------

    def specs(self, kind: str) -> Dict[str, Dict[str, Any]]:
        """All present specs of a kind as they will be after this transaction, by id. Reads the whole kind."""
        specs = dict(self.store.specs(kind)) if self.store is not None else {}
        for item in self._items.get(kind, {}).values():
            if item.present and item.failure is None:
                specs[item.id] = item.spec
            elif not item.present:
                specs.pop(item.id, None)
        return specs

    def spec(self, kind: str, id: str) -> Optional[Dict[str, Any]]:
        """One resource's spec as it will be after this transaction; None when it will not be present."""
        item = self._items.get(kind, {}).get(id)
        if item is not None and (not item.present or item.failure is None):
            return item.spec if item.present else None
        return self.store.spec(kind, id) if self.store is not None else None

    # --- at once ---------------------------------------------------------------------------------------------

    def write(self, file: File) -> bool:
        """Bring a file about; True when something changed. Its directory must exist and be root's alone."""
        directory = os.path.dirname(file.path)
        disk.check_directory(directory, self._safe)
        if disk.difference(file) is None:
            if self.force:
                self._note(file.path)
            return self.force
        before = disk.look(file.path)
        self._undo.append(lambda: disk.restore(before))
        disk.put(file)
        self._directories.add(directory)
        self._note(file.path)
        return True

    def remove(self, path: str) -> bool:
        """Take a file or a link away; True when it was there."""
        if not os.path.lexists(path):
            if self.force:
                self._note(path)
            return self.force
        directory = os.path.dirname(path)
        disk.check_directory(directory, self._safe)
        before = disk.look(path)
        self._undo.append(lambda: disk.restore(before))
        os.unlink(path)
        self._directories.add(directory)
        self._note(path)
        return True

    def mkdir(self, path: str, mode: int = 0o755, uid: int = 0, gid: int = 0) -> bool:
        """Bring a directory about (not its parents), with that mode and owner; True when something changed."""
        parent = os.path.dirname(path)
        disk.check_directory(parent, self._safe)
        root = os.geteuid() == 0
        try:
            os.mkdir(path, 0o700)
        except FileExistsError:
            status = os.lstat(path)
            if not stat.S_ISDIR(status.st_mode):
                raise Failed(f"{path} is not a directory") from None
            if stat.S_IMODE(status.st_mode) == mode and ((status.st_uid, status.st_gid) == (uid, gid) or not root):
                return False
            old = (stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid)
            self._undo.append(lambda: self._own(path, *old))
        except OSError as error:
            raise Failed(f"{path} cannot be made: {error.strerror}") from error
        else:
            self._undo.append(lambda: self._forget_directory(path))
            self._directories.add(parent)
        self._own(path, mode, uid, gid)
        self._note(path)
        return True

    def rmdir(self, path: str) -> bool:
        """Take an empty directory away; True when it was there. One that is not empty raises Failed."""
        parent = os.path.dirname(path)
        if not os.path.lexists(path):
            return False
        disk.check_directory(parent, self._safe)
        status = os.lstat(path)
        try:
            os.rmdir(path)
        except OSError as error:
            raise Failed(f"{path} cannot be removed: {error.strerror}") from error

        def again() -> None:
            os.mkdir(path, 0o700)
            self._own(path, stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid)

        self._undo.append(again)
        self._directories.add(parent)
        self._note(path)
        return True

    def run(
        self,
        argv: Sequence[str],
        timeout: float = 30.0,
        input: Optional[bytes] = None,
        ok: Sequence[int] = (0,),
        reason: str = "",
    ) -> str:
        """Run a program now and return its stdout; raises Failed with its output. See ``commands.run``."""
        return commands.run(argv, timeout=timeout, input=input, ok=ok, reason=reason)

    def on_rollback(self, undo: Undo) -> None:
        """Remember what takes the last thing back; called in reverse order, must be right also if little was done."""
        self._undo.append(undo)

    # --- at the end ------------------------------------------------------------------------------------------

    def check(self, key: str, argv: Sequence[str], timeout: float = 30.0) -> None:
        """Test the configuration by its own program, once a key, before any reload."""
        self._checks[key] = (argv, timeout)

    def reload(self, key: str, command: Command, timeout: float = 30.0) -> None:
        """Make a program read its configuration, once a key, after all checks."""
        self._reloads[key] = (command, timeout)

    def confirm(self, function: Undo) -> None:
        """Look, after all reloads, whether it is so; raising Failed rolls all back."""
        self._confirmations.append(function)

    def commit(self) -> None:
        """Run what was registered. Whoever calls it calls ``rollback`` when it raises."""
        for directory in sorted(self._directories):
            disk.sync_directory(directory)
        self._run_checks()
        for key in list(self._reloads):
            self._reloaded.append(key)  # before: a reload that failed may have done half
            self._reload(key)
        for function in self._confirmations:
            function()

    def rollback(self) -> List[str]:
        """Undo everything; returns what could not be undone, in words."""
        troubles: List[str] = []
        while self._undo:
            self._try(self._undo.pop(), troubles)
        for directory in sorted(self._directories):
            self._try(lambda directory=directory: disk.sync_directory(directory), troubles)  # type: ignore[misc]
        if self._reloaded:
            before = len(troubles)
            self._try(self._run_checks, troubles)
            if len(troubles) == before:  # a program that refuses the old files too keeps what it has loaded
                for key in self._reloaded:
                    self._try(lambda key=key: self._reload(key), troubles)  # type: ignore[misc]
        self.changed.clear()
        self.changed_by.clear()
        return troubles

    # --- helpers ---------------------------------------------------------------------------------------------

    def _note(self, path: str) -> None:
        self.changed.add(path)
        self.changed_by.setdefault(self.kind, set()).add(path)

    def _run_checks(self) -> None:
        for key, (argv, timeout) in self._checks.items():
            try:
                commands.run(argv, timeout=timeout)
            except Failed as error:
                raise Rejected(f"{key}: {error.reason}", error.output) from error

    def _reload(self, key: str) -> None:
        command, timeout = self._reloads[key]
        if callable(command):
            command()
        else:
            commands.run(command, timeout=timeout)

    @staticmethod
    def _own(path: str, mode: int, uid: int, gid: int) -> None:
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            if os.geteuid() == 0:
                os.fchown(fd, uid, gid)
            os.fchmod(fd, mode)
        finally:
            os.close(fd)

    @staticmethod
    def _forget_directory(path: str) -> None:
        with contextlib.suppress(FileNotFoundError):
            os.rmdir(path)

    @staticmethod
    def _try(undo: Undo, troubles: List[str]) -> None:
        try:
            undo()
        except AgentError as error:
            troubles.append(f"{error.reason} {error.output}".strip())
        except Exception as error:
            troubles.append(f"{type(error).__name__}: {error}")
