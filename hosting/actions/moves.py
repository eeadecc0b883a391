"""Steps of a move on the web hosts and on the storage, for a batch of sites that go from one host to one other.

Args of all: ``{"sites": [ids], "source": host, "target": host}``, and what titles show. Each is one batch on its host,
and each undo is right whatever was done of it, so that the sites are back on the source when all have been undone.

A move never waits long for the target or the source in the middle: then it is taken back. What is taken back from a
target that does not answer is cut off by the storage instead, which confirms it without the target.
"""

from collections.abc import Sequence
from concurrent.futures import Future
from typing import Any

from django.utils.translation import gettext_lazy as _

from controlpanel.fleet.actions import Call, HostAction
from controlpanel.fleet.choices import HostState
from controlpanel.fleet.desired import Resource
from controlpanel.fleet.models import Host
from controlpanel.operations.errors import AnswerLost, NotNow, PassedOver, Refused, StepError, add_messages
from controlpanel.operations.futures import with_trouble
from controlpanel.operations.models import Operation, Step
from controlpanel.operations.registry import register
from controlpanel.operations.services import NotPossible
from storage import desired as storage_desired
from storage import handover
from storage import services as storage
from storage.drivers import driver_of
from storage.errors import Held, StorageError
from storage.models import Pool, Volume
from storage.plans.base import StorageApply

from .. import desired
from ..choices import SiteKind
from ..models import Site
from .holding import prolong
from .sites import OnWeb

add_messages(
    {
        "move_target_away": _("%(host)s stopped answering, so the move was called off. Nothing of it stays there."),
        "move_source_away": _("%(host)s stopped answering, so the move was called off."),
        "move_target_unfit": _("%(host)s cannot take it: %(reason)s"),
        "move_held": _("%(reason)s Nothing was given to anybody else."),
    }
)

#: Tries of a step that a move cannot wait for.
TRIES = 3


def sites_of(step: Step) -> list[Site]:
    """The sites of the batch that there still are, in the order of their ids."""
    sites = Site.objects.filter(pk__in=step.args["sites"]).select_related("host", "volume__pool__host")
    return list(sites.prefetch_related("domains").order_by("pk"))


def volumes_of(step: Step, sites: Sequence[Site]) -> list[Volume]:
    """Their volumes, on the step's storage host."""
    return [site.volume for site in sites if site.volume is not None and site.volume.pool.host.name == step.host]


def seconds(base: float, step: Step) -> float:
    """A limit that grows with the batch."""
    return base + 1.5 * len(step.args["sites"])


class MoveStep(OnWeb):
    """What they share: no skipping in the middle, and an end to waiting."""

    #: Code of the refusal when the host does not answer (any more); empty: wait for it.
    away: str = ""

    def on_skip(self, step: Step) -> None:
        if not Operation.objects.filter(pk=step.operation_id, undoing=True).exists():
            raise NotPossible(_("A move cannot go on without this step. Cancel it: then the site stays where it was."))
        super().on_skip(step)

    def submit(self, step: Step) -> "Future[dict[str, Any]]":
        future = super().submit(step)
        return impatient(future, step, Refused(self.away, {"host": step.host})) if self.away else future


def impatient(
    future: "Future[dict[str, Any]]", step: Step, instead: StepError, tries: int = TRIES, known_away: bool = False
) -> "Future[dict[str, Any]]":
    """The same, but ``instead`` when the host was tried often enough (or is known to be away) and gives no answer."""
    attempts = step.attempts

    def told(error: BaseException) -> BaseException:
        if isinstance(error, NotNow) and (attempts >= tries or (known_away and not isinstance(error, AnswerLost))):
            instead.output = instead.output or error.output
            return instead
        return error

    return with_trouble(future, told)


# --- before anything is changed --------------------------------------------------------------------------------------


@register
class CheckTarget(HostAction):
    """It answers, can mount volumes and run PHP, knows the sites' users, and has nothing of them in the way."""

    name = "hosting.move_check_target"
    title = _("Look whether %(host)s can take it")

    def request(self, step: Step) -> Call:
        host = Host.objects.get(name=step.host)
        if host.state == HostState.FENCED:
            raise Refused("host_fenced", {"host": host.name})
        sites = [
            {"site": site.pk, "uid": site.uid, "php": site.kind != SiteKind.STATIC and site.open}
            for site in sites_of(step)
        ]
        return Call("site.preflight", {"sites": sites}, timeout=20)

    def check(self, answer: dict[str, Any], host: str) -> dict[str, Any]:
        problems = answer.get("problems", {})
        if problems:
            first = next(iter(problems.values()))
            lines = [f"{site or host}: {text}" for site, text in problems.items()]
            raise Refused("move_target_unfit", {"host": host, "reason": first}, "\n".join(lines))
        return answer

    def submit(self, step: Step) -> "Future[dict[str, Any]]":
        return impatient(super().submit(step), step, Refused("move_target_away", {"host": step.host}))


