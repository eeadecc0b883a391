"""What a list of operations can be narrowed to."""

import django_filters
from django.db.models import QuerySet

from controlpanel.api.filters import TimeFilter

from ..choices import FINISHED, OperationState
from ..models import Operation


class OperationFilter(django_filters.FilterSet):
    kind = django_filters.CharFilter(max_length=64)
    state = django_filters.MultipleChoiceFilter(choices=OperationState.choices)
    finished = django_filters.BooleanFilter(method="filter_finished", label="Has it ended?")
    resource = django_filters.CharFilter(
        max_length=80, method="filter_resource", label='What it reserved, for example "site:7" or "host:web1".'
    )
    requested_by = django_filters.CharFilter("requested_by__username", max_length=31)
    created_after = TimeFilter("created", lookup_expr="gte")
    created_before = TimeFilter("created", lookup_expr="lt")

    class Meta:
        model = Operation
        fields: tuple[str, ...] = ()

    def filter_finished(self, queryset: QuerySet[Operation], name: str, value: bool) -> QuerySet[Operation]:
        return queryset.filter(state__in=FINISHED) if value else queryset.exclude(state__in=FINISHED)

    def filter_resource(self, queryset: QuerySet[Operation], name: str, value: str) -> QuerySet[Operation]:
        return queryset.filter(reservations__resource=value)
