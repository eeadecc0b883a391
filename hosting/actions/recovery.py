"""Steps of a recovery: many sites a step, and one site's failure is told and stops none of the others."""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from concurrent.futures import wait as wait_for
from typing import Any

from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils.translation import gettext_lazy as _

from controlpanel.fleet import channel, contacts
from controlpanel.fleet.actions import Call, HostAction, apply_call
from controlpanel.fleet.choices import HostState, Role
from controlpanel.fleet.desired import Resource, desired_state, tell
from controlpanel.fleet.models import Host
from controlpanel.operations import services as operations
from controlpanel.operations.choices import StepState
from controlpanel.operations.errors import HostAway, NotNow, PassedOver, Refused, StepError, add_messages
from controlpanel.operations.futures import answered, in_thread, with_trouble
from controlpanel.operations.models import Operation, Step
from controlpanel.operations.registry import Action, register
from controlpanel.operations.services import NotPossible
from routing import desired as routing_desired
from routing import selectors as routing_selectors
from routing import services as routing
from storage import many as storage
from storage import services as storage_services
from storage.errors import StorageError

from .. import desired, recovering
from ..choices import SiteState
from ..models import Site

add_messages(
    {
        "no_edge": _("No edge took the new place of the sites. This step is tried again."),
        "not_restarted": _("%(host)s was not asked whether it has been restarted, so nothing is proven."),
    }
)

#: Seconds: a host's worth of mounts at once, a batch of routes, and for sites to answer through an edge.
PLACE, SWITCH, SETTLE = 600.0, 60.0, 20
#: Sites that a returning edge is asked for.
_LOOKS = 20
#: Sites that are brought up together, at first and at most: visitors of the first ones need not wait for the last, and
#: each batch has its price, which grows with the host's sites (its web server reads all of them again).
FEW, MANY = 10, 40
#: Lines about sites that are kept in an answer, at most.
TOLD = 500


def _rest(sites: QuerySet[Site]) -> None:
    """The state of sites that are where they should be."""
    pks = list(sites.values_list("pk", flat=True))  # each update would change what the next one finds
    answering = Q(enabled=True, suspended=False)
    for which, state in (
        (Q(quarantined=True), SiteState.QUARANTINED),
        (Q(quarantined=False) & answering, SiteState.ACTIVE),
        (Q(quarantined=False) & ~answering, SiteState.DISABLED),
    ):
        Site.objects.filter(which, pk__in=pks).update(state=state)


# --- edges -----------------------------------------------------------------------------------------------------------


@register
class CutOffAtEdges(HostAction):
    """Visitors of these sites see that they are down for a moment: nobody is sent to the dead host any more, whatever
    it does, and requests that are under way to it end. Args: ``{"sites": [ids], "count": how many}``. An edge that is
    away does not hold the recovery up."""

    name = "hosting.cut_off_at_edge"
    title = _("Let %(host)s send nobody to the dead host any more")

    def request(self, step: Step) -> Call:
        resources = [routing_desired.base_resource(), *routing_desired.site_routes_of(step.args["sites"])]
        return apply_call(step.operation_id, resources, timeout=SWITCH)

    def submit(self, step: Step) -> "Future[dict[str, Any]]":
        return _forgiving(super().submit(step))

    def confirm(self, step: Step, answer: dict[str, Any]) -> None:
        answer["items"] = len(answer.get("items", []))


def _forgiving(future: "Future[dict[str, Any]]") -> "Future[dict[str, Any]]":
    """The same, but who is away is passed over (``on_skip`` notes that it needs a resync)."""

    def told(error: BaseException) -> BaseException:
        return PassedOver(error.code, error.params, error.output) if isinstance(error, StepError) else error

    return with_trouble(future, told)


def _note_missed(hosts: list[str]) -> None:
    """These hosts did not get a change: a full resync before they are trusted again."""
    Host.objects.filter(name__in=hosts).update(needs_resync=True)


# --- who gets what ---------------------------------------------------------------------------------------------------


