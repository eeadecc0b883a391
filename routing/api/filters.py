"""What a list of routes can be narrowed to."""

import django_filters

from ..choices import Mode
from ..models import Route


class RouteFilter(django_filters.FilterSet):
    name = django_filters.CharFilter(max_length=253)
    site = django_filters.NumberFilter("backend__site_id", min_value=1, max_value=2**53)
    mode = django_filters.ChoiceFilter("backend__mode", choices=Mode.choices)
    host = django_filters.CharFilter("backend__host__name", max_length=63)

    class Meta:
        model = Route
        fields: tuple[str, ...] = ()
