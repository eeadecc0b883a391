"""Kinds for tests of the engine: real files below a folder, and programs that say what the test wants."""

import sys
from pathlib import Path
from typing import Any

from controlpanel.agent import fields
from controlpanel.agent.calls import Context
from controlpanel.agent.engine import Engine
from controlpanel.agent.errors import Failed
from controlpanel.agent.kinds.base import File, Kind
from controlpanel.agent.kinds.registry import Registry
from controlpanel.agent.paths import Paths
from controlpanel.agent.store import Store


def program(source: str, *args: str) -> list[str]:
    """The arguments of a program that runs that Python."""
    return [sys.executable, "-c", source, *args]


class Note(Kind):
    """A file with a text. The check is a program that refuses the word "broken"; the reload appends to a log."""

    name = "note"
    roles = frozenset({"web"})
    order = 10
    secrets = frozenset({"password"})

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder.parent / "log"
        self.log.touch()

    def validate(self, id: str, spec: dict[str, Any]) -> dict[str, Any]:
        fields.only(spec, ("text", "password", "fail_reload", "fail_alone", "stumble"))
        return {
            "text": fields.text(spec, "text", 100),
            **{key: fields.text(spec, key, 100) for key in spec if key != "text"},
        }

    def files(self, id: str, spec: dict[str, Any]) -> list[File]:
        return [File(str(self.folder / id), spec["text"].encode())]

    def apply(self, tx, items) -> None:
        for item in items:
            if "stumble" in item.spec:
                raise RuntimeError(f"stumbled over {item.spec.get('password')}")
            if "fail_alone" in item.spec:
                item.failure = Failed("this one only", item.spec.get("password", ""))
                continue
            item.answer = {"said": f"hello {item.spec.get('password', '')}"}
        good = [item for item in items if item.failure is None]
        super().apply(tx, good)
        self._load(tx, good)

    def remove(self, tx, items) -> None:
        super().remove(tx, items)
        self._load(tx, items)

    def _load(self, tx, items) -> None:
        if not any(path.startswith(str(self.folder)) for path in tx.changed):
            return
        check = (
            "import pathlib,sys; sys.exit(any('broken' in p.read_text() for p in pathlib.Path(sys.argv[1]).iterdir()))"
        )
        tx.check("notes", program(check, str(self.folder)))
        tx.reload("notes", lambda: self.reload())
        if any("fail_reload" in item.spec for item in items):
            tx.confirm(self.refuse)

    def reload(self) -> None:
        with self.log.open("a") as log:
            log.write(",".join(sorted(path.name for path in self.folder.iterdir())) + "\n")

    @staticmethod
    def refuse() -> None:
        raise Failed("it does not run")


class Data(Kind):
    """Something that a resync must never remove."""

    name = "data"
    roles = frozenset({"web"})
    order = 20
    prunable = False

    def validate(self, id: str, spec: dict[str, Any]) -> dict[str, Any]:
        fields.only(spec, ("size",))
        return {"size": fields.integer(spec, "size", 0, 10)}


class Agent:
    """An agent whose host is a temporary folder."""

    def __init__(self, root: Path) -> None:
        self.paths = Paths(str(root))
        self.notes = root / "notes"
        self.notes.mkdir()
        self.note = Note(self.notes)
        self.registry = Registry(())
        self.registry.add(self.note)
        self.registry.add(Data())
        self.store = Store(self.paths.state)
        self.progress: list[dict[str, Any]] = []
        self.context = Context(self.store, frozenset({"web"}), self.paths, self.progress.append)
        self.engine = Engine(self.registry, self.context)

    def apply(self, *items: dict[str, Any], **options: Any) -> dict[str, Any]:
        return self.engine.apply({"operation": 7, "items": list(items), **options}, self.context)

    def statuses(self, *items: dict[str, Any], **options: Any) -> list[str]:
        return [item["status"] for item in self.apply(*items, **options)["items"]]

    def names(self) -> list[str]:
        """The notes that are on disk."""
        return sorted(path.name for path in self.notes.iterdir())

    def reloads(self) -> int:
        return len(self.note.log.read_text().splitlines())

    def journal(self) -> list[tuple[str, str]]:
        return [(entry["id"], entry["outcome"]) for entry in self.store.journal()]


def note(id: str, text: str = "hello", revision: int = 1, present: bool = True, **spec: Any) -> dict[str, Any]:
    """A resource of kind note, as on the wire."""
    spec = {"text": text, **spec} if present else {}
    return {
        "kind": "note",
        "id": id,
        "revision": revision,
        "state": "present" if present else "absent",
        "spec": spec,
    }


def data(id: str, size: int = 1, revision: int = 1) -> dict[str, Any]:
    return {"kind": "data", "id": id, "revision": revision, "state": "present", "spec": {"size": size}}
