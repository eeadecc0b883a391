"""``{% plot %}``: numbers over time as a drawing of the server's own, with a table for who cannot see it.

    {% load plots %}
    {% plot points title=_("Requests a second") unit="per_second" %}

``points`` is a list of (time, value), oldest first (``fleet.samples.series``), or a mapping of label to such a list.
Units: "" (a number), "percent", "bytes", "bytes_per_second", "per_second".
"""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django import template
from django.template.defaultfilters import filesizeformat
from django.utils import formats, timezone
from django.utils.translation import gettext as _

register = template.Library()

Points = Sequence[tuple[datetime, float]]

#: The drawing's own measure; the page scales it.
WIDTH, HEIGHT = 640, 180
LEFT, RIGHT, TOP, BOTTOM = 68, 8, 10, 24
#: A line is interrupted where the next point is further away than this many usual steps.
GAP = 3
#: Lines of the table, at most.
TABLE = 48


@dataclass(frozen=True)
class _Line:
    label: str
    number: int
    path: str
    area: str


@dataclass(frozen=True)
class _Mark:
    position: float
    text: str


@register.inclusion_tag("includes/plot.html")
def plot(points: Points | Mapping[str, Points], title: Any = "", unit: str = "", top: float | None = None) -> Any:
    """See above. ``top`` is the value at the upper edge, at least (100 for percent of a whole)."""
    unit = unit or ""
    lines = dict(points) if isinstance(points, Mapping) else {"": points}
    every = [point for line in lines.values() for point in line]
    if not every:
        return {"title": title, "empty": True}
    first, last = min(at for at, _v in every), max(at for at, _v in every)
    span = (last - first) or timedelta(seconds=1)
    highest = _round_up(max([value for _at, value in every] + ([top] if top else [])), unit)

    def across(at: datetime) -> float:
        return round(LEFT + (WIDTH - LEFT - RIGHT) * ((at - first) / span), 1)

    def up(value: float) -> float:
        return round(TOP + (HEIGHT - TOP - BOTTOM) * (1 - max(value, 0.0) / highest), 1)

    drawn = []
    for number, (label, line) in enumerate(lines.items(), start=1):
        runs = [[(across(at), up(value)) for at, value in run] for run in _runs(line)]
        path = " ".join("M" + " L".join(f"{x} {y}" for x, y in run) for run in runs)
        floor = HEIGHT - BOTTOM
        areas = [f"M{run[0][0]} {floor} L" + " L".join(f"{x} {y}" for x, y in run) + f" L{run[-1][0]} {floor} Z"
                 for run in runs] if len(lines) == 1 else []  # fmt: skip
        drawn.append(_Line(label, number, path, " ".join(areas)))
    return {
        "title": title,
        "unit": _unit_name(unit),
        "width": WIDTH,
        "height": HEIGHT,
        "left": LEFT,
        "right": WIDTH - RIGHT,
        "floor": HEIGHT - BOTTOM,
        "lines": drawn,
        "several": len(lines) > 1,
        "levels": [_Mark(up(highest * part / 2), show(highest * part / 2, unit)) for part in (0, 1, 2)],
        "times": [
            _Mark(across(at), _clock(at, span))
            for at in sorted({first, first + span / 2, last} if last > first else {first})
        ],
        "now": ", ".join(f"{label} {show(line[-1][1], unit)}".strip() for label, line in lines.items() if line),
        "peak": show(max(value for _at, value in every), unit),
        "rows": _table(lines, unit),
        "labels": list(lines),
    }


@register.simple_tag
def amount(value: float | None, unit: str) -> str:
    """A value in words, for a page's text; a dash for one that is not known."""
    return "–" if value is None else show(value, unit)


def show(value: float, unit: str) -> str:
    """A value in words."""
    if unit == "bytes":
        return str(filesizeformat(value))
    if unit == "bytes_per_second":
        return _("%(amount)s/s") % {"amount": filesizeformat(value)}
    rounded = round(value, 0 if value >= 100 else 1 if value >= 1 else 2)
    text = formats.number_format(int(rounded) if rounded == int(rounded) else rounded, use_l10n=True)
    if unit == "percent":
        return f"{text} %"
    return _("%(amount)s/s") % {"amount": text} if unit == "per_second" else text


def _unit_name(unit: str) -> str:
    return {"percent": "%", "per_second": _("a second"), "bytes_per_second": _("bytes a second")}.get(unit, "")


def _round_up(value: float, unit: str) -> float:
    """The next number above that reads well."""
    if value <= 0:
        return 1.0
    base = 1024.0 if unit.startswith("bytes") else 10.0
    size = base ** math.floor(math.log(value, base))
    steps = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024) if base == 1024.0 else (1, 2, 5, 10)
    return next(size * step for step in steps if value <= size * step * 1.0000001)


def _runs(line: Points) -> list[list[tuple[datetime, float]]]:
    """The line in pieces: without a bridge where nothing was measured."""
    apart = sorted(b[0] - a[0] for a, b in itertools.pairwise(line))
    usual = apart[len(apart) // 2] if apart else timedelta(0)
    runs: list[list[tuple[datetime, float]]] = []
    for point in line:
        if runs and point[0] - runs[-1][-1][0] <= usual * GAP:
            runs[-1].append(point)
        else:
            runs.append([point])
    return runs


def _clock(at: datetime, span: timedelta) -> str:
    at = at.astimezone(timezone.get_default_timezone())
    if span > timedelta(days=2):
        return formats.date_format(at, "MONTH_DAY_FORMAT")
    return formats.date_format(at, "H:i")


def _table(lines: Mapping[str, Points], unit: str) -> list[tuple[datetime, list[str]]]:
    times = sorted({at for line in lines.values() for at, _value in line}, reverse=True)
    times = times[:: max(1, math.ceil(len(times) / TABLE))]
    values = [dict(line) for line in lines.values()]
    return [(at, [show(line[at], unit) if at in line else "–" for line in values]) for at in times]
