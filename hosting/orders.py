"""Changes of hosting orders. They are rows only: no host has to know."""

from typing import Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from members.models import Member

from . import selectors
from .models import HostingOrder

#: Most sites that one order can be given.
MOST_SITES = 10_000
#: Room for one site, bytes: a first page and its log fit, and one site is not the whole pool.
LEAST_SIZE, MOST_SIZE = 16 * 1024**2, 4 * 1024**4


@transaction.atomic
def create_order(actor: "selectors.Actor", member: Member, name: str, **limits: int) -> HostingOrder:
    """A new order of a member; ``limits`` are ``max_sites``, ``site_size_bytes``, the same two of databases, and
    ``importance``.

    Staff only: PermissionDenied for others. Raises ValidationError.
    """
    _staff_only(actor)
    return _save(HostingOrder(member=member), name=name, **limits)


@transaction.atomic
def change_order(actor: "selectors.Actor", order: HostingOrder, **changes: Any) -> HostingOrder:
    """Another ``name`` or other limits, what is given; sites that there are keep the room that they have.

    Staff only: PermissionDenied for others. Raises ValidationError.
    """
    _staff_only(actor)
    return _save(HostingOrder.objects.select_for_update().get(pk=order.pk), **changes)


def check_limits(max_sites: int, site_size_bytes: int) -> None:
    """Raises ValidationError for limits that no order may have."""
    if max_sites > MOST_SITES:
        raise ValidationError({"max_sites": _("At most %(limit)d.") % {"limit": MOST_SITES}})
    if not LEAST_SIZE <= site_size_bytes <= MOST_SIZE:
        limits = {"low": LEAST_SIZE, "high": MOST_SIZE}
        raise ValidationError({"site_size_bytes": _("From %(low)d to %(high)d.") % limits})


def check_database_limits(max_databases: int, database_size_bytes: int) -> None:
    """Raises ValidationError for limits that no order may have."""
    if max_databases > MOST_SITES:
        raise ValidationError({"max_databases": _("At most %(limit)d.") % {"limit": MOST_SITES}})
    if not LEAST_SIZE <= database_size_bytes <= MOST_SIZE:
        limits = {"low": LEAST_SIZE, "high": MOST_SIZE}
        raise ValidationError({"database_size_bytes": _("From %(low)d to %(high)d.") % limits})


def _save(order: HostingOrder, **fields: Any) -> HostingOrder:
    for field, value in fields.items():
        setattr(order, field, " ".join(value.split()) if field == "name" else value)
    order.full_clean()
    check_limits(order.max_sites, order.site_size_bytes)
    check_database_limits(order.max_databases, order.database_size_bytes)
    order.save()
    return order


def _staff_only(actor: "selectors.Actor") -> None:
    if actor is None or not getattr(actor, "is_staff", False):
        raise PermissionDenied
