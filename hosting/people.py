"""Hosting orders for the app that knows people."""

from collections.abc import Iterable

from django.db.models import Q

from members import orders

from .models import HostingOrder


@orders.source
def orders_for_members(condition: Q) -> Iterable[orders.Order]:
    found = HostingOrder.objects.filter(condition).order_by("name", "pk")
    return [orders.Order(pk, name, member) for pk, name, member in found.values_list("pk", "name", "member_id")]
