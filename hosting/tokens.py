"""What tokens of the REST API may be narrowed to. It stands here because that may be orders and sites."""

from collections.abc import Iterable

from django.utils.translation import gettext as _

from members import selectors as people
from members.models import Login
from members.narrowing import Limit, parse

from . import selectors
from .choices import SiteState
from .models import HostingOrder, Site

#: Most things that the page offers to choose from; links on a site's and an order's page lead to any other.
MOST_OFFERED = 100


def limits_for(
    login: Login, *, members: Iterable[int] = (), orders: Iterable[int] = (), sites: Iterable[int] = ()
) -> list[Limit]:
    """The limits for those ids. What the login does not see is not found: raises ObjectDoesNotExist."""
    found = [Limit(pk) for pk in people.members_for(login).filter(pk__in=members).values_list("pk", flat=True)]
    of_orders = selectors.orders_for(login).filter(pk__in=orders).values_list("member_id", "pk")
    of_sites = selectors.sites_for(login).filter(pk__in=sites).values_list("order__member_id", "order_id", "pk")
    found += [Limit(*ids) for ids in (*of_orders, *of_sites)]
    if len(found) != len({*members}) + len({*orders}) + len({*sites}):
        raise HostingOrder.DoesNotExist
    return found


def limits_of(login: Login, texts: Iterable[str]) -> list[Limit]:
    """The same for limits as text (of a form). Raises ObjectDoesNotExist."""
    asked = parse(texts)
    return limits_for(
        login,
        members=[one.member for one in asked if not one.order],
        orders=[one.order for one in asked if one.order and not one.site],
        sites=[one.site for one in asked if one.site],
    )


def offered(login: Login, first: Iterable[str] = ()) -> list[tuple[str, str]]:
    """Limits (as text) and what they are called, members before their orders before their sites; at most MOST_OFFERED
    after those of ``first`` that the login may go to."""
    wanted = parse(first)
    found = {limit: label for limit, label in _all(login, wanted) if limit in wanted}
    for limit, label in _all(login) if len(found) < MOST_OFFERED else ():
        found.setdefault(limit, label)
    return [(str(limit), label) for limit, label in found.items()]


def names_of(login: Login, limits: Iterable[Limit]) -> dict[Limit, str]:
    """What those limits are called; those to which the login has no access any more are left out."""
    wanted = set(limits)
    return {limit: label for limit, label in _all(login, wanted) if limit in wanted} if wanted else {}


def _all(login: Login, only: Iterable[Limit] | None = None) -> list[tuple[Limit, str]]:
    members, orders = people.members_for(login), selectors.orders_for(login)
    sites = selectors.sites_for(login).exclude(state=SiteState.DELETED)
    most: int | None = MOST_OFFERED
    if only is not None:
        only, most = list(only), None
        members = members.filter(pk__in=[one.member for one in only])
        orders = orders.filter(pk__in=[one.order for one in only])
        sites = sites.filter(pk__in=[one.site for one in only])
    found = []
    for member in members[:most]:
        found.append((Limit(member.pk), _("Everything of %(member)s") % {"member": member}))
    for order in orders.select_related("member")[:most]:
        found.append((Limit(order.member_id, order.pk), _("Hosting order %(order)s") % {"order": order}))
    for site in sites.select_related("order").prefetch_related("domains")[:most]:
        found.append((Limit(site.order.member_id, site.order_id, site.pk), _("Site %(site)s") % {"site": _name(site)}))
    return sorted(found, key=lambda entry: entry[0])[:most]


def _name(site: Site) -> str:
    return site.primary or str(site.pk)
