"""What the edges should do with a site, as rows.

Hosting calls these in the transaction that writes its own intent, and starts the operation that tells the edges.
Nothing here speaks to a host.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import F, Q

from controlpanel.fleet.choices import HostState
from controlpanel.fleet.models import Host
from controlpanel.operations import services as operations
from controlpanel.operations.access import Actor
from controlpanel.operations.models import Operation

from . import certificates, edge_rules, selectors, shields
from .certificates import certificate_changed
from .choices import Mode
from .models import Backend, EdgeBase, Route

__all__ = ["certificate_changed"]  # for those who change what edges know of a name
_NAME = re.compile(r"\A(?=.{1,253}\Z)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\Z")


class NameTaken(Exception):
    """Another site has the name (``name``). Whose it is, is nobody's business."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


@transaction.atomic
def set_backend(site_id: int, host: Host | None, mode: str = Mode.NORMAL) -> Backend:
    """Say which web host serves a site, and in which mode. Raises the revision when that changes anything."""
    mode = Mode(mode).value
    backend, created = Backend.objects.select_for_update().get_or_create(
        site_id=site_id, defaults={"host": host, "mode": mode}
    )
    wanted = (host.pk if host else None, mode, False)
    if not created and (backend.host_id, backend.mode, backend.removed) != wanted:
        backend.host, backend.mode, backend.removed = host, mode, False
        backend.more = [name for name in backend.more if host is not None and name != host.name]
        backend.revision += 1
        backend.save(update_fields=["host", "more", "mode", "removed", "revision"])
    return backend


@transaction.atomic
def set_hosts(site_id: int, host: Host, more: Iterable[Host]) -> Backend:
    """Say which web host is a site's main one, and which others serve it too; its mode stays. Only those that have the
    site: nobody checks that later. Raises Backend.DoesNotExist for a site that the edges do not know.
    """
    backend = Backend.objects.select_for_update().get(site_id=site_id, removed=False)
    names = sorted({other.name for other in more} - {host.name})
    if (backend.host_id, backend.more) != (host.pk, names):
        backend.host, backend.more = host, names
        backend.revision += 1
        backend.save(update_fields=["host", "more", "revision"])
    return backend


@transaction.atomic
def set_backends(hosts: Mapping[int, Host], mode: str = Mode.NORMAL) -> None:
    """Say for many sites which web host alone serves each (by site id), all in this mode. Sites that edges do not know,
    or that have the host and mode already, are left as they are."""
    rows = Backend.objects.select_for_update().filter(site_id__in=hosts, removed=False).order_by("site_id")
    changed = []
    for row in rows:
        if (row.host_id, row.mode, row.more) != (hosts[row.site_id].pk, mode, []):
            row.host, row.more, row.mode, row.revision = hosts[row.site_id], [], mode, row.revision + 1
            changed.append(row)
    Backend.objects.bulk_update(changed, ["host", "more", "mode", "revision"], batch_size=500)


@transaction.atomic
def move_backends(hosts: Mapping[int, Host]) -> None:
    """Say for many sites which web host serves each; each stays in its mode."""
    modes = Backend.objects.filter(site_id__in=hosts, removed=False).values_list("mode", flat=True).distinct()
    for mode in list(modes.order_by("mode")):
        ids = Backend.objects.filter(site_id__in=hosts, mode=mode, removed=False).values_list("site_id", flat=True)
        set_backends({pk: hosts[pk] for pk in ids}, mode)


@transaction.atomic
def hold_anew(site_ids: Iterable[int]) -> list[int]:
    """Let the hold of those of the sites that are held begin again, as another one; which those are."""
    held = Backend.objects.filter(site_id__in=list(site_ids), mode=Mode.HOLD, removed=False)
    ids = sorted(held.select_for_update().values_list("site_id", flat=True))
    held.filter(site_id__in=ids).update(revision=F("revision") + 1)
    return ids


@transaction.atomic
def set_modes(site_ids: Iterable[int], before: str, mode: str) -> list[int]:
    """Change the mode of those of the sites that are in mode ``before``; which those are."""
    rows = Backend.objects.select_for_update().filter(site_id__in=list(site_ids), mode=before, removed=False)
    ids = sorted(rows.values_list("site_id", flat=True))
    Backend.objects.filter(site_id__in=ids).update(mode=mode, revision=F("revision") + 1)
    return ids


@transaction.atomic
def set_mode_of(site_ids: Iterable[int], mode: str) -> None:
    """Say for many sites what edges do with their visitors. Those that edges do not know are left out."""
    rows = Backend.objects.filter(site_id__in=list(site_ids), removed=False).exclude(mode=mode)
    rows.update(mode=Mode(mode).value, revision=F("revision") + 1)