@register
class CheckStorage(StorageApply):
    """The storage answers. Taken back, last of all: it holds what the database says, whatever was tried meanwhile."""

    name = "hosting.move_check_storage"
    title = _("Look whether the storage on %(host)s answers")
    undoable = True

    def request(self, step: Step) -> Call:
        return driver_of(Pool.objects.select_related("host").filter(host__name=step.host)[0]).probe()

    def check(self, answer: dict[str, Any], host: str) -> dict[str, Any]:
        return super().check(answer, host) if "items" in answer else {"health": answer.get("health")}

    def undo_resources(self, step: Step) -> Sequence[Resource]:
        volumes = [volume.pk for volume in volumes_of(step, sites_of(step))]
        rows = Volume.objects.filter(pk__in=volumes).exclude(state__in=storage_desired.NOWHERE)
        return [
            storage_desired.volume_resource(volume)
            for volume in rows.select_related("pool__host").prefetch_related("attachments__host")
        ]

    def confirm_undo(self, step: Step, answer: dict[str, Any]) -> None:
        answer["items"] = len(answer.get("items", []))


@register
class Prepare(MoveStep):
    """All of a site that does not need its volume, so that little is left to do while its visitors wait."""

    name = "hosting.move_prepare"
    title = _("Get everything ready on %(host)s")
    undoable = True
    away = "move_target_away"

    def resources(self, step: Step) -> Sequence[Resource]:
        return [desired.base_resource(), *(standby_resource(site) for site in sites_of(step))]

    def undo_resources(self, step: Step) -> Sequence[Resource]:
        return [desired.site_resource(site, present=False) for site in sites_of(step)]

    def submit_undo(self, step: Step) -> "Future[dict[str, Any]]":
        return forgone(super().submit_undo(step), step)

    def on_skip(self, step: Step) -> None:
        HostAction.on_skip(self, step)


def standby_resource(site: Site) -> Resource:
    """The site on a host that does not have its volume yet."""
    resource = desired.site_resource(site)
    return Resource(resource.kind, resource.id, resource.revision, {**resource.spec, "standby": True, "room": False})


def forgone(future: "Future[dict[str, Any]]", step: Step) -> "Future[dict[str, Any]]":
    """What cannot be taken back on a target is passed over: the host is then due for a resync, which takes it away."""
    host, attempts = step.host, step.attempts

    def told(error: BaseException) -> BaseException:
        if isinstance(error, AnswerLost) and attempts < 2:
            return error  # it may be there all the same
        if isinstance(error, StepError):
            return PassedOver(error.code, {"host": host, **error.params}, error.output)
        return error

    return with_trouble(future, told)


# --- while visitors wait ---------------------------------------------------------------------------------------------


@register
class Leave(MoveStep):
    """The source stops the sites' programs and unmounts their volumes. Taken back: it serves them again."""

    name = "hosting.move_leave"
    title = _("Stop it on %(host)s and let go of its volume")
    undoable = True
    away = "move_source_away"

    def request(self, step: Step) -> Call:
        call = super().request(step)
        return Call(call.name, call.args, seconds(45, step))

    def resources(self, step: Step) -> Sequence[Resource]:
        return desired.on_host(sites_of(step), step.host, present=False)

    def confirm(self, step: Step, answer: dict[str, Any]) -> None:
        let_go(step)

    def intend_undo(self, step: Step) -> None:
        prolong(step)
        host = Host.objects.get(name=step.host)
        for site in sites_of(step):
            if site.volume:
                handover.keep(site.volume, host)

    def undo_resources(self, step: Step) -> Sequence[Resource]:
        return [desired.base_resource(), *desired.on_host(sites_of(step), step.host)]

    def confirm_undo(self, step: Step, answer: dict[str, Any]) -> None:
        arrived(step)