@register
class TakeOver(Action):
    """The dead host is cut off: from now on its sites belong to others. Args: ``{"host", "targets": {name: [ids]}}``.

    The rows say it first; what follows brings it about. A site whose volume cannot be had is left where it is, and the
    report says so.
    """

    name = "hosting.take_over"
    title = _("Give the sites of the dead host to others")

    def submit(self, step: Step) -> "Future[dict[str, Any]]":
        return answered({})

    def confirm(self, step: Step, answer: dict[str, Any]) -> None:
        targets: dict[str, list[int]] = step.args["targets"]
        hosts = {host.name: host for host in Host.objects.filter(name__in=targets)}
        target_of = {pk: hosts[name] for name, ids in targets.items() for pk in ids if name in hosts}
        sites = list(
            Site.objects.select_for_update(of=("self",))
            .select_related("volume")
            .filter(pk__in=target_of, host__name=step.args["host"], volume__isnull=False)
            .order_by("pk")
        )
        wanted = [storage.Wanted(site.volume_id, target_of[site.pk], site.path) for site in sites if site.volume_id]
        given = storage.begin_attach(wanted)
        held: dict[str, str] = {}
        taken: dict[int, Host] = {}
        for site in sites:
            host = target_of[site.pk]
            if site.volume_id not in given and site.volume is not None:
                try:  # shared, or had by another already: one by one, with its reason
                    storage_services.begin_attach(site.volume, host, site.path)
                except StorageError as error:
                    held[str(site.pk)] = str(error)
                    continue
            taken[site.pk] = host
        for name in targets:
            mine = [pk for pk, host in taken.items() if host.name == name]
            Site.objects.filter(pk__in=mine).update(host=hosts[name], revision=F("revision") + 1, placed=False)
        cut = set(step.operation.params.get("cut", ()))
        routing.set_backends({pk: host for pk, host in taken.items() if pk in cut})
        routing.move_backends({pk: host for pk, host in taken.items() if pk not in cut})
        answer.update(taken=len(taken), held=held)
        self._begin_anew(step.operation, answer)

    @staticmethod
    def _begin_anew(operation: Operation, answer: dict[str, Any]) -> None:
        """Creations that the death came in the middle of."""
        answer["not_begun_anew"] = {}
        for one in Operation.objects.filter(pk__in=operation.params.get("begin_anew", ())):
            try:
                with transaction.atomic():
                    operations.retry(one)
            except (NotPossible, StorageError) as error:
                answer["not_begun_anew"][str(one.pk)] = str(error)


# --- one target ------------------------------------------------------------------------------------------------------


@register
class BringUp(HostAction):
    """Args: ``{"sites": [ids], "count": how many}``. On ``step.host``, some sites together: mounts, web server and PHP
    in one batch, then every edge is told of them. In the end edges are asked for all of them as visitors would.

    The answer says of each site that is not up why. An edge that is away gets a full resync later.
    """

    name = "hosting.bring_up"
    title = _("Bring up %(count)s sites on %(host)s")

    def submit(self, step: Step) -> "Future[dict[str, Any]]":
        chain = _Chain(step)
        if not chain.sites:  # the target died too, and they were taken over from it
            return answered({"up": [], "down": {}, "missed": []})
        if chain.host.state == HostState.FENCED:
            raise HostAway(step.host, "it is given up too")
        return in_thread(chain.work, f"bring-up-{chain.host.name}")

    def confirm(self, step: Step, answer: dict[str, Any]) -> None:
        host = Host.objects.get(name=step.host)
        _note_missed(answer["missed"])
        up = {int(pk) for pk in answer.pop("up")}
        sites = Site.objects.filter(pk__in=up, host=host)
        storage.mark_attached(host, sites.values_list("volume_id", flat=True))
        settled = sites.filter(state__in=(SiteState.UPDATING, SiteState.ACTIVE, SiteState.DISABLED, SiteState.FAILED))
        _rest(settled)
        sites.update(placed=True)
        down = Site.objects.filter(pk__in=[int(pk) for pk in answer["down"]], host=host)
        down.filter(state=SiteState.UPDATING).update(state=SiteState.FAILED)
        answer["up"] = len(up)

    def on_skip(self, step: Step) -> None:
        super().on_skip(step)
        sites = Site.objects.filter(pk__in=step.args["sites"], host__name=step.host, state=SiteState.UPDATING)
        sites.update(state=SiteState.FAILED)


