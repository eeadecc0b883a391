"""Steps that speak to a host: the base classes of the apps' actions."""

from collections.abc import Sequence, Set
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, ClassVar

from django.utils.translation import gettext_lazy as _

from controlpanel.operations.errors import NotNow, PassedOver, Refused, add_messages
from controlpanel.operations.models import Step
from controlpanel.operations.registry import Action

from . import channel, contacts
from .choices import HostState, Role
from .desired import Resource
from .models import Host

add_messages(
    {
        "failed": _(
            "%(host)s could not do it and put everything back as it was. Staff can see the details and try again."
        ),
        "busy": _("Something on %(host)s is still in use. Try again in a moment."),
        "occupied": _("%(host)s is busy with another change. This step is tried again."),
        "host_gone": _("%(host)s is no longer a managed host."),
    }
)

#: Troubled items that are listed for staff, at most.
LISTED = 20


@dataclass(frozen=True)
class Call:
    """A call to an agent. ``timeout`` (seconds) counts from the moment that it is handed over."""

    name: str
    args: dict[str, Any] = field(default_factory=dict)
    timeout: float = 60.0


class HostAction(Action):
    """A step that is one call to the agent of ``step.host``. Implement ``request`` (and ``undo_request``).

    An edge that is given up keeps nobody waiting: the others serve, and it gets its whole state before it is back.
    """

    #: Whether the step is for hosts that are fenced off too: those of a readmission.
    for_fenced: ClassVar[bool] = False

    def request(self, step: Step) -> Call:
        """The call, from the database as it is now. Reads only."""
        raise NotImplementedError

    def undo_request(self, step: Step) -> Call:
        """The call that takes the step back; needed when ``undoable``."""
        raise NotImplementedError

    def check(self, answer: dict[str, Any], host: str) -> dict[str, Any]:
        """Raise Refused when the answer means no. Runs in the channel's thread: no database."""
        return answer

    def submit(self, step: Step) -> "Future[dict[str, Any]]":
        return self._send(step, self.request(step))

    def submit_undo(self, step: Step) -> "Future[dict[str, Any]]":
        return self._send(step, self.undo_request(step))

    def on_skip(self, step: Step) -> None:
        """The host did not get this change: it needs a full resync before it is trusted again."""
        Host.objects.filter(name=step.host).update(needs_resync=True)

    def _send(self, step: Step, call: Call) -> "Future[dict[str, Any]]":
        contacts.note_all(step.host)
        host = Host.objects.filter(name=step.host).first()
        if host is None:
            raise Refused("host_gone", {"host": step.host})
        name = host.name
        if host.state == HostState.FENCED and host.roles == [Role.EDGE.value] and not self.for_fenced:
            raise PassedOver("host_fenced", {"host": name})
        return channel.call(
            host,
            call.name,
            call.args,
            timeout=call.timeout,
            progress=getattr(step, "report", None),
            check=lambda answer: self.check(answer, name),
            quick=True,  # a step that waits is tried again by itself
        )


class ApplyAction(HostAction):
    """A step that brings resources about on ``step.host``, all in one batch. Implement ``resources``."""

    #: Seconds; it includes waiting for other batches on the same host.
    timeout: float = 120.0
    #: Kinds of which another operation may have told the host something newer meanwhile: that it refuses ours as stale
    #: is no failure then.
    superseded: ClassVar[frozenset[str]] = frozenset()

    def resources(self, step: Step) -> Sequence[Resource]:
        """What the host should hold (or no longer hold), from the database as it is now. Reads only."""
        raise NotImplementedError

    def undo_resources(self, step: Step) -> Sequence[Resource]:
        """What takes the step back: usually the same resources with ``present=False``."""
        raise NotImplementedError

    def request(self, step: Step) -> Call:
        return apply_call(step.operation_id, self.resources(step), timeout=self.timeout)

    def undo_request(self, step: Step) -> Call:
        return apply_call(step.operation_id, self.undo_resources(step), timeout=self.timeout)

    def check(self, answer: dict[str, Any], host: str) -> dict[str, Any]:
        raise_for_items(answer, host, self.superseded)
        return answer


def apply_call(operation: int | None, resources: Sequence[Resource], *, timeout: float = 120.0, **options: Any) -> Call:
    """The ``apply`` call for a batch; ``options`` are those of the protocol (prune, check, as_of)."""
    args = {"operation": operation, "items": [resource.wire() for resource in resources], **options}
    return Call("apply", args, timeout)


def raise_for_items(answer: dict[str, Any], host: str, superseded: Set[str] = frozenset()) -> None:
    """Raise for the items of an ``apply`` answer that were refused or failed: Refused, with the first one's code.

    ``superseded``: kinds that may be refused as stale.
    """
    troubled = [
        item
        for item in answer.get("items", [])
        if item.get("status") in ("refused", "failed")
        and not (item.get("kind") in superseded and item.get("code") == "stale_revision")
    ]
    if not troubled:
        return
    first = troubled[0]
    words = ("kind", "id", "code", "reason", "output")
    lines = [" ".join(str(item[word]) for word in words if item.get(word)) for item in troubled[:LISTED]]
    if len(troubled) > LISTED:
        lines.append(f"… and {len(troubled) - LISTED} more")
    params = {"host": host, "kind": first.get("kind"), "id": first.get("id"), "reason": first.get("reason", "")}
    kind = NotNow if first.get("code") == "occupied" else Refused
    raise kind(first.get("code", "internal"), params, "\n".join(lines))
