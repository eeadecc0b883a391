"""The part of a database's move that copies it while its connections wait: for what no copy can follow.

Holds end by themselves after 30 seconds (a dead panel parks nobody), so this one is renewed as long as the copy goes
on. The copy is compared before anybody is let in: what differs is never opened.
"""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any

from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from controlpanel.fleet import channel
from controlpanel.fleet.actions import Call
from controlpanel.fleet.models import Host
from controlpanel.operations.errors import Refused, StepError, add_messages
from controlpanel.operations.futures import in_thread
from controlpanel.operations.models import Step
from controlpanel.operations.registry import register

from ..databases import desired
from ..models import Database
from .database_moves import compared, from_source, move_of
from .database_switch import GRACE_MS, TRIES, Freeze, Gates, after_letting_go, ask, ms, quietly, unlock_call
from .databases import LONG
from .gates import load

add_messages(
    {
        "copy_differs_held": _("The copy on %(host)s differs from the original, so it was not opened."),
    }
)

#: Seconds between two holds; one lasts 30.
RENEW = 20.0
#: How often, at most: as long as a copy may take.
RENEWALS = int(LONG / RENEW) + 5


@register
class CopyHeld(Freeze):
    """Args: ``{"database": id, "source": name}``; ``step.host`` is the target. New connections wait at the gates,
    nobody is left on the source, and it is copied and compared as it stands. What fails is let go at once."""

    name = "hosting.copy_held"
    title = _("Let connections wait, and copy everything to %(host)s meanwhile")

    def intend(self, step: Step) -> None:
        # One for each hold, and one to let connections go should this try fail.
        Database.objects.filter(pk=step.args["database"]).update(frozen=True, revision=F("revision") + RENEWALS + 2)

    def submit(self, step: Step) -> "Future[dict[str, Any]]":
        database = load(step)
        gates = Gates(step, database)
        source, target = Host.objects.get(name=step.args["source"]), Host.objects.get(name=step.host)
        first = database.revision - RENEWALS
        holds = [desired.route_resource(database, revision=first + turn, hold=True) for turn in range(RENEWALS + 1)]
        let_go = desired.route_resource(database, revision=database.revision + 1, hold=False)
        lock = Call("database.lock", {**move_of(step, database), "grace_ms": GRACE_MS}, 20)
        seed = Call("database.seed", {**from_source(step, database), "method": "locked"}, LONG)
        catch_up = Call("database.catch_up", {**from_source(step, database), "limit": 30}, 40)
        report = getattr(step, "report", None)
        compare = {"name": database.name, "engine": database.engine}

        def asked(host: Host) -> "Future[dict[str, Any]]":
            return channel.call(host, "database.compare", compare, timeout=LONG, quick=True)

        unlock = unlock_call(database)

        def work() -> dict[str, Any]:
            began = timezone.now().timestamp()
            locked = False
            try:
                away = gates.tell(holds[0])
                with _renewed(lambda turn: gates.tell(holds[turn])):
                    locked = True
                    position = ask(source, lock)["position"]
                    closed = timezone.now().timestamp()
                    args = {**seed.args, "lock": position["lock"]}
                    channel.call(target, seed.name, args, timeout=LONG, progress=report, quick=True).result(LONG + 5)
                    ask(target, Call(catch_up.name, {**catch_up.args, "position": position}, catch_up.timeout))
                    found = compared(*(one.result(LONG + 5) for one in [asked(source), asked(target)]))
                    if found["differences"]:
                        raise Refused("copy_differs_held", {"host": target.name}, "\n".join(found["differences"]))
            except Exception as error:
                quietly(lambda: ask(source, unlock) if locked else {})
                quietly(lambda: gates.tell(let_go))
                if isinstance(error, StepError) and error.code == "copy_differs_held":
                    raise
                raise after_letting_go(error, target.name, step.attempts >= TRIES) from error
            done = timezone.now().timestamp()
            return {"began": began, "away": away, "close_ms": ms(began, closed), "copy_ms": ms(closed, done), **found}

        return in_thread(work, "database-copy-held")


@contextmanager
def _renewed(hold: Callable[[int], Any]) -> Iterator[None]:
    """Hold again and again, from the second time on, until the block ends."""
    over = threading.Event()

    def work() -> None:
        for turn in range(1, RENEWALS + 1):
            if over.wait(RENEW):
                return
            quietly(lambda turn=turn: hold(turn))  # type: ignore[misc]

    thread = threading.Thread(target=work, name="database-hold", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