class _Chain:
    """Everything for one target, prepared from the database here, carried out in a thread without it."""

    def __init__(self, step: Step) -> None:
        contacts.note_all(step.host)
        host = Host.objects.filter(name=step.host).first()
        if host is None:
            raise Refused("host_gone", {"host": step.host})
        self.host = host
        self.operation = step.operation_id
        self.report: Callable[[dict[str, Any]], None] = getattr(step, "report", lambda data: None)
        sites = Site.objects.select_related("host", "volume").prefetch_related("domains")
        found = {site.pk: site for site in sites.filter(pk__in=step.args["sites"], host=host)}
        self.sites = {pk: found[pk] for pk in step.args["sites"] if pk in found}
        self.on_web: dict[int, list[Resource]] = {}
        self.down: dict[int, str] = {}
        mounts = desired.mounts(self.sites.values(), host.name)
        for pk, site in self.sites.items():
            if pk in mounts:
                self.on_web[pk] = [mounts[pk], desired.site_resource(site)]
            else:
                self.down[pk] = "storage has not let the host have its volume"
        self.base = desired.base_resource()
        self.routes = {int(route.id): route for route in routing_desired.site_routes_of(self.sites)}
        self.edges = list(routing_selectors.edges())
        self.missed: list[str] = []

    def work(self) -> dict[str, Any]:
        ids = list(self.on_web)
        placed = 0
        for part in _parts(ids):
            self._place(part)
            if ready := [pk for pk in part if pk not in self.down]:
                placed += len(ready)
                self._switch(ready)
            self.report({"ready": placed, "of": len(self.sites)})
        self._probe([pk for pk in ids if pk not in self.down and self._should_answer(pk)])
        names = {pk: self.sites[pk].primary for pk in self.down}
        return {
            "up": [pk for pk in self.sites if pk not in self.down],
            "down": {str(pk): f"{names[pk]}: {why}"[:300] for pk, why in list(self.down.items())[:TOLD]},
            "missed": self.missed,
        }

    def _place(self, part: list[int]) -> None:
        batch = [self.base, *(resource for pk in part for resource in self.on_web[pk])]
        call = apply_call(self.operation, batch, timeout=PLACE)
        answer = channel.call(self.host, call.name, call.args, timeout=PLACE, progress=self.report, quick=True).result()
        failed: dict[tuple[str, str], str] = {}
        for item in answer["items"]:
            if item.get("status") in ("refused", "failed"):
                words = " ".join(str(item[word]) for word in ("code", "reason", "output") if item.get(word))
                failed[str(item.get("kind")), str(item.get("id"))] = words
                if item.get("code") == "occupied":
                    raise NotNow("occupied", {"host": self.host.name}, words)
                if item.get("code") == "host_fenced":
                    raise Refused("host_fenced", {"host": self.host.name}, words)
        for pk in part:
            for resource in self.on_web[pk]:
                if why := failed.get((resource.kind, resource.id)):
                    self.down[pk] = why
                    break

    def _switch(self, ready: list[int]) -> None:
        """All edges at once. One that does not take it is left out; when none does, it is tried again."""
        batch = [self.routes[pk] for pk in ready if pk in self.routes]
        call = apply_call(self.operation, batch, timeout=SWITCH)
        asked = {edge.name: channel.call(edge, call.name, call.args, timeout=SWITCH, quick=True) for edge in self.edges}
        wait_for(list(asked.values()))
        for name, future in asked.items():
            error = future.exception()
            if error is not None:
                self.missed.append(name)
                continue
            for item in future.result()["items"]:
                if item.get("status") == "failed":
                    self.down[int(item["id"])] = f"{name}: {item.get('code', '')} {item.get('reason', '')}"
        if asked and len(self.missed) == len(asked):
            raise NotNow("no_edge")
        self.edges = [edge for edge in self.edges if edge.name not in self.missed]

    def _should_answer(self, pk: int) -> bool:
        route = self.routes.get(pk)
        return route is not None and route.spec["mode"] == "normal" and bool(self.sites[pk].primary)

    def _probe(self, sites: list[int]) -> None:
        probes = [{"name": self.sites[pk].primary, "expect": f"site {pk}"} for pk in sites if pk not in self.down]
        if not probes:
            return
        by_name = {self.sites[pk].primary: pk for pk in sites}
        args = {"probes": probes, "tls": False, "wait": SETTLE}
        asked = {
            edge.name: channel.call(edge, "edge.probe_many", args, timeout=SETTLE + 30, progress=self.report)
            for edge in self.edges
        }
        wait_for(list(asked.values()))
        for name, future in asked.items():
            if future.exception() is not None:
                self.missed.append(name)
                continue
            for wrong, why in future.result()["wrong"].items():
                self.down[by_name[wrong]] = f"through {name}: {why}"


