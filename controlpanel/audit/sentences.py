"""Entries as people read them: one plain sentence, and what changed, in the reader's language."""

import json
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import FieldDoesNotExist
from django.template.defaultfilters import filesizeformat
from django.utils import formats
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from . import selectors
from .choices import Verb
from .models import Entry
from .trail import Trail, trails

#: Changes that a sentence spells out; more are only named.
SPELLED_OUT = 2
#: Characters of a value in a sentence, at most.
SHORT = 60

_SENTENCES = {
    Verb.CREATED: gettext_lazy("%(who)s created %(what)s"),
    Verb.DELETED: gettext_lazy("%(who)s deleted %(what)s"),
    Verb.CHANGED: gettext_lazy("%(who)s changed %(what)s: %(changes)s"),
    Verb.ASKED: gettext_lazy("%(who)s asked for: %(what)s"),
    Verb.LOGGED_IN: gettext_lazy("%(who)s logged in"),
    Verb.LOGIN_FAILED: gettext_lazy("Somebody could not log in as %(name)s"),
    Verb.LOGGED_OUT: gettext_lazy("%(who)s logged out"),
    Verb.SIGNED_OUT: gettext_lazy("%(who)s ended all sessions of %(what)s"),
    Verb.PASSWORD_SET: gettext_lazy("%(who)s changed the password of %(what)s"),
    Verb.FIRST_USED: gettext_lazy("%(what)s was used for the first time"),
    Verb.IMPERSONATED: gettext_lazy("%(who)s began or ended to act as %(what)s"),
    Verb.READ: gettext_lazy("%(who)s downloaded %(what)s"),
    Verb.OPENED: gettext_lazy("%(who)s opened %(what)s"),
    Verb.PRUNED: gettext_lazy("%(who)s removed old entries from this record"),
}
_PART_ADDED = gettext_lazy("%(who)s added %(what)s – %(about)s")
_PART_REMOVED = gettext_lazy("%(who)s removed %(what)s – %(about)s")
_PART_CHANGED = gettext_lazy("%(who)s changed %(what)s – %(about)s: %(changes)s")
_RESTORED = gettext_lazy("%(who)s restored %(what)s")
_STEERED = {
    "cancel": gettext_lazy("%(who)s stopped: %(what)s"),
    "retry": gettext_lazy("%(who)s tried again: %(what)s"),
    "skip": gettext_lazy("%(who)s skipped a step of: %(what)s"),
}


@dataclass(frozen=True)
class Change:
    """One column."""

    label: str
    before: str
    after: str


@dataclass(frozen=True)
class Shown:
    """An entry for a page."""

    entry: Entry
    text: str
    who: str
    address: str
    changes: list[Change]


def shown(entry: Entry, reader: Any) -> Shown:
    """As that reader may see it."""
    address = "" if selectors.hides_address(entry, reader) else entry.address or ""
    return Shown(entry, sentence(entry), who(entry), address, changes(entry))


def who(entry: Entry) -> str:
    """The person, or the panel itself."""
    name = entry.actor or (_("Somebody") if entry.via in ("web", "api") else _("The panel"))
    if entry.impersonator:
        return _("%(staff)s of the staff, as %(name)s,") % {"staff": entry.impersonator, "name": name}
    return _("%(name)s of the staff") % {"name": name} if entry.actor_is_staff else name


def sentence(entry: Entry) -> str:
    """What happened, without a full stop."""
    found = changes(entry)
    if len(found) <= SPELLED_OUT:
        spelled = ", ".join(_spell(change) for change in found)
    else:
        spelled = ", ".join(change.label for change in found)
    words = {
        "who": who(entry),
        "what": what(entry),
        "about": entry.about_label,
        "name": entry.label,
        "changes": spelled,
    }
    return str(_template(entry)) % words


def what(entry: Entry) -> str:
    """The thing, in words."""
    kind = entry.object.partition(":")[0]
    if describer := trails.describers.get(kind):
        return describer(entry)
    name = entry.about_label if entry.label in ("", "*") else entry.label
    return str(trails.what(kind)) % {"name": name}


def _template(entry: Entry) -> Any:
    trail = trails.by_kind.get(entry.object.partition(":")[0])
    verb, part = Verb(entry.verb), entry.about != entry.object
    if verb == Verb.STEERED:
        return _STEERED.get((entry.after or {}).get("did", ""), _SENTENCES[Verb.ASKED])
    if verb == Verb.CHANGED and trail and trail.buried and trail.buried in (entry.after or {}):
        was, is_now = (side.get(trail.buried) for side in (entry.before or {}, entry.after or {}))
        if was is None:
            return _SENTENCES[Verb.DELETED]
        if is_now is None:
            return _RESTORED
    if part and verb in (Verb.CREATED, Verb.CHANGED, Verb.DELETED):
        return {Verb.CREATED: _PART_ADDED, Verb.DELETED: _PART_REMOVED, Verb.CHANGED: _PART_CHANGED}[verb]
    return _SENTENCES[verb]


def changes(entry: Entry) -> list[Change]:
    """What changed, column by column; nothing for entries that are no change of a row."""
    trail = trails.by_kind.get(entry.object.partition(":")[0])
    if trail is None:
        return []
    before, after = entry.before or {}, entry.after or {}
    return [
        Change(
            str(trail.fields.get(column, column.removesuffix("_id").replace("_", " "))),
            _value(trail, column, before.get(column)),
            _value(trail, column, after.get(column)),
        )
        for column in sorted({*before, *after}, key=lambda name: ([*trail.fields, name].index(name), name))
    ]


def _spell(change: Change) -> str:
    values = {"field": change.label, "before": _short(change.before), "after": _short(change.after)}
    return _("%(field)s from %(before)s to %(after)s") % values


def _short(text: str) -> str:
    text = " ".join(text.split()) or "–"
    return text if len(text) <= SHORT else text[: SHORT - 1] + "…"


def _value(trail: Trail, column: str, value: Any) -> str:
    if value is None or value == "":
        return ""
    if value == "***":
        return _("(not shown)")
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    try:
        field = next(one for one in trail.model._meta.concrete_fields if one.column == column)
    except (StopIteration, FieldDoesNotExist):
        field = None
    if field is not None and field.choices:
        return str(dict(field.flatchoices).get(value, value))
    if column.endswith("_bytes") and isinstance(value, int):
        return filesizeformat(value)
    if isinstance(value, list) and all(isinstance(item, (str, int)) for item in value):
        return ", ".join(map(str, value))
    if isinstance(value, (list, dict)):
        return json.dumps(value, ensure_ascii=False, sort_keys=True)
    internal = field.get_internal_type() if field is not None else ""
    if internal == "DateTimeField" and (moment := parse_datetime(str(value))):
        return formats.date_format(moment, "SHORT_DATETIME_FORMAT") + " UTC"
    return str(value)
