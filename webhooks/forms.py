"""What somebody fills in for a webhook. Rules are the service's."""

import re
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from hosting import selectors as hosting
from members import selectors as people
from members.models import Login


class WebhookForm(forms.Form):
    """Its name, its address, and which operations it hears of."""

    name = forms.CharField(label=_("What it is for"), max_length=80)
    url = forms.CharField(
        label=_("Address"),
        help_text=_("Where messages are sent to. It begins with https://."),
        max_length=500,
        widget=forms.TextInput(attrs={"inputmode": "url", "autocapitalize": "none", "spellcheck": "false"}),
    )
    kinds = forms.CharField(
        label=_("Only these operations"),
        help_text=_("Kinds as the API names them, for instance hosting.create_site; one a line. Empty: all."),
        required=False,
        max_length=5000,
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false", "autocapitalize": "none"}),
    )

    def clean_kinds(self) -> list[str]:
        return [kind for kind in re.split(r"[\s,]+", self.cleaned_data["kinds"]) if kind]

    def add_problem(self, error: ValidationError) -> None:
        """What the service refused, beside its field."""
        for field, errors in getattr(error, "error_dict", {None: [error]}).items():
            self.add_error(field if field in self.fields else None, errors)


class NewWebhookForm(WebhookForm):
    """And of whom."""

    of = forms.ChoiceField(label=_("Tell it of"))
    field_order = ("name", "url", "of", "kinds")

    def __init__(self, *args: Any, login: Login, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.login = login
        choices = [("staff", gettext("Everything, of all members"))] if login.is_staff else []
        for member in people.members_for(login)[:100]:
            choices.append((f"member:{member.pk}", gettext("Everything of %(member)s") % {"member": member}))
        for order in hosting.orders_for(login)[:100]:
            choices.append((f"order:{order.pk}", gettext("Hosting order %(order)s") % {"order": order}))
        self.fields["of"].choices = choices  # type: ignore[attr-defined]

    def owner(self) -> dict[str, Any]:
        """``member`` or ``order`` of what was chosen, for the service."""
        kind, _colon, pk = self.cleaned_data["of"].partition(":")
        if kind == "member":
            return {"member": people.members_for(self.login).get(pk=pk)}
        return {"order": hosting.order_for(self.login, int(pk))} if kind == "order" else {}
