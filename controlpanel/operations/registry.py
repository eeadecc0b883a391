"""Plans (what an operation does, step by step) and actions (how one step is done), by name.

A plan is a pure function of the database and its params, so the same code previews and does the work. An app defines
its plans and actions in ``plans.py``, which is imported when Django starts.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from django.utils.translation import gettext_lazy as _

from .errors import Blank

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise
    from django.utils.safestring import SafeString

    from .models import Operation, Step

Params = Mapping[str, Any]


@dataclass(frozen=True)
class PlannedStep:
    """A step to come. ``action`` is a registered action's name; ``args`` are ids and names, never a secret."""

    action: str
    host: str = ""
    args: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Reserve:
    """A resource that the operation needs, as "kind:id"; exclusive unless said otherwise."""

    resource: str
    exclusive: bool = True


#: Stages in order; the steps inside one stage run in parallel.
Stages = Sequence[Sequence[PlannedStep]]


class Plan:
    """What one kind of operation does. Subclass, and decorate with ``@register``."""

    kind: ClassVar[str]
    #: May hold %(name)s placeholders, filled from params.
    title: ClassVar["str | _StrPromise"]
    #: On failure take back the steps that were done (True), or leave things as they are for a retry (False).
    undo_on_failure: ClassVar[bool] = False
    #: Others who may see it can neither cancel it nor try it again: it is not theirs to steer.
    steered_by_staff: ClassVar[bool] = False

    def stages(self, params: Params) -> Stages:
        """The steps, from the database as it is now. Reads only."""
        raise NotImplementedError

    def reservations(self, params: Params) -> list[Reserve]:
        """What no other operation may touch meanwhile."""
        raise NotImplementedError

    def describe(self, params: Params) -> str:
        """The title in the reader's language."""
        return str(self.title) % Blank(params)

    def may_turn_back(self, operation: "Operation") -> bool:
        """Whether its steps may still be taken back. Once False it only goes forward: nobody cancels it, and a failure
        leaves things as they are for a retry from the step that failed. Called with the operation's row locked."""
        return True

    def report(self, operation: "Operation") -> "SafeString | str":
        """What came of it so far, as HTML for staff on the operation's page; empty when the steps say it all."""
        return ""

    def on_success(self, operation: "Operation") -> None:
        """Called in the transaction that marks the operation succeeded."""

    def on_failure(self, operation: "Operation") -> None:
        """Called in the transaction that marks the operation failed (after the undo, if there is one)."""

    def on_cancel(self, operation: "Operation") -> None:
        """Called in the transaction that marks the operation cancelled, after the undo."""

    def on_retry(self, operation: "Operation") -> None:
        """Called in the transaction that queues a failed operation again."""


class Action:
    """How one step is done. Subclass, and decorate with ``@register``.

    ``submit`` starts the work and returns at once; the future's result goes to ``confirm``. An action is idempotent: it
    may be submitted again after a crash, after a lost answer, or after a host was away.
    """

    name: ClassVar[str]
    #: May hold %(name)s placeholders, filled from the step's args and %(host)s.
    title: ClassVar["str | _StrPromise"]
    #: Whether ``submit_undo`` exists.
    undoable: ClassVar[bool] = False

    def intend(self, step: "Step") -> None:
        """Write what ``submit`` is to bring about, in the transaction that marks the step running.

        Called before each try, so it is right also when it was written before. Fails as errors.py says.
        """

    def submit(self, step: "Step") -> "Future[dict[str, Any]]":
        """Start the work. Reads the database in the caller's thread, writes nothing; fails as errors.py says."""
        raise NotImplementedError

    def confirm(self, step: "Step", answer: dict[str, Any]) -> None:
        """Store what was observed, in the transaction that marks the step done."""

    def intend_undo(self, step: "Step") -> None:
        """Write what ``submit_undo`` is to bring about; as ``intend``."""

    def submit_undo(self, step: "Step") -> "Future[dict[str, Any]]":
        """Start taking the step back; idempotent, and right also when the step was never done."""
        raise NotImplementedError

    def confirm_undo(self, step: "Step", answer: dict[str, Any]) -> None:
        """Store what was observed, in the transaction that marks the step undone."""

    def on_skip(self, step: "Step") -> None:
        """Called in the transaction in which the step is skipped: by staff while it waits, or as PassedOver."""

    def describe(self, args: Params) -> str:
        """The title in the reader's language."""
        return str(self.title) % Blank(args)


class UnknownKind(Plan):
    """Stands in for a plan of an older release, so that old operations stay readable."""

    kind = "unknown"
    title = _("An operation of an earlier version")


class UnknownAction(Action):
    name = "unknown"
    title = _("A step of an earlier version")


_plans: dict[str, Plan] = {}
_actions: dict[str, Action] = {}


Registered = TypeVar("Registered", type[Plan], type[Action])


def register(cls: Registered) -> Registered:
    """Class decorator: make a plan or an action known under its name."""
    instance = cls()
    table, name = (_plans, instance.kind) if isinstance(instance, Plan) else (_actions, instance.name)
    if name in table:
        raise ValueError(f"{name!r} is registered twice, by {table[name]!r} and {instance!r}")
    table[name] = instance  # type: ignore[assignment]
    return cls


def known_kinds() -> list[str]:
    """Kinds of operations that this release has."""
    return sorted(_plans)


def plan_for(kind: str) -> Plan:
    """The plan of that kind, or a readable stand-in when this release has none."""
    return _plans.get(kind) or UnknownKind()


def action_for(name: str) -> Action:
    """The action of that name, or a readable stand-in when this release has none."""
    return _actions.get(name) or UnknownAction()
