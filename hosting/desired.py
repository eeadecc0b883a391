"""What a web host should hold of hosting: its web server, and every site that is there. (Mounts are storage's.)"""

import hashlib
from collections.abc import Collection, Iterable

from django.utils import timezone

from controlpanel.fleet.choices import Role
from controlpanel.fleet.desired import Resource, provider
from controlpanel.fleet.models import Host
from storage import desired as storage_desired
from storage import selectors as storage_selectors

from . import places, web_hosts
from .choices import SiteState
from .databases import desired as _database_desired  # noqa: F401 (registers its providers)
from .models import Quarantine, Site

#: States in which nothing of a site should be on a host (any more).
_GONE = (SiteState.DELETING, SiteState.DELETED, SiteState.PURGING)


@provider(Role.WEB)
def web_resources(host: Host) -> Iterable[Resource]:
    """Everything of one web host."""
    yield base_resource()
    # A site that is being created counts from the moment that its host may mount its volume: a resync in the middle
    # must not take away what the creation has just brought.
    here = storage_selectors.attachments_on(host).filter(granted=True, leaving=False, fenced=None)
    sites = places.sites_on(host).filter(volume__in=here.values("volume"))
    for site in sites.exclude(state__in=_GONE).prefetch_related("domains").order_by("id"):
        yield site_resource(site)


def base_resource() -> Resource:
    """The web server itself, which only edges may speak to."""
    base = web_hosts.web_base()
    return Resource("nginx", "base", base.revision, {"edges": base.edges})


def on_host(sites: Collection[Site], host: str, *, present: bool = True) -> list[Resource]:
    """All that the sites need on a host that is to serve them, or (``present=False``) is not to have them any more."""
    return [*mounts(sites, host, present=present).values(), *(site_resource(site, present=present) for site in sites)]


def mounts(sites: Iterable[Site], host: str, *, present: bool = True) -> dict[int, Resource]:
    """By site (id), its mount on that host; those that storage never let it have, or knows no longer, are left out."""
    site_of = {site.volume_id: site.pk for site in sites if site.volume_id}
    return {
        site_of[one.volume_id]: storage_desired.attachment_resource(one, present=present)
        for one in storage_selectors.granted_to(host, site_of)
    }


@provider(Role.EDGE)
def edge_resources(host: Host) -> Iterable[Resource]:
    """The clean rooms that are open."""
    rooms = Quarantine.objects.filter(ended=None, site__quarantined=True, site__room_open=True)
    for quarantine in rooms.filter(room_until__gt=timezone.now()).order_by("site_id"):
        yield _room(quarantine)


def room_resources(site_id: int) -> list[Resource]:
    """One site's clean room as edges should have it: present while it is open."""
    site = Site.objects.get(pk=site_id)
    quarantine = Quarantine.objects.filter(site=site, ended=None).first()
    if quarantine is not None and site.quarantined and site.room_open and quarantine.room_is_open:
        return [_room(quarantine)]
    return [Resource("room", str(site_id), site.revision, {}, present=False)]


def _room(quarantine: Quarantine) -> Resource:
    until = int(quarantine.room_until.timestamp()) if quarantine.room_until else 0
    digest = hashlib.sha256(quarantine.room_secret.encode()).hexdigest()
    return Resource("room", str(quarantine.site_id), quarantine.room_revision, {"digest": digest, "until": until})


def site_resource(site: Site, present: bool = True) -> Resource:
    """One site on its web host."""
    spec = {
        "kind": site.kind,
        "domains": site.served_names,
        "uid": site.uid,
        "gid": site.uid,
        "enabled": site.open,
        "php_workers": site.php_workers,
        "php_settings": site.php_settings,
        "memory_mb": site.memory_mb,
        "cpu_weight": site.cpu_weight,
        "tasks": site.tasks,
        **({"quarantined": True, "room": site.room_open} if site.quarantined else {}),
    }
    return Resource("site", str(site.pk), site.revision, spec if present else {}, present)