@transaction.atomic
def set_mode(site_id: int, mode: str) -> Backend:
    """Change only the mode. Raises Backend.DoesNotExist for a site that the edges do not know."""
    backend = Backend.objects.select_for_update().get(site_id=site_id, removed=False)
    return set_backend(site_id, backend.host, mode)


@transaction.atomic
def set_routes(site_id: int, primary: str, serving: Iterable[str] = (), redirects: Iterable[str] = ()) -> None:
    """Say what a site's public names are: ``primary`` and ``serving`` show it, ``redirects`` lead to ``primary``.

    All names are lower case and punycode. Names that the site had before and are not listed are taken away. Each is
    to have a certificate (``certificates.py``). Raises NameTaken, ValueError for what is no name, and
    Backend.DoesNotExist before ``set_backend``.
    """
    wanted = dict.fromkeys(redirects, primary) | dict.fromkeys(serving, "") | {primary: ""}
    for name in wanted:
        if not _NAME.match(name):
            raise ValueError("not a domain name in lower case and punycode")
    backend = Backend.objects.select_for_update().get(site_id=site_id)
    # In one order everywhere, or two sites that exchange names could wait for each other.
    known = Route.objects.select_for_update().filter(Q(backend=backend) | Q(name__in=wanted)).order_by("name")
    rows = {route.name: route for route in known}
    for name, redirect_to in sorted(wanted.items()):
        if route := rows.get(name):
            _take(route, backend, redirect_to)
            continue
        try:
            with transaction.atomic():
                Route.objects.create(name=name, backend=backend, redirect_to=redirect_to)
        except IntegrityError:
            raise NameTaken(name) from None
    for route in rows.values():
        if route.name not in wanted and not route.removed:
            route.removed = True
            route.revision += 1
            route.save(update_fields=["removed", "revision"])
    certificates.leave(Route.objects.filter(backend=backend, removed=True))
    certificates.want(Route.objects.filter(backend=backend, removed=False))
    edge_rules.follow_names(site_id)


@transaction.atomic
def remove(site_id: int) -> None:
    """Take a site and its names off the edges. The rows stay, with a higher revision, so that edges can be told."""
    backend = Backend.objects.select_for_update().filter(site_id=site_id).first()
    if backend is None or backend.removed:
        return
    Backend.objects.filter(pk=backend.pk).update(removed=True, more=[], revision=F("revision") + 1)
    certificates.lock_names(Route.objects.filter(backend=backend))
    Route.objects.filter(backend=backend, removed=False).update(removed=True, revision=F("revision") + 1)
    certificates.leave(Route.objects.filter(backend=backend))
    shields.remove(site_id)
    edge_rules.remove(site_id)


@transaction.atomic
def edge_base() -> EdgeBase:
    """The web hosts as edges should know them. Raises the revision when they are others than when last asked."""
    backends = _backends()
    base = EdgeBase.objects.filter(pk=1).first()
    if base is not None and base.backends == backends:
        return base
    base, created = EdgeBase.objects.select_for_update().get_or_create(pk=1, defaults={"backends": backends})
    backends = _backends()
    if not created and base.backends != backends:
        base.backends = backends
        base.revision += 1
        base.save(update_fields=["backends", "revision"])
    return base


def _backends() -> list[dict[str, Any]]:
    """The web hosts as edges hear of them. One that is fenced off is away: its requests under way end at once."""
    return [
        {"name": host.name, "address": host.address, **({"away": True} if host.state == HostState.FENCED else {})}
        for host in selectors.web_hosts()
    ]


@transaction.atomic
def sync_edges(actor: Actor | None = None) -> Operation:
    """Tell every edge which web hosts there are."""
    base = edge_base()
    EdgeBase.objects.filter(pk=base.pk).update(announced=base.revision)
    return operations.start("routing.sync_edges", {}, scopes=[], actor=actor)


@transaction.atomic
def sync_if_needed() -> Operation | None:
    """Tell every edge, if web hosts have come, gone or moved since they were last told. For a worker's clock.

    (A site's own operation tells edges too, so nobody waits for this one.)
    """
    edge_base()
    base = EdgeBase.objects.select_for_update().get(pk=1)
    if base.announced >= base.revision or not selectors.edges().exists():
        return None
    return sync_edges()


def _take(route: Route, backend: Backend, redirect_to: str) -> None:
    """Bring a known name about for this site."""
    if route.backend_id != backend.pk and not route.removed:
        raise NameTaken(route.name)
    if (route.backend_id, route.redirect_to, route.removed) == (backend.pk, redirect_to, False):
        return
    route.backend, route.redirect_to, route.removed = backend, redirect_to, False
    route.revision += 1
    route.save(update_fields=["backend", "redirect_to", "removed", "revision"])
