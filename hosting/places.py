"""Which web hosts have a site: its main one, and the further ones of a site that is scaled out.

Whoever does something "on the site's host" asks here, so that a popular site is treated like any other.
"""

from collections.abc import Iterable

from django.db.models import Q, QuerySet

from controlpanel.fleet.models import Host

from .models import Placement, Site


def hosts_of(site: Site) -> list[Host]:
    """Every web host that has the site or is to have it, also one that it is leaving; the main one first."""
    further = [placement.host for placement in further_of(site)]
    return ([site.host] if site.host else []) + [host for host in further if host.pk != site.host_id]


def further_of(site: Site) -> list[Placement]:
    """The site's placements besides its main host, in the order of their hosts' names."""
    return sorted(site.placements.select_related("host"), key=lambda placement: placement.host.name)


def serving_hosts(site: Site) -> list[Host]:
    """The web hosts that visitors are sent to; the main one first."""
    return ([site.host] if site.host else []) + [one.host for one in further_of(site) if one.serving]


def staying_hosts(site: Site) -> list[Host]:
    """The web hosts that it has or is to have, without those that it leaves; the main one first."""
    return ([site.host] if site.host else []) + [one.host for one in further_of(site) if not one.leaving]


def sites_on(host: Host) -> QuerySet[Site]:
    """Sites that have the host as their main or as a further one."""
    further = Placement.objects.filter(host=host).values("site")
    return Site.objects.filter(Q(host=host) | Q(pk__in=further))


def reserved_hosts(but: Site | None = None) -> dict[int, int]:
    """Hosts that a dedicated site has for itself, by id, and that site's id. ``but``: a site that does not count."""
    dedicated = Site.objects.filter(dedicated=True).exclude(pk=but.pk if but else 0)
    rows: Iterable[tuple[int, int | None]] = [
        *dedicated.exclude(host=None).values_list("pk", "host_id"),
        *Placement.objects.filter(site__in=dedicated).values_list("site_id", "host_id"),
    ]
    return {host: site for site, host in rows if host is not None}
