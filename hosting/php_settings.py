"""The PHP settings of a site as members choose them: checked here, to tell them what is wrong, and again on hosts.

What may be set, and how far, stands in one list (``controlpanel.agent.web.settings``).
"""

import zoneinfo
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from controlpanel.agent.errors import Invalid
from controlpanel.agent.web import settings as rules
from controlpanel.agent.web.settings import SETTINGS, Choice, Switch, Whole

from .errors import HostingError, InvalidChoice, InvalidSetting, OutOfRange, UnknownSetting, raise_all

__all__ = ["LABELS", "SETTINGS", "Choice", "Switch", "Whole", "described", "effective", "merged", "zones"]

#: Name and explanation of each, in the reader's language.
LABELS: dict[str, tuple[Any, Any]] = {
    "memory_limit_mb": (_("Memory of one request (MB)"), _("A program that wants more is stopped with an error.")),
    "upload_max_mb": (_("Largest upload (MB)"), _("Of a file that a visitor or you send with a form.")),
    "max_execution_time": (_("Time of one request (seconds)"), _("A program that takes longer is stopped.")),
    "max_input_vars": (_("Fields of a form"), _("Large forms, for example long menus, need more.")),
    "session_lifetime": (_("Sessions last (seconds)"), _("How long a visitor stays logged in without a click.")),
    "display_errors": (_("Show errors on pages"), _("Only while you look for a mistake: errors tell attackers a lot.")),
    "error_reporting": (_("Errors to report"), ""),
    "timezone": (_("Time zone"), ""),
}
#: Words of choices.
WORDS: dict[str, Any] = {
    "all": _("All"),
    "no_deprecated": _("All but what is deprecated"),
    "no_notices": _("All but notices and what is deprecated"),
    "errors": _("Errors only"),
}


@lru_cache
def zones() -> list[str]:
    """Time zones on offer: those of places, and UTC."""
    areas = (
        "Africa",
        "America",
        "Antarctica",
        "Arctic",
        "Asia",
        "Atlantic",
        "Australia",
        "Europe",
        "Indian",
        "Pacific",
    )
    return ["UTC", *sorted(name for name in zoneinfo.available_timezones() if name.partition("/")[0] in areas)]


def effective(chosen: Mapping[str, Any]) -> dict[str, Any]:
    """All settings of a site: those chosen, and the defaults of the rest."""
    return rules.effective(chosen)


def described(chosen: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Name and value of each setting, for people to read."""
    return [(str(LABELS[name][0]), _shown(value)) for name, value in effective(chosen).items()]


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return gettext("On") if value else gettext("Off")
    return str(WORDS.get(value, value))


def merged(chosen: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """What is chosen after the changes; None takes a choice back. Raises HostingError for each that is not possible."""
    problems: list[HostingError] = []
    result = dict(chosen)
    for name, value in changes.items():
        setting = SETTINGS.get(name)
        field = f"php_settings.{name}"
        if setting is None:
            problems.append(UnknownSetting("php_settings", name=str(name)[:40]))
        elif value is None or (value == setting.default and type(value) is type(setting.default)):
            result.pop(name, None)
        elif name == "timezone" and value not in zones():
            problems.append(InvalidChoice(field))
        else:
            try:
                result.update(rules.check({"php": {name: value}}, "php"))
            except Invalid:
                problems.append(_problem(field, setting))
    raise_all(problems)
    return result


def _problem(field: str, setting: rules.Setting) -> HostingError:
    if isinstance(setting, Whole):
        return OutOfRange(field, low=setting.low, high=setting.high)
    return InvalidSetting(field) if isinstance(setting, Switch) else InvalidChoice(field)