@register
class HandOver(StorageApply):
    """The storage sees the source gone, and lets the target in. Taken back: the other way round."""

    name = "hosting.move_hand_over"
    title = _("Hand the volume over from %(source)s to %(target)s")
    undoable = True
    timeout = 120.0

    def intend(self, step: Step) -> None:
        self._begin(step, step.args["target"])

    def intend_undo(self, step: Step) -> None:
        self._begin(step, step.args["source"])

    def resources(self, step: Step) -> Sequence[Resource]:
        return self._resources(step, step.args["target"])

    def undo_resources(self, step: Step) -> Sequence[Resource]:
        return self._resources(step, step.args["source"])

    def confirm(self, step: Step, answer: dict[str, Any]) -> None:
        self._confirm(step, answer, step.args["target"])

    def confirm_undo(self, step: Step, answer: dict[str, Any]) -> None:
        self._confirm(step, answer, step.args["source"])

    def on_skip(self, step: Step) -> None:
        raise NotPossible(_("A move cannot go on without the storage. It goes on by itself when that answers."))

    def _begin(self, step: Step, name: str) -> None:
        prolong(step)
        host = Host.objects.get(name=name)
        try:
            for volume in volumes_of(step, sites_of(step)):
                handover.begin(volume, host)
        except Held as error:
            raise Refused("move_held", {"reason": str(error)}) from error
        except StorageError as error:
            raise Refused("busy", {"host": step.host, "reason": str(error)}) from error

    def _resources(self, step: Step, name: str) -> list[Resource]:
        host = Host.objects.get(name=name)
        return [handover.resource(volume, host) for volume in volumes_of(step, sites_of(step))]

    def _confirm(self, step: Step, answer: dict[str, Any], name: str) -> None:
        host = Host.objects.get(name=name)
        credentials = {item["id"]: item.get("answer", {}).get("credentials", {}) for item in answer.get("items", [])}
        for site in sites_of(step):
            if site.volume is not None and site.volume.name in credentials:
                handover.confirm(site.volume, host, site.path, credentials[site.volume.name][name])
        answer["items"] = len(credentials)


@register
class Arrive(MoveStep):
    """The target mounts the volumes and runs the sites; from then on it is their host."""

    name = "hosting.move_arrive"
    title = _("Mount its volume on %(host)s and start it there")
    undoable = True
    away = "move_target_away"

    def request(self, step: Step) -> Call:
        call = super().request(step)
        return Call(call.name, call.args, seconds(12, step))

    def intend(self, step: Step) -> None:
        prolong(step)

    def resources(self, step: Step) -> Sequence[Resource]:
        return desired.on_host(sites_of(step), step.host)

    def confirm(self, step: Step, answer: dict[str, Any]) -> None:
        arrived(step)

    def undo_resources(self, step: Step) -> Sequence[Resource]:
        return desired.on_host(sites_of(step), step.host, present=False)

    def undo_request(self, step: Step) -> Call:
        call = super().undo_request(step)
        return Call(call.name, call.args, seconds(15, step))

    def submit_undo(self, step: Step) -> "Future[dict[str, Any]]":
        return forgone(super().submit_undo(step), step)

    def confirm_undo(self, step: Step, answer: dict[str, Any]) -> None:
        let_go(step)
        _belongs(step, step.args["source"])

    def on_skip(self, step: Step) -> None:
        """It does not answer, or cannot let go: the storage cuts it off, before the source has the volumes again."""
        super().on_skip(step)
        host = Host.objects.get(name=step.host)
        for site in sites_of(step):
            if site.volume and site.volume.attachments.filter(host=host, fenced=None).exists():
                storage.begin_fence(site.volume, host)
        _belongs(step, step.args["source"])


# --- what several do -------------------------------------------------------------------------------------------------


def arrived(step: Step) -> None:
    """The step's host confirmed that it has the sites."""
    host = Host.objects.get(name=step.host)
    for site in sites_of(step):
        if site.volume:
            storage.mark_attached(site.volume, host)
    _belongs(step, step.host)


def let_go(step: Step) -> None:
    """The step's host confirmed that it has nothing of the sites any more."""
    for site in sites_of(step):
        rows = site.volume.attachments.filter(host__name=step.host, fenced=None) if site.volume else ()
        for attachment in rows:
            storage.begin_detach(site.volume, attachment.host)  # type: ignore[arg-type]
            storage.mark_detached(site.volume, attachment.host)  # type: ignore[arg-type]


def _belongs(step: Step, name: str) -> None:
    Site.objects.filter(pk__in=step.args["sites"]).update(host=Host.objects.get(name=name), placed=True)
