"""Everything that a member has is switched off, or on again: the rows. (``services/suspension.py`` starts the work.)

``suspended`` stands beside what members and staff have chosen (enabled, maintenance, quarantine), which is never
touched: it comes back exactly as it was.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import F, Q, QuerySet

from members.models import Member
from routing import services as routing

from .choices import DatabaseState, SiteState
from .errors import MemberClosed
from .models import Database, HostingOrder, Site

#: With these something is under way that must end first, or that ends them: they follow by the clock.
PASSING_SITES = (SiteState.CREATING, SiteState.MOVING, SiteState.DELETING, SiteState.PURGING)
PASSING_DATABASES = (
    DatabaseState.CREATING, DatabaseState.RESTORING, DatabaseState.MOVING, DatabaseState.DELETING, DatabaseState.PURGING
)  # fmt: skip


@dataclass(frozen=True)
class Touched:
    """What was switched, each with its new revision, by id."""

    sites: dict[int, int]
    databases: dict[int, int]

    def __bool__(self) -> bool:
        return bool(self.sites or self.databases)


def sites_to_switch(member: Member) -> QuerySet[Site]:
    """Sites that are not as the member's standing wants them, and at rest."""
    sites = Site.objects.filter(order__member=member).exclude(suspended=member.is_closed)
    return sites.exclude(state__in=PASSING_SITES).order_by("pk")


def databases_to_switch(member: Member) -> QuerySet[Database]:
    """Databases likewise."""
    databases = Database.objects.filter(order__member=member).exclude(suspended=member.is_closed)
    return databases.exclude(state__in=PASSING_DATABASES).order_by("pk")


def write(member: Member) -> Touched:
    """Say of all of them what the member's standing wants. The caller has locked them. Those that hosts must be told of
    get a new revision and are answered; deleted ones, and such as never came up, only follow."""
    closed = member.is_closed
    sites = list(sites_to_switch(member).select_for_update(of=("self",)))
    databases = list(databases_to_switch(member).select_for_update(of=("self",)))
    live = [site.pk for site in sites if site.placed and site.state != SiteState.DELETED]
    live_databases = [one.pk for one in databases if one.placed and one.state != DatabaseState.DELETED]
    Site.objects.filter(pk__in=[site.pk for site in sites]).update(suspended=closed)
    Database.objects.filter(pk__in=[one.pk for one in databases]).update(suspended=closed)
    Site.objects.filter(pk__in=live).update(revision=F("revision") + 1, state=SiteState.UPDATING)
    Database.objects.filter(pk__in=live_databases).update(revision=F("revision") + 1, state=DatabaseState.UPDATING)
    route(live)
    return Touched(
        dict(Site.objects.filter(pk__in=live).values_list("pk", "revision")),
        dict(Database.objects.filter(pk__in=live_databases).values_list("pk", "revision")),
    )


def route(site_ids: Sequence[int]) -> None:
    """Let the edges' rows follow: by mode, so that fifty sites are a handful of statements."""
    by_mode: dict[str, list[int]] = {}
    for site in Site.objects.filter(pk__in=site_ids):
        by_mode.setdefault(site.mode, []).append(site.pk)
    for mode, pks in sorted(by_mode.items()):
        routing.set_mode_of(pks, mode)


def settle_sites(revisions: dict[int, int], failed: bool = False) -> None:
    """The states of sites of which that is still the newest intent, now that the hosts have confirmed (or not)."""
    for pk, revision in revisions.items():
        these = Site.objects.filter(pk=pk, revision=revision, state=SiteState.UPDATING)
        if failed:
            these.update(state=SiteState.FAILED)
            continue
        answering = Q(enabled=True, suspended=False)
        if not these.filter(quarantined=True).update(state=SiteState.QUARANTINED) and not these.filter(
            answering
        ).update(state=SiteState.ACTIVE):
            these.update(state=SiteState.DISABLED)


def settle_databases(revisions: dict[int, int], failed: bool = False) -> None:
    """Likewise."""
    state = DatabaseState.FAILED if failed else DatabaseState.ACTIVE
    for pk, revision in revisions.items():
        Database.objects.filter(pk=pk, revision=revision, state=DatabaseState.UPDATING).update(state=state)


def check_open(order: HostingOrder) -> None:
    """Raises MemberClosed: nothing new is made, and nothing deleted restored, while everything is switched off."""
    if order.member.is_closed:
        raise MemberClosed
