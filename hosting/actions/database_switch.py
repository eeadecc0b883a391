"""The moment of a database's move in which connections wait: as few round trips as can be, in two steps.

``Freeze`` holds the gates, closes the source and lets the copy take on the rest: all of that can be taken back, and is
at once when any of it fails. ``Open`` lets users in on the target and leads connections there: from its first try on
there is no way back, for they may write at once. Between the two lies the ledger, so that whoever goes on after a crash
knows which of them it was. Nobody waits for long whatever happens: a hold ends by itself after 30 seconds.
"""

import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import Any

from django.db.models import F
from django.utils.translation import gettext_lazy as _

from controlpanel.fleet import channel
from controlpanel.fleet.actions import Call, HostAction, apply_call, raise_for_items
from controlpanel.fleet.desired import Resource
from controlpanel.fleet.models import Host
from controlpanel.operations.errors import HostAway, NotNow, Refused, StepError, add_messages
from controlpanel.operations.futures import in_thread
from controlpanel.operations.models import Step
from controlpanel.operations.registry import register
from controlpanel.operations.services import NotPossible

from ..databases import desired, servers
from ..models import Database, Site
from .database_moves import from_source, move_of
from .gates import load

add_messages(
    {
        "not_frozen": _("Connections were let go again, because %(host)s did not do its part: %(reason)s"),
    }
)

#: Milliseconds in which connections that are open may end by themselves, before they are ended.
GRACE_MS = 250
#: Seconds in which the copy must have the last of it while connections wait; else they are let go.
CATCH_UP = 10
#: The other way to freeze (``database_held``).
HELD = "hosting.copy_held"
#: Seconds for one answer of a gate.
_GATE = 15.0
#: Tries of freezing, before the move is given up.
TRIES = 6


class Gates:
    """All gates, told something at once. Made in the worker's thread; ``tell`` is for any thread."""

    def __init__(self, step: Step, database: Database) -> None:
        self.operation = step.operation_id
        self.hosts = list(servers.gate_hosts())
        needs = Site.objects.filter(order=database.order_id).exclude(host=None)
        #: Hosts whose sites could ask for this database now: these must be there.
        self.needed = set(needs.values_list("host__name", flat=True))

    def tell(self, resource: Resource) -> list[str]:
        """Every gate has it then; the names of those that are away and were not needed. Raises StepError."""
        call = apply_call(self.operation, [resource], timeout=_GATE)
        asked = [(host, channel.call(host, call.name, call.args, timeout=_GATE, quick=True)) for host in self.hosts]
        away: list[str] = []
        trouble: StepError | None = None
        for host, future in asked:
            try:
                raise_for_items(future.result(_GATE + 1), host.name)
            except HostAway as error:
                if host.name in self.needed:
                    trouble = error
                else:
                    away.append(host.name)
            except StepError as error:
                trouble = error
        if trouble is not None:
            raise trouble
        return away


class SwitchAction(HostAction):
    """Args: ``{"database": id, "source": name}``; ``step.host`` is the target."""

    def on_skip(self, step: Step) -> None:
        raise NotPossible(_("Without this step nobody could use the database. Try it again, or cancel the move."))


@register
class Freeze(SwitchAction):
    """New connections wait at the gates; nobody is left on the source; the copy has the last of it."""

    name = "hosting.freeze_database"
    title = _("Let connections wait, and take on the last changes on %(host)s")
    undoable = True

    def intend(self, step: Step) -> None:
        # Two: one to hold the gates, and one to let them go should this try fail.
        Database.objects.filter(pk=step.args["database"]).update(frozen=True, revision=F("revision") + 2)

    def submit(self, step: Step) -> "Future[dict[str, Any]]":
        database = load(step)
        gates = Gates(step, database)
        source, target = _hosts(step)
        hold = desired.route_resource(database, hold=True)
        let_go = desired.route_resource(database, revision=database.revision + 1, hold=False)
        lock = Call("database.lock", {**move_of(step, database), "grace_ms": GRACE_MS}, 20)
        catch_up = Call("database.catch_up", {**from_source(step, database), "limit": CATCH_UP}, CATCH_UP + 10)
        unlock = unlock_call(database)
        last = step.attempts >= TRIES

        def work() -> dict[str, Any]:
            began = time.time()
            locked = last_of_it = False
            try:
                away = gates.tell(hold)
                held = time.time()
                locked = True
                answer = ask(source, lock)
                closed = time.time()
                last_of_it = True
                args = {**catch_up.args, "position": answer["position"]}
                ask(target, Call(catch_up.name, args, catch_up.timeout))
            except Exception as error:
                quietly(lambda: ask(source, unlock) if locked else {})
                quietly(lambda: gates.tell(let_go))
                raise after_letting_go(error, target.name, last_of_it or last) from error
            done = time.time()
            return {
                "began": began,
                "away": away,
                "hold_ms": ms(began, held),
                "close_ms": ms(held, closed),
                "catch_up_ms": ms(closed, done),
            }

        return in_thread(work, "database-move")

    def confirm(self, step: Step, answer: dict[str, Any]) -> None:
        Host.objects.filter(name__in=answer["away"]).update(needs_resync=True)

    def intend_undo(self, step: Step) -> None:
        Database.objects.filter(pk=step.args["database"]).update(frozen=False, revision=F("revision") + 2)

    def submit_undo(self, step: Step) -> "Future[dict[str, Any]]":
        database = load(step)
        gates = Gates(step, database)
        source, _target = _hosts(step)
        route, unlock = desired.route_resource(database), unlock_call(database)

        def work() -> dict[str, Any]:
            ask(source, unlock)
            return {"away": gates.tell(route)}

        return in_thread(work, "database-move")

    def confirm_undo(self, step: Step, answer: dict[str, Any]) -> None:
        self.confirm(step, answer)


