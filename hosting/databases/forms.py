"""Forms about databases. They collect and keep what was typed; what is right is decided by ``hosting.services``."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from ..choices import DatabaseEngine, SiteState
from ..forms import ServiceForm
from ..models import HostingOrder, Site


class SiteField(forms.ModelChoiceField):
    """One of an order's sites, by the name that people know."""

    def label_from_instance(self, obj: Any) -> str:
        return str(obj.name)


class CreateDatabaseForm(ServiceForm):
    engine = forms.ChoiceField(
        label=_("What kind of database?"),
        choices=DatabaseEngine,
        widget=forms.RadioSelect,
        initial=DatabaseEngine.MARIADB,
        help_text=_("Most PHP applications, WordPress among them, use MariaDB."),
    )
    site = SiteField(
        label=_("For which site?"),
        queryset=Site.objects.none(),
        required=False,
        empty_label=_("For no site in particular"),
    )

    def __init__(self, *args: Any, order: HostingOrder, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        sites = order.sites.exclude(state__in=(SiteState.DELETED, SiteState.PURGING, SiteState.DELETING))
        self.fields["site"].queryset = sites.prefetch_related("domains")  # type: ignore[attr-defined]


class DatabaseUserForm(ServiceForm):
    word = forms.CharField(
        label=_("Name of the new user"),
        max_length=40,
        help_text=_("Lower-case letters and digits, for example report."),
    )
