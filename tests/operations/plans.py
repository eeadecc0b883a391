"""Plans and actions for tests: they write to a journal file, so that what was done survives a kill -9."""

import json
import os
import time
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from controlpanel.operations.errors import AnswerLost, HostAway, PassedOver, Refused
from controlpanel.operations.models import Operation, Step
from controlpanel.operations.registry import Action, Plan, PlannedStep, Reserve, Stages, register

_pool = ThreadPoolExecutor(8)


class World:
    """The hosts of these tests: a directory with one file of lines a host, and switches for trouble."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, line: str) -> None:
        with (self.path / "journal").open("a") as file:
            file.write(line + "\n")
            file.flush()
            os.fsync(file.fileno())

    def lines(self) -> list[str]:
        journal = self.path / "journal"
        return journal.read_text().splitlines() if journal.exists() else []

    def applied(self) -> set[str]:
        """What is in force now: the effect of replaying the journal, in which doing a thing twice changes nothing."""
        state: set[str] = set()
        for line in self.lines():
            verb, _, what = line.partition(" ")
            state.add(what) if verb == "do" else state.discard(what)
        return state

    def trouble(self, name: str, kind: str = "") -> None:
        file = self.path / f"trouble-{name}"
        file.write_text(kind) if kind else file.unlink(missing_ok=True)

    def raise_trouble(self, name: str) -> None:
        file = self.path / f"trouble-{name}"
        kind = file.read_text() if file.exists() else ""
        if kind == "away":
            raise HostAway(name)
        if kind == "lost":
            raise AnswerLost(name)
        if kind == "refuse":
            raise Refused("invalid", {"host": name, "reason": "password=hunter2"}, output="key AQ" + "a" * 37 + "==")
        if kind == "pass":
            raise PassedOver("host_away", {"host": name})
        if kind == "slow":
            time.sleep(1.0)


@register
class Write(Action):
    name = "test.write"
    title = "Write %(what)s on %(host)s"
    undoable = True

    def intend(self, step: Step) -> None:
        World(Path(step.args["world"])).raise_trouble(f"intend-{step.host}")
        Step.objects.filter(pk=step.pk).update(answer={"intended": True})

    def intend_undo(self, step: Step) -> None:
        Step.objects.filter(pk=step.pk).update(answer={"intended": "undo"})

    def on_skip(self, step: Step) -> None:
        Step.objects.filter(pk=step.pk).update(answer={"skipped": True})

    def submit(self, step: Step) -> "Future[dict[str, Any]]":
        return _pool.submit(self._do, World(Path(step.args["world"])), "do", step.host, step.args["what"])

    def submit_undo(self, step: Step) -> "Future[dict[str, Any]]":
        return _pool.submit(self._do, World(Path(step.args["world"])), "undo", step.host, step.args["what"])

    @staticmethod
    def _do(world: World, verb: str, host: str, what: str) -> dict[str, Any]:
        world.raise_trouble(host)
        world.write(f"{verb} {host}/{what}")
        return {"password": "hunter2", "what": what}


class _Base(Plan):
    title = "Write everywhere"

    def stages(self, params: Mapping[str, Any]) -> Stages:
        def step(host: str, what: str) -> PlannedStep:
            return PlannedStep("test.write", host, {"what": what, "world": params["world"]})

        return [[step("a", "one"), step("b", "one")], [step("c", "two")], [step("a", "three"), step("b", "three")]]

    def reservations(self, params: Mapping[str, Any]) -> list[Reserve]:
        return [Reserve(name) for name in params.get("reserve", ["thing:1"])] + [
            Reserve(name, exclusive=False) for name in params.get("share", [])
        ]

    def on_success(self, operation: Operation) -> None:
        World(Path(operation.params["world"])).write(f"do end/succeeded-{json.dumps(operation.pk)}")


@register
class Undoing(_Base):
    kind = "test.undoing"
    undo_on_failure = True


@register
class Staying(_Base):
    kind = "test.staying"


@register
class Steered(_Base):
    kind = "test.steered"
    undo_on_failure = True
    steered_by_staff = True
