"""What lists of hosting can be narrowed to."""

import django_filters
from django.db.models import QuerySet

from members.choices import Role
from members.models import Access

from ..choices import DatabaseEngine, DatabaseState, DomainKind, SiteKind, SiteState
from ..errors import InvalidDomain
from ..models import Database, Domain, HostingOrder, Site
from ..validators import normalize

BIGGEST_ID = 2**53


def _id(field: str) -> django_filters.NumberFilter:
    return django_filters.NumberFilter(field, min_value=1, max_value=BIGGEST_ID)


class OrderFilter(django_filters.FilterSet):
    name = django_filters.CharFilter(lookup_expr="icontains", max_length=120)
    member = _id("member_id")

    class Meta:
        model = HostingOrder
        fields: tuple[str, ...] = ()


class SiteFilter(django_filters.FilterSet):
    order = _id("order_id")
    member = _id("order__member_id")
    kind = django_filters.ChoiceFilter(choices=SiteKind.choices)
    state = django_filters.MultipleChoiceFilter(choices=SiteState.choices)
    domain = django_filters.CharFilter(method="filter_domain", max_length=300, label="A name that it has.")
    host = django_filters.CharFilter("host__name", max_length=63)

    class Meta:
        model = Site
        fields: tuple[str, ...] = ()

    def filter_domain(self, queryset: QuerySet[Site], name: str, value: str) -> QuerySet[Site]:
        try:
            return queryset.filter(domains__name=normalize(value))
        except InvalidDomain:
            return queryset.none()


class DomainFilter(django_filters.FilterSet):
    name = django_filters.CharFilter(max_length=253)
    kind = django_filters.ChoiceFilter(choices=DomainKind.choices)
    site = _id("site_id")
    order = _id("site__order_id")

    class Meta:
        model = Domain
        fields: tuple[str, ...] = ()


class AccessFilter(django_filters.FilterSet):
    login = _id("login_id")
    role = django_filters.ChoiceFilter(choices=Role.choices)
    member = _id("member_id")
    order = _id("order_id")

    class Meta:
        model = Access
        fields: tuple[str, ...] = ()


class DatabaseFilter(django_filters.FilterSet):
    order = _id("order_id")
    member = _id("order__member_id")
    site = _id("site_id")
    engine = django_filters.ChoiceFilter(choices=DatabaseEngine.choices)
    state = django_filters.MultipleChoiceFilter(choices=DatabaseState.choices)
    host = django_filters.CharFilter("host__name", max_length=63)

    class Meta:
        model = Database
        fields: tuple[str, ...] = ()
