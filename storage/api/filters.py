"""What a list of volumes can be narrowed to."""

import django_filters

from ..choices import VolumeState
from ..models import Volume


class VolumeFilter(django_filters.FilterSet):
    state = django_filters.MultipleChoiceFilter(choices=VolumeState.choices)
    pool = django_filters.CharFilter("pool__name", max_length=40)

    class Meta:
        model = Volume
        fields: tuple[str, ...] = ()
