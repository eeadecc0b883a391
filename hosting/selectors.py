"""What a login may see of hosting. Every function takes who asks first, and fails closed."""

from typing import TYPE_CHECKING

from django.core.exceptions import PermissionDenied
from django.db.models import OuterRef, Q, QuerySet, Subquery

from controlpanel.operations import selectors as operation_selectors
from controlpanel.operations.models import Operation
from members.models import Login
from routing import selectors as routing
from routing.models import Certificate, Route, Shield
from storage.models import Volume

from .models import Database, Domain, Evidence, HostingOrder, Site

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    Actor = Login | AnonymousUser | None


def _insider(actor: "Actor") -> Login | None:
    return actor if isinstance(actor, Login) and actor.is_active else None


def _of(login: Login, order: str, site: str = "") -> Q:
    """Which rows are its own: ``order`` and ``site`` are the ways there from a row ("site__order"; "pk")."""
    way = "" if order == "pk" else f"{order}__"
    mine = Q(**{f"{way}member__in": login.member_ids()}) | Q(**{f"{order}__in": login.order_ids()})
    return mine | Q(**{f"{site}__in": login.site_ids()}) if site else mine


def orders_for(actor: "Actor") -> QuerySet[HostingOrder]:
    """Hosting orders that the login administers; all for staff, none for anybody unknown."""
    login = _insider(actor)
    if login is None:
        return HostingOrder.objects.none()
    return HostingOrder.objects.all() if login.is_staff else HostingOrder.objects.filter(_of(login, "pk"))


def sites_for(actor: "Actor") -> QuerySet[Site]:
    """Sites of those orders, deleted ones too while their data is kept, and those that a token is narrowed to."""
    login = _insider(actor)
    if login is None:
        return Site.objects.none()
    return Site.objects.all() if login.is_staff else Site.objects.filter(_of(login, "order", "pk"))


def with_shields(sites: QuerySet[Site]) -> QuerySet[Site]:
    """The same sites, each with ``shield_level`` (None: never had any), in one query."""
    level = Shield.objects.filter(site_id=OuterRef("pk")).values("level")[:1]
    return sites.annotate(shield_level=Subquery(level))


def domains_for(actor: "Actor") -> QuerySet[Domain]:
    """Names of those sites."""
    login = _insider(actor)
    if login is None:
        return Domain.objects.none()
    return Domain.objects.all() if login.is_staff else Domain.objects.filter(_of(login, "site__order", "site"))


def databases_for(actor: "Actor") -> QuerySet[Database]:
    """Databases of those orders, and of those sites, deleted ones too while their last dump is kept."""
    login = _insider(actor)
    if login is None:
        return Database.objects.none()
    return Database.objects.all() if login.is_staff else Database.objects.filter(_of(login, "order", "site"))


def volumes_for(actor: "Actor") -> QuerySet[Volume]:
    """Volumes of those sites; staff see those of no site too."""
    login = _insider(actor)
    if login is not None and login.is_staff:
        return Volume.objects.all()
    return Volume.objects.filter(site__in=sites_for(actor))


def routes_for(actor: "Actor") -> QuerySet[Route]:
    """Public names of those sites as the edges know them (a name taken off a site is gone)."""
    sites = sites_for(actor).values("pk")
    return Route.objects.filter(removed=False, backend__removed=False, backend__site_id__in=sites)


def certificates_for(actor: "Actor") -> QuerySet[Certificate]:
    """Certificates of the public names of those sites, with their routes."""
    return routing.certificates().filter(route__backend__site_id__in=sites_for(actor).values("pk"))


def order_for(actor: "Actor", pk: int) -> HostingOrder:
    """One order; raises HostingOrder.DoesNotExist, also for another member's."""
    return orders_for(actor).get(pk=pk)


def site_for(actor: "Actor", pk: int) -> Site:
    """One site; raises Site.DoesNotExist, also for another member's."""
    return sites_for(actor).select_related("order__member", "host", "volume__pool__host").get(pk=pk)


def database_for(actor: "Actor", pk: int) -> Database:
    """One database; raises Database.DoesNotExist, also for another member's."""
    related = ("order__member", "host", "site", "moving_to", "copy_host")
    return databases_for(actor).select_related(*related).get(pk=pk)


def operations_about(actor: "Actor", database: Database) -> QuerySet[Operation]:
    """The database's operations that the login may see, newest first."""
    return operation_selectors.operations_for(actor).filter(params__database=database.pk).order_by("-id")


def evidence_for(actor: "Actor", site: Site) -> QuerySet[Evidence]:
    """What was found in the site's quarantines, newest first. Staff only: PermissionDenied."""
    login = _insider(actor)
    if login is None or not login.is_staff:
        raise PermissionDenied
    return Evidence.objects.filter(quarantine__site=site).order_by("-id")


def operations_of(actor: "Actor", site: Site) -> QuerySet[Operation]:
    """The site's operations that the login may see, newest first."""
    mine = Q(params__site=site.pk) | Q(params__sites__contains=[site.pk])
    return operation_selectors.operations_for(actor).filter(mine).order_by("-id")
