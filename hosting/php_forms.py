"""The form of a site's PHP settings, made from the list of what may be set."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from . import php_settings
from .errors import HostingError
from .forms import ServiceForm
from .models import Site

PREFIX = "php_settings."


def _field(name: str) -> forms.Field:
    setting = php_settings.SETTINGS[name]
    label, help_text = php_settings.LABELS[name]
    if isinstance(setting, php_settings.Whole):
        range_ = _("From %(low)d to %(high)d.") % {"low": setting.low, "high": setting.high}
        help_text = f"{help_text} {range_}" if help_text else range_
        return forms.IntegerField(label=label, help_text=help_text)
    if isinstance(setting, php_settings.Switch):
        return forms.BooleanField(label=label, help_text=help_text, required=False)
    if isinstance(setting, php_settings.Choice):
        words = [(word, php_settings.WORDS[word]) for word in setting.words]
        return forms.ChoiceField(label=label, help_text=help_text, choices=words)
    zones = [(zone, zone.replace("_", " ")) for zone in php_settings.zones()]
    return forms.ChoiceField(label=label, help_text=help_text, choices=zones)


class PhpSettingsForm(ServiceForm):
    """All settings, as they are in effect. ``revision`` is what the page was made from."""

    revision = forms.IntegerField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, site: Site, **kwargs: Any) -> None:
        kwargs["initial"] = {**php_settings.effective(site.php_settings), "revision": site.revision}
        super().__init__(*args, **kwargs)
        for name in php_settings.SETTINGS:
            self.fields[name] = _field(name)

    @property
    def settings(self) -> list[forms.BoundField]:
        return [self[name] for name in php_settings.SETTINGS]

    @property
    def chosen(self) -> dict[str, Any]:
        """What was entered, for the service."""
        return {name: self.cleaned_data[name] for name in php_settings.SETTINGS}

    def add_problems(self, error: HostingError) -> None:
        for problem in error.problems:
            field = problem.field.removeprefix(PREFIX)
            self.add_error(field if field in self.fields else None, problem.text)
