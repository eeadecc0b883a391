"""What somebody fills in for a new token."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from members.choices import TokenScope
from members.models import Login

from . import tokens


class TokenForm(forms.Form):
    """A token's name, what it may do, and how long it lives."""

    name = forms.CharField(
        label=_("What it is for"),
        help_text=_("For instance the name of the script or the machine that will use it."),
        max_length=80,
    )
    scope = forms.ChoiceField(
        label=_("What it may do"), choices=TokenScope.choices, initial=TokenScope.WRITE, widget=forms.RadioSelect
    )
    days = forms.TypedChoiceField(
        label=_("Valid for"),
        coerce=int,
        empty_value=None,
        initial=365,
        choices=[(30, _("30 days")), (90, _("90 days")), (365, _("One year")), ("", _("Until it is revoked"))],
        required=False,
    )
    only = forms.MultipleChoiceField(
        label=_("Only for"),
        help_text=_("Choose nothing, and it may do all that you may do, also what you are given later."),
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )

    def __init__(self, *args: Any, login: Login, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        chosen = self.data.getlist("only") if self.is_bound else self.initial.get("only", [])
        self.fields["only"].choices = tokens.offered(login, chosen)  # type: ignore[attr-defined]
