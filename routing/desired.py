"""What an edge should hold: the web hosts, and for each site its certificate, its place and mode, and its names."""

from collections.abc import Iterable, Iterator

from django.db.models import QuerySet

from controlpanel.fleet.choices import Role
from controlpanel.fleet.desired import Resource, provider
from controlpanel.fleet.models import Host

from . import edge_rules, packet_filter, services, shields
from .choices import Mode
from .models import Backend, Certificate, EdgeRules, Route, Shield

#: Rows read at once: there may be a hundred thousand.
_CHUNK = 5000


@provider(Role.EDGE)
def edge_resources(host: Host) -> Iterable[Resource]:
    """Everything, the same for every edge."""
    yield base_resource()
    yield packet_filter_resource(host.name)
    yield shield_key_resource()
    yield from _shields()
    yield edge_rules_key_resource()
    yield from _edge_rules()
    yield from _certificates(Certificate.objects.filter(route__removed=False, route__backend__removed=False))
    yield from _site_routes()
    yield from _routes()


def base_resource() -> Resource:
    """The web hosts."""
    base = services.edge_base()
    return Resource("edge", "base", base.revision, {"backends": base.backends})


def site_resources(site_id: int, present: bool = True) -> list[Resource]:
    """One site's, with the names that were taken from it as absent; with ``present=False`` all as absent."""
    backend = Backend.objects.select_related("host").filter(site_id=site_id).first()
    if backend is None:
        return []
    on = present and not backend.removed
    found = certificate_resources(Certificate.objects.filter(route__backend=backend), on)
    spec = _site_route_spec(backend.host.name, backend.mode, backend.more, backend.revision) if backend.host else {}
    found.append(_resource("site_route", str(site_id), backend.revision, spec, on and backend.host is not None))
    for route in Route.objects.filter(backend=backend):
        spec = _route_spec(site_id, route.redirect_to)
        found.append(_resource("route", route.name, route.revision, spec, on and not route.removed))
    return [*found, *shield_resources(site_id, on), *edge_rules_resources(site_id, on)]


def certificate_resources(rows: QuerySet[Certificate], present: bool = True) -> list[Resource]:
    """The certificates of names, and what authorities are answered about them; with ``present=False`` all as absent."""
    return [each for row in rows.select_related("route") for each in _of_certificate(row, present)]


def challenge_resources(rows: QuerySet[Certificate]) -> list[Resource]:
    """Only what authorities are to be answered about names."""
    return [each for each in certificate_resources(rows) if each.kind == "acme_challenge"]


def route_resources(names: Iterable[str]) -> list[Resource]:
    """What edges know of public names."""
    rows = Route.objects.filter(name__in=list(names)).select_related("backend")
    return [
        _resource("route", row.name, row.revision, _route_spec(row.backend.site_id, row.redirect_to),
                  not row.removed and not row.backend.removed)
        for row in rows.order_by("name")
    ]  # fmt: skip


def shield_key_resource() -> Resource:
    """The secret of the tasks that visitors' browsers solve."""
    key = shields.key()
    return Resource("shield_key", "base", key.revision, {"key": key.key})


def shield_resources(site_id: int, present: bool = True) -> list[Resource]:
    """One site's shield, or that of all (``shields.EVERY_SITE``); nothing for one that never had any."""
    return [
        _resource("shield", shield.resource_id, shield.revision, shield.spec, present and not shield.removed)
        for shield in Shield.objects.filter(site_id=site_id, revision__gt=0)
    ]


def edge_rules_key_resource() -> Resource:
    """The secret that passwords of visitors are looked up with."""
    key = edge_rules.key()
    return Resource("edge_rules_key", "base", key.revision, {"key": key.key})


def edge_rules_resources(site_id: int, present: bool = True) -> list[Resource]:
    """One site's edge rules; nothing for one that never had any."""
    return [
        _resource("edge_rules", str(rules.site_id), rules.revision, rules.spec, present and not rules.removed)
        for rules in EdgeRules.objects.filter(site_id=site_id, revision__gt=0)
    ]


