"""What a list of hosts can be narrowed to."""

import django_filters
from django.db.models import QuerySet

from ..choices import HostState, Role
from ..models import Host


class HostFilter(django_filters.FilterSet):
    name = django_filters.CharFilter(max_length=63)
    role = django_filters.ChoiceFilter(choices=Role.choices, method="filter_role")
    state = django_filters.MultipleChoiceFilter(choices=HostState.choices)
    reachable = django_filters.BooleanFilter()

    class Meta:
        model = Host
        fields: tuple[str, ...] = ()

    def filter_role(self, queryset: QuerySet[Host], name: str, value: str) -> QuerySet[Host]:
        return queryset.filter(roles__contains=[value])