def _parts(ids: list[int]) -> Iterator[list[int]]:
    start, size = 0, FEW
    while start < len(ids):
        yield ids[start : start + size]
        start, size = start + size, min(2 * size, MANY)


# --- the report ------------------------------------------------------------------------------------------------------


@register
class Report(Action):
    """What is up, what is not and why: in the step's answer, for the operation's page and the host's."""

    name = "hosting.recovery_report"
    title = _("Say what is up and what is not")

    def submit(self, step: Step) -> "Future[dict[str, Any]]":
        return answered(report_of(step.operation))


def report_of(operation: Operation) -> dict[str, Any]:
    """``{"up", "down": {site: why}, "targets": {host: how many}, "power", "missed": [edges], "edges": those that
    carry on when an edge died}`` of a recovery so far."""
    return {key: value for key, value in full_report_of(operation).items() if key != "databases"}


def full_report_of(operation: Operation) -> dict[str, Any]:
    """The same for pages: with ``databases``, as rows of ``databases.recovery.report_of_databases`` tell them now."""
    databases: list[dict[str, Any]] = []
    up, down, targets = 0, dict[str, str](), dict[str, int]()
    missed: set[str] = set()
    power = ""
    sites = set(operation.params.get("sites", ()))
    told: set[int] = set()
    for step in operation.steps.all():
        answer: Mapping[str, Any] = step.answer
        if step.action == BringUp.name:
            told |= set(step.args["sites"])
            if step.state == StepState.SUCCEEDED:
                up += int(answer.get("up", 0))
                targets[step.host] = int(answer.get("up", 0))
                down |= answer.get("down", {})
                missed |= set(answer.get("missed", ()))
            elif step.state in (StepState.WAITING, StepState.FAILED, StepState.SKIPPED):
                down |= {
                    str(pk): f"{step.host}: {step.detail or step.get_state_display()}" for pk in step.args["sites"]
                }
        elif rows := recovering.told_by(step.action, answer):
            databases += rows
        elif step.action == "fleet.power_off":
            power = "confirmed" if step.state == StepState.SUCCEEDED else step.detail
        elif step.action == TakeOver.name:
            down |= answer.get("held", {})
        elif step.action == CutOffAtEdges.name and step.state == StepState.SKIPPED:
            missed.add(step.host)
    for pk in sorted(sites - told)[:TOLD]:
        down[str(pk)] = "no host has room for it"
    report = {"up": up, "down": down, "targets": targets, "power": power, "missed": sorted(missed)}
    host = Host.objects.filter(name=operation.params["host"]).first()
    if host and Role.EDGE.value in host.roles:
        report["edges"] = [edge.name for edge in routing_selectors.edges() if edge.pk != host.pk]
    return {**report, "databases": databases}


# --- coming back -----------------------------------------------------------------------------------------------------


@register
class KeepOut(HostAction):
    """A returning edge or database host may not have heard yet that it is fenced: nobody reaches it from here on."""

    name = "hosting.keep_out"
    title = _("Keep everybody away from %(host)s until it is clean")
    for_fenced = True

    def request(self, step: Step) -> Call:
        return Call("host.stand_down", timeout=60)


