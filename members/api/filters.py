"""What lists of members and logins can be narrowed to."""

import django_filters

from ..choices import MemberKind, MemberState
from ..models import Login, Member


class MemberFilter(django_filters.FilterSet):
    name = django_filters.CharFilter(lookup_expr="icontains", max_length=120)
    kind = django_filters.ChoiceFilter(choices=MemberKind.choices)
    state = django_filters.MultipleChoiceFilter(choices=MemberState.choices)

    class Meta:
        model = Member
        fields: tuple[str, ...] = ()


class LoginFilter(django_filters.FilterSet):
    username = django_filters.CharFilter(max_length=31)
    member = django_filters.NumberFilter("member_id", min_value=1, max_value=2**53)
    active = django_filters.BooleanFilter("is_active")

    class Meta:
        model = Login
        fields: tuple[str, ...] = ()
