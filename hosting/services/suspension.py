"""Switching off and on everything that a member has: one operation, back at once. ``members.standing`` decides when."""

from typing import Any

from django.db import transaction
from django.db.models import Exists, OuterRef

from controlpanel.operations import services as operations
from controlpanel.operations.access import Actor
from controlpanel.operations.locks import lock_resources
from controlpanel.operations.models import Operation
from members import blocks, standing
from members.choices import MemberState
from members.models import Login, Member

from .. import suspension
from ..choices import DatabaseState, SiteState
from ..models import Database, HostingOrder, Site
from . import databases as databases_service
from . import sites as sites_service

#: Sites and databases of inactive members whose deletion is begun in one turn.
_DELETIONS = 20


def carry_out(member: Member, actor: Actor | None, requested_from: str | None) -> Operation | None:
    """Let everything follow the member's standing. Inside the transaction that changed it; None: nothing had to."""
    orders = list(HostingOrder.objects.filter(member=member).order_by("pk"))
    lock_resources(
        [
            *(f"site:{pk}" for pk in suspension.sites_to_switch(member).values_list("pk", flat=True)),
            *(f"database:{pk}" for pk in suspension.databases_to_switch(member).values_list("pk", flat=True)),
        ]
    )
    touched = suspension.write(member)
    logins = _logins(member, [order.pk for order in orders])
    if not touched and not logins:
        return None
    return operations.start(
        "hosting.disable_member" if member.is_closed else "hosting.enable_member",
        {
            "member": member.pk,
            "name": member.name,
            "sites": touched.sites,
            "databases": touched.databases,
            "logins": logins,
        },
        scopes=[f"member:{member.pk}", *(f"order:{order.pk}" for order in orders)],
        actor=actor,
        requested_from=requested_from,
    )


def cause_of(member: Member) -> str:
    """What the blocks of its logins say why they are there."""
    return f"member:{member.pk}"


def _logins(member: Member, order_ids: list[int]) -> list[int]:
    """Block or free SSH keys and tokens; passwords still open the panel. Those whose directory entry changes by it."""
    cause = cause_of(member)
    if not member.is_closed:
        return [login.pk for login in blocks.unblock(cause)]
    known = {login.pk for login in blocks.blocked_by(cause)}
    logins = [login for login in blocks.only_of(member, order_ids) if login.pk not in known]
    blocks.block(logins, cause)
    return [login.pk for login in logins]


def preview(member: Member) -> dict[str, Any]:
    """What disabling would touch, by name."""
    sites = Site.objects.filter(order__member=member, placed=True).exclude(state=SiteState.DELETED)
    databases = Database.objects.filter(order__member=member, placed=True).exclude(state=DatabaseState.DELETED)
    orders = list(HostingOrder.objects.filter(member=member).values_list("pk", flat=True))
    return {
        "sites": [site.name for site in sites.prefetch_related("domains")],
        "databases": [database.name for database in databases],
        "logins": [login.username for login in blocks.only_of(member, orders)],
    }


def follow_members() -> list[Operation]:
    """What was being created or moved when its member was switched off or on follows now. Called by the clock."""
    started = []
    closed = (MemberState.DISABLED, MemberState.INACTIVE)
    sites = Site.objects.filter(order__member=OuterRef("pk")).exclude(state__in=suspension.PASSING_SITES)
    databases = Database.objects.filter(order__member=OuterRef("pk")).exclude(state__in=suspension.PASSING_DATABASES)
    for members, suspended in (
        (Member.objects.filter(state__in=closed), False),
        (Member.objects.exclude(state__in=closed), True),
    ):
        unlike = Exists(sites.filter(suspended=suspended)) | Exists(databases.filter(suspended=suspended))
        for pk in list(members.filter(unlike).values_list("pk", flat=True)):
            with transaction.atomic():
                member = Member.objects.select_for_update().get(pk=pk)
                operation = carry_out(member, None, None)
                started += [operation] if operation else []
    return started


def delete_of_inactive() -> list[Operation]:
    """Begin to delete what inactive members have, the ordinary way: a last dump, and a time in which all of it can be
    restored. Called by the clock."""
    started = []
    resting = (SiteState.DISABLED, SiteState.QUARANTINED, SiteState.FAILED, SiteState.ACTIVE)
    sites = Site.objects.filter(order__member__state=MemberState.INACTIVE, state__in=resting).order_by("pk")
    for site in sites[:_DELETIONS]:
        started.append(sites_service.delete_by_clock(site))
    live = (DatabaseState.ACTIVE, DatabaseState.FAILED)
    databases = Database.objects.filter(order__member__state=MemberState.INACTIVE, state__in=live).order_by("pk")
    for database in databases[:_DELETIONS]:
        started.append(databases_service.delete_by_clock(database))
    return started


class _Carrier:
    """How ``members.standing`` reaches this."""

    def carry_out(self, member: Member, actor: Any, requested_from: str | None) -> Operation | None:
        return carry_out(member, actor if isinstance(actor, Login) else None, requested_from)

    def preview(self, member: Member) -> dict[str, Any]:
        return preview(member)


standing.carries_out(_Carrier())
