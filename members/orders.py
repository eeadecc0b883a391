"""Hosting orders as this app needs to know them: whose they are and what they are called.

Orders live in an app above, which says how they are found (``source``).
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from django.db.models import Q

from .choices import Role
from .models import Access, Login, Member


@dataclass(frozen=True)
class Order:
    pk: int
    name: str
    member_id: int


#: Orders with these ids, or all of these members; by name.
Source = Callable[[Q], Iterable[Order]]

_sources: list[Source] = []


def source(function: Source) -> Source:
    """Decorator: the app that has the orders says how to find them. The condition is on ``pk`` and ``member_id``."""
    _sources[:] = [function]
    return function


def find(order_ids: Iterable[int]) -> list[Order]:
    """Those that there are of these ids."""
    ids = set(order_ids)
    return [order for function in _sources for order in function(Q(pk__in=ids))] if ids else []


def of_member(member: Member) -> list[Order]:
    """All orders of a member, by name."""
    return [order for function in _sources for order in function(Q(member_id=member.pk))]


def owners(order_ids: Iterable[int]) -> set[int]:
    """Ids of the members whose orders these are. An order that is no more is nobody's."""
    return {order.member_id for order in find(order_ids)}


def accesses_within(member: Member) -> Q:
    """A condition on accesses: on that member, or on one of its orders."""
    ids = [order.pk for order in of_member(member)]
    return Q(role=Role.MEMBER_ADMIN, member=member) | Q(role=Role.ORDER_ADMIN, order_id__in=ids)


def reaches_beyond(login: Login, actor: Login) -> bool:
    """Whether the login may do something that the actor may not, so that the actor must not be able to become it."""
    mine = set(actor.member_ids())
    return (
        login.is_staff
        or not set(login.member_ids()) <= mine
        or not owners(set(login.order_ids()) - set(actor.order_ids())) <= mine
    )


def administrators_of(member: Member, order_id: int) -> list[Access]:
    """Who may change an order: accesses on it and on its member, people who may log in only."""
    which = Q(role=Role.MEMBER_ADMIN, member=member) | Q(role=Role.ORDER_ADMIN, order_id=order_id)
    found = Access.objects.filter(which, login__is_active=True).select_related("login", "member")
    return list(found.order_by("login__username", "role"))