@register
class Open(SwitchAction):
    """Its users may come in on the target, and connections are led there."""

    name = "hosting.open_database"
    title = _("Open the database on %(host)s, and lead connections there")

    def submit(self, step: Step) -> "Future[dict[str, Any]]":
        database = load(step)
        gates = Gates(step, database)
        _source, target = _hosts(step)
        # Not written before it is so: a try that follows a crash sends the same again.
        revision = database.revision + 1 if database.frozen else database.revision
        route = desired.route_resource(database, host=target, revision=revision, hold=False)
        unlock = unlock_call(database)
        began = _began(step)

        def work() -> dict[str, Any]:
            start = time.time()
            ask(target, unlock)
            opened = time.time()
            away = gates.tell(route)
            done = time.time()
            window = {"window_ms": ms(began, done)} if began else {}
            return {"away": away, "open_ms": ms(start, opened), "switch_ms": ms(opened, done), **window}

        return in_thread(_or_wait(work, target.name), "database-move")

    def confirm(self, step: Step, answer: dict[str, Any]) -> None:
        Host.objects.filter(name__in=answer["away"]).update(needs_resync=True)
        moved = Database.objects.filter(pk=step.args["database"], moving_to__name=step.host)
        moved.update(copy_host=F("host"), host=F("moving_to"), moving_to=None, frozen=False, revision=F("revision") + 1)


def after_letting_go(error: Exception, host: str, give_up: bool) -> StepError:
    """What the step says when it has failed and all is as before.

    A copy that may have taken on what it took for the last of it follows no longer: that move is given up.
    """
    output = error.output if isinstance(error, StepError) else f"{type(error).__name__}: {error}"
    if give_up or isinstance(error, Refused):
        return Refused("copy_broken", {"host": host, "reason": output[:300]}, output)
    where = error.params.get("host", host) if isinstance(error, StepError) else host
    return NotNow("not_frozen", {"host": where, "reason": output[:300]}, output)


def _hosts(step: Step) -> tuple[Host, Host]:
    """Source and target."""
    return Host.objects.get(name=step.args["source"]), Host.objects.get(name=step.host)


def unlock_call(database: Database) -> Call:
    """Let its users in, on the host that is asked."""
    return Call("database.unlock", {"name": database.name, "engine": database.engine}, 20)


def ask(host: Host, call: Call) -> dict[str, Any]:
    """The answer, waited for in a thread of the step's own. Raises StepError."""
    return channel.call(host, call.name, call.args, timeout=call.timeout, quick=True).result(call.timeout + 5)


def quietly(work: Callable[[], Any]) -> None:
    """What is done for those who wait; the step's own trouble is told, not this one's."""
    try:
        work()
    except Exception:
        return


def _or_wait(work: Callable[[], dict[str, Any]], host: str) -> Callable[[], dict[str, Any]]:
    """There is no way back, so whatever goes wrong is tried again until it goes well."""

    def patient() -> dict[str, Any]:
        try:
            return work()
        except NotNow:
            raise
        except Exception as error:
            output = error.output if isinstance(error, StepError) else f"{type(error).__name__}: {error}"
            raise NotNow("failed", {"host": host}, output) from error

    return patient


def _began(step: Step) -> float:
    """When the freeze before began, or 0."""
    earlier = Step.objects.filter(operation=step.operation_id, action__in=(Freeze.name, HELD)).first()
    answer: Mapping[str, Any] = earlier.answer if earlier else {}
    return float(answer.get("began") or 0)


def ms(start: float, end: float) -> int:
    """Milliseconds between two moments in seconds."""
    return round((end - start) * 1000)