@register
class LookThrough(HostAction):
    """A returning edge asks itself for some sites, before visitors may: it knows by then which web hosts answer it."""

    name = "hosting.look_through"
    title = _("Open some sites through %(host)s")

    def request(self, step: Step) -> Call:
        rows = Site.objects.filter(state=SiteState.ACTIVE, placed=True, quarantined=False).order_by("pk")
        sites = {site.pk: site.primary for site in rows.prefetch_related("domains")[:_LOOKS]}
        routes = [route for route in routing_desired.site_routes_of(sites) if route.spec["mode"] == "normal"]
        probes = [{"name": sites[int(one.id)], "expect": f"site {one.id}"} for one in routes if sites[int(one.id)]]
        return Call("edge.probe_many", {"probes": probes, "tls": False, "wait": SETTLE}, timeout=SETTLE + 30)

    def confirm(self, step: Step, answer: dict[str, Any]) -> None:
        """What does not answer is told and stops nothing: it may not answer through the other edges either."""
        answer["wrong"] = dict(list(answer.get("wrong", {}).items())[:TOLD])


@register
class Clean(HostAction):
    """A returning host gets exactly what it should hold, while it is still kept out: what it held of sites that live
    elsewhere by now is taken away. It needs the survey of the step before, like ``fleet.replace``."""

    name = "hosting.clean_host"
    title = _("Clean %(host)s of what it no longer has")
    for_fenced = True

    def request(self, step: Step) -> Call:
        survey = Step.objects.filter(
            operation=step.operation_id, action="fleet.survey", host=step.host, state=StepState.SUCCEEDED
        ).last()
        if survey is None:
            raise Refused("not_restarted", {"host": step.host})
        host = Host.objects.get(name=step.host)
        options = {"prune": True, "as_of": survey.answer["seq"]}
        return apply_call(step.operation_id, desired_state(host), timeout=900.0, **options)

    def check(self, answer: dict[str, Any], host: str) -> dict[str, Any]:
        return answer  # a site that does not come up is for its own page; the host is clean

    def confirm(self, step: Step, answer: dict[str, Any]) -> None:
        host = Host.objects.get(name=step.host)
        tell(host, answer.get("items", []))
        good = {(i["kind"], i["id"]) for i in answer.get("items", []) if i.get("status") in ("ok", "unchanged")}
        sites = [
            site.pk
            for site in Site.objects.filter(host=host).select_related("volume")
            if site.volume and ("attachment", site.volume.name) in good and ("site", str(site.pk)) in good
        ]
        storage.mark_attached(host, Site.objects.filter(pk__in=sites).values_list("volume_id", flat=True))
        Site.objects.filter(pk__in=sites).update(placed=True)
        back = Site.objects.filter(pk__in=sites, state__in=(SiteState.UPDATING, SiteState.FAILED))
        _rest(back)
        troubled = [i for i in answer.get("items", []) if i.get("status") not in ("ok", "unchanged")]
        answer.update(items=troubled[:50], unexpected=answer.get("unexpected", [])[:50], sites=len(sites))


@register
class Readmit(Action):
    """It takes work again. Args: ``{"returned": host name}``."""

    name = "hosting.readmit"
    title = _("Let %(returned)s serve again")

    def submit(self, step: Step) -> "Future[dict[str, Any]]":
        return answered({})

    def confirm(self, step: Step, answer: dict[str, Any]) -> None:
        host = Host.objects.get(name=step.args["returned"])
        Host.objects.filter(pk=host.pk, state=HostState.FENCED).update(state=HostState.ACTIVE, needs_resync=False)
        back = Site.objects.filter(host=host, placed=True).values_list("pk", flat=True)
        answer["back"] = routing.set_modes(back, "maintenance", "normal")


@register
class StandUp(HostAction):
    """It need not think of itself as fenced off any more."""

    name = "hosting.stand_up"
    title = _("Tell %(host)s that it may serve")
    for_fenced = True

    def request(self, step: Step) -> Call:
        return Call("host.stand_up", timeout=30)


@register
class PublishReturned(HostAction):
    """The edges send visitors again to sites that came back with their host. Args: ``{"returned": host name}``."""

    name = "hosting.publish_returned"
    title = _("Tell %(host)s which sites are back")

    def request(self, step: Step) -> Call:
        sites = Site.objects.filter(host__name=step.args["returned"]).values_list("pk", flat=True)
        resources = [routing_desired.base_resource(), *routing_desired.site_routes_of(sites)]
        return apply_call(step.operation_id, resources, timeout=SWITCH)
