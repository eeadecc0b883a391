"""Lists of databases on the pages of orders and sites."""

from django import template

from hosting.choices import DatabaseState
from hosting.models import Database, HostingOrder, Site

register = template.Library()


@register.simple_tag
def databases_of(owner: HostingOrder | Site) -> list[Database]:
    """The databases of an order or a site, without deleted ones."""
    return list(owner.databases.exclude(state__in=(DatabaseState.DELETED, DatabaseState.PURGING)))


@register.simple_tag
def restorable_databases_of(order: HostingOrder) -> list[Database]:
    """Deleted databases whose last dump is still kept."""
    return [one for one in order.databases.filter(state=DatabaseState.DELETED) if one.restorable]
