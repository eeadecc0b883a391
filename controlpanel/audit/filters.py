"""What the record can be narrowed to, the same for pages, API and exports."""

import django_filters
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from controlpanel.api.filters import TimeFilter

from .choices import Verb
from .models import Entry

_MOST = 10**18


class EntryFilter(django_filters.FilterSet):
    about = django_filters.CharFilter(
        max_length=80, label=_('What it is about, for example "hosting.site:12" or "members.login:7".')
    )
    order = django_filters.NumberFilter(
        method="filter_scope", min_value=1, max_value=_MOST, label=_("Only what belongs to this hosting order.")
    )
    member = django_filters.NumberFilter(
        method="filter_scope", min_value=1, max_value=_MOST, label=_("Only what belongs to this member.")
    )
    person = django_filters.NumberFilter(
        "actor_id", min_value=1, max_value=_MOST, label=_("Only what this login did, by its id.")
    )
    operation = django_filters.NumberFilter(min_value=1, max_value=_MOST, label=_("Only what this operation did."))
    verb = django_filters.MultipleChoiceFilter(choices=Verb.choices)
    after = TimeFilter("time", lookup_expr="gte", label=_("Only from this time on."))
    before = TimeFilter("time", lookup_expr="lt", label=_("Only until this time."))

    class Meta:
        model = Entry
        fields: tuple[str, ...] = ()

    def filter_scope(self, queryset: QuerySet[Entry], name: str, value: int) -> QuerySet[Entry]:
        return queryset.filter(scopes__contains=[f"{name}:{int(value)}"])
