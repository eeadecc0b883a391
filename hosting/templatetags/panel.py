"""How the pages show states, names, times and amounts."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from django import template
from django.db.models import Model
from django.utils import formats, timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from controlpanel.operations.choices import COLOURS as OPERATION_COLOURS
from hosting.choices import DatabaseState, SiteState
from hosting.validators import readable

register = template.Library()

COLOURS: dict[str, str] = {
    **OPERATION_COLOURS,
    SiteState.CREATING: "active",
    SiteState.ACTIVE: "good",
    SiteState.UPDATING: "active",
    SiteState.MOVING: "active",
    DatabaseState.RESTORING: "active",
    SiteState.DISABLED: "warning",
    SiteState.QUARANTINED: "bad",
    SiteState.DELETING: "active",
    SiteState.DELETED: "neutral",
    SiteState.PURGING: "neutral",
    SiteState.FAILED: "bad",
}


@register.simple_tag
def chip(thing: Model) -> SafeString:
    """The state of an operation, step, site or member, as a coloured word."""
    return format_html(
        '<span class="chip chip--{}" data-chip>{}</span>',
        COLOURS.get(thing.state, "neutral"),  # type: ignore[attr-defined]
        thing.get_state_display(),  # type: ignore[attr-defined]
    )


@register.filter
def colour(state: str) -> str:
    """The colour class of a state."""
    return COLOURS.get(state, "neutral")


register.filter("readable", readable)


@register.simple_tag
def moment(value: datetime | None) -> SafeString | str:
    """A point in time, in UTC until static/js/time.js turns it into the reader's own time."""
    if value is None:
        return ""
    return format_html(
        '<time datetime="{}" data-local>{} UTC</time>',
        value.isoformat(timespec="seconds"),
        formats.date_format(value.astimezone(timezone.get_default_timezone()), "SHORT_DATETIME_FORMAT"),
    )


@register.simple_tag
def epoch(seconds: float) -> SafeString | str:
    """As ``moment``, for seconds since 1970 as hosts tell them."""
    return moment(datetime.fromtimestamp(seconds, UTC))


@register.simple_tag
def took(started: datetime | None, finished: datetime | None) -> str:
    """How long something took, in the shortest words; empty while it is not over."""
    return duration(finished - started) if started and finished else ""


def duration(span: timedelta) -> str:
    seconds = max(span.total_seconds(), 0.0)
    if seconds < 10:
        return _("%(seconds)s s") % {"seconds": formats.number_format(round(seconds, 1), decimal_pos=1)}
    if seconds < 120:
        return _("%(seconds)s s") % {"seconds": round(seconds)}
    minutes = round(seconds / 60)
    return ngettext("%(minutes)d minute", "%(minutes)d minutes", minutes) % {"minutes": minutes}


@register.filter
def percent_of(part: int | None, whole: int | None) -> int:
    """``part`` of ``whole`` in whole percent, 0 to 100; what is there but small counts as 1."""
    if not part or not whole:
        return 0
    return min(100, max(1, round(100 * part / whole)))


@register.filter
def pretty_json(value: Any) -> str:
    """JSON for staff to read; the caller has taken the secrets out."""
    return json.dumps(value, indent=2, ensure_ascii=False, sort_keys=True) if value else ""