def packet_filter_resource(edge: str) -> Resource:
    """The packet rules of one edge, by its name."""
    rules = packet_filter.rules()
    host = Host.objects.get(name=edge)
    spec = {
        "addresses": packet_filter.addresses_of(host),
        "rate": rules.rate,
        "burst": rules.burst,
        "connections": rules.connections,
        "blocked": rules.blocked,
    }
    return Resource("packet_filter", "base", rules.revision, spec)


def _shields() -> Iterator[Resource]:
    for shield in Shield.objects.filter(removed=False, revision__gt=0).iterator(_CHUNK):
        yield Resource("shield", shield.resource_id, shield.revision, shield.spec)


def _edge_rules() -> Iterator[Resource]:
    for rules in EdgeRules.objects.filter(removed=False, revision__gt=0).iterator(_CHUNK):
        yield Resource("edge_rules", str(rules.site_id), rules.revision, rules.spec)


def site_routes_of(site_ids: Iterable[int]) -> list[Resource]:
    """Only where these sites are and in which mode, without names and certificates: for edges that know those."""
    rows = Backend.objects.filter(site_id__in=list(site_ids), removed=False, host__isnull=False)
    return [
        Resource(
            "site_route", str(row.site_id), row.revision,
            _site_route_spec(row.host.name, row.mode, row.more, row.revision),
        )
        for row in rows.select_related("host").order_by("site_id")
        if row.host is not None
    ]  # fmt: skip


def _resource(kind: str, id: str, revision: int, spec: dict[str, object], present: bool) -> Resource:
    return Resource(kind, id, revision, spec if present else {}, present)


def _route_spec(site_id: int, redirect_to: str) -> dict[str, object]:
    return {"site": site_id, "redirect_to": redirect_to} if redirect_to else {"site": site_id}


def _site_route_spec(host: str, mode: str, more: list[str], revision: int) -> dict[str, object]:
    spec: dict[str, object] = {"backend": host, "mode": mode}
    if more:
        spec["more"] = more
    if mode == Mode.HOLD:  # each hold is another one, with its own end
        spec["hold"] = revision
    return spec


def _certificates(rows: QuerySet[Certificate]) -> Iterator[Resource]:
    for row in rows.exclude(chain_pem="", token="").select_related("route").iterator(_CHUNK):
        yield from (resource for resource in _of_certificate(row, True) if resource.present)


def _of_certificate(row: Certificate, present: bool) -> Iterator[Resource]:
    """Its challenge and itself; as absent where they may have been and are no more."""
    on = present and not row.route.removed
    if row.token or row.challenge_revision > 1:
        spec: dict[str, object] = {"token": row.token, "answer": row.key_authorization}
        yield _resource("acme_challenge", row.resource_id, row.challenge_revision, spec, on and bool(row.token))
    if row.chain_pem or row.revision > 1:
        spec = {"names": [row.route.name], "pem": row.chain_pem + row.key_pem}
        yield _resource("certificate", row.resource_id, row.revision, spec, on and bool(row.chain_pem))


def _site_routes() -> Iterator[Resource]:
    rows = Backend.objects.filter(removed=False, host__isnull=False).values_list(
        "site_id", "revision", "host__name", "mode", "more"
    )
    for site_id, revision, host, mode, more in rows.iterator(_CHUNK):
        yield Resource("site_route", str(site_id), revision, _site_route_spec(host, mode, more, revision))


def _routes() -> Iterator[Resource]:
    rows = Route.objects.filter(removed=False, backend__removed=False).order_by()
    for name, revision, site_id, redirect_to in rows.values_list(
        "name", "revision", "backend__site_id", "redirect_to"
    ).iterator(_CHUNK):
        yield Resource("route", name, revision, _route_spec(site_id, redirect_to))
