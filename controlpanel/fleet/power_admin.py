"""Staff say how a host can be switched off from outside. What is secret is written, and never shown again."""

import json
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _

from controlpanel import reauthentication
from controlpanel.admin import ReadOnlyAdmin, actor, deed

from . import power
from .models import PowerFence


class PowerFenceForm(forms.ModelForm):
    """The parameters as lines; left empty they stay as they are."""

    lines = forms.CharField(
        label=_("Parameters"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 6, "spellcheck": "false", "autocomplete": "off"}),
        help_text=_("What the agent reads: one key=value a line (ip=…, username=…, password=…). Stored encrypted, and "
                    "never shown again; empty leaves them as they are."),
    )  # fmt: skip

    class Meta:
        model = PowerFence
        fields = ("host", "agent")

    def clean_lines(self) -> dict[str, str] | None:
        rows = [line.strip() for line in self.cleaned_data["lines"].splitlines() if line.strip()]
        if not rows and self.instance.pk:
            return None
        if any("=" not in row for row in rows):
            raise ValidationError(_("One key=value a line."))
        parameters = {key.strip(): value.strip() for key, _equals, value in (row.partition("=") for row in rows)}
        power.check_parameters(parameters)
        return parameters


@admin.register(PowerFence)
class PowerFenceAdmin(ReadOnlyAdmin):
    list_display = ("host", "agent")
    list_select_related = ("host",)
    fields = ("host", "agent", "lines")
    form = PowerFenceForm
    actions_detail = ("ask_status",)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(actor(request).is_staff)

    has_change_permission = has_add_permission

    def resources(self, obj: PowerFence) -> list[str]:
        return [f"fence:{obj.host.name}", f"unfence:{obj.host.name}"]

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not reauthentication.is_recent(request):
            return reauthentication.ask(request)
        answer: HttpResponse = super().changeform_view(request, *args, **kwargs)
        return answer

    def save_model(self, request: HttpRequest, obj: PowerFence, form: Any, change: bool) -> None:
        if form.cleaned_data["lines"] is not None:
            obj.parameters = json.dumps(form.cleaned_data["lines"], sort_keys=True)
        obj.save()

    @deed(
        description=_("Ask for its status"),
        icon="power",
        url_path="status",
        question=_("Run the agent with the action “status”? Nothing is switched."),
        sensitive=True,
    )
    def ask_status(self, request: HttpRequest, fence: PowerFence) -> str:
        confirmed, said = power.run(fence, "status")
        words = _("The agent answers.") if confirmed else _("The agent does not answer as it should.")
        return f"{words} {said}"
