"""Numbers over time: rates from counters, series, thinning with age, and their drawing."""

import xml.etree.ElementTree as ET
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.template import Context, Template
from django.utils import timezone

from controlpanel.agent import sampling
from controlpanel.fleet import samples
from controlpanel.fleet.models import Host, Reading, Sample
from tests import factories as make

NOON = datetime(2026, 5, 10, 12, 0, tzinfo=UTC)


def look(boot: str = "a", sites: dict[str, Any] | None = None, **host: float) -> dict[str, Any]:
    values = {"cpu_busy": 0, "cpu_total": 0, "memory": 8e9, "memory_used": 2e9, "disk": 1e11, "disk_used": 1e10,
              "received": 0, "sent": 0, "load": 0.5} | host  # fmt: skip
    return {"boot_id": boot, "time": 0.0, "host": values, "sites": sites or {}}


def take(host: Host, answer: dict[str, Any], at: datetime) -> dict[tuple[str, str], float]:
    return samples.take_in(Host.objects.select_related("reading").get(pk=host.pk), answer, at)


@pytest.mark.django_db
def test_a_rate_needs_two_looks() -> None:
    host = make.HostFactory(name="web1")

    first = take(host, look(), NOON)
    second = take(host, look(cpu_busy=50, cpu_total=200, received=30_000), NOON + timedelta(seconds=30))

    assert ("host:web1", "cpu") not in first
    assert first["host:web1", "memory"] == 2e9
    assert second["host:web1", "cpu"] == 25.0
    assert second["host:web1", "received"] == 1000.0


@pytest.mark.django_db
def test_a_reboot_makes_no_rate() -> None:
    host = make.HostFactory(name="web1")
    take(host, look(received=10**9), NOON)

    after = take(host, look(boot="b", received=5), NOON + timedelta(seconds=30))

    assert ("host:web1", "received") not in after
    assert Reading.objects.get().boot_id == "b"


@pytest.mark.django_db
def test_sites_are_noted_every_few_minutes_with_what_they_did_meanwhile() -> None:
    host = make.HostFactory(name="web1")
    take(host, look(sites={"7": {"cpu": 0, "memory": 10, "requests": 100}}), NOON)

    soon = take(host, look(sites={"7": {"cpu": 1, "memory": 10, "requests": 150}}), NOON + timedelta(seconds=30))
    later = take(
        host, look(sites={"7": {"cpu": 150_000_000, "memory": 30, "requests": 700}}), NOON + timedelta(seconds=300)
    )

    assert not [subject for subject, _metric in soon if subject.startswith("site:")]
    assert later["site:7", "requests"] == 2.0
    assert later["site:7", "cpu"] == 50.0
    assert later["site:7", "memory"] == 30


@pytest.mark.django_db
def test_a_series_is_averages_over_steps() -> None:
    samples.note(("site:1", "requests", NOON + timedelta(seconds=30 * i), float(i)) for i in range(8))
    samples.note([("site:2", "requests", NOON, 99.0)])

    series = samples.series("site:1", "requests", NOON, NOON + timedelta(hours=1), step=timedelta(minutes=2))

    assert series == [(NOON, 1.5), (NOON + timedelta(minutes=2), 5.5)]


@pytest.mark.django_db
def test_the_same_moment_is_noted_once() -> None:
    for value in (1.0, 2.0):
        samples.note([("site:1", "requests", NOON, value)])

    assert Sample.objects.get().value == 1.0


@pytest.mark.django_db
def test_old_samples_become_averages_of_ten_minutes_then_of_days_then_go() -> None:
    now = NOON
    samples.note(("h", "m", now - timedelta(hours=2) + timedelta(seconds=i * 30), 1.0) for i in range(4))
    samples.note(("h", "m", now - timedelta(days=3) + timedelta(minutes=i), float(i)) for i in range(20))
    samples.note(("h", "m", now - timedelta(days=60) + timedelta(hours=i), 4.0) for i in range(6))
    samples.note([("h", "m", now - timedelta(days=3000), 1.0)])

    for _twice in range(2):
        samples.thin(now)

    found = list(Sample.objects.order_by("at").values_list("span", "value"))
    assert found == [(86400, 4.0), (600, 4.5), (600, 14.5), (0, 1.0), (0, 1.0), (0, 1.0), (0, 1.0)]


@pytest.mark.django_db
def test_the_newest_value_is_found_unless_it_is_old() -> None:
    now = timezone.now()
    samples.note([("site:1", "cpu", now - timedelta(minutes=m), float(m)) for m in (1, 2)])
    samples.note([("site:2", "cpu", now - timedelta(hours=2), 5.0)])

    assert samples.latest(["cpu"], ["site:1", "site:2"]) == {("site:1", "cpu"): 1.0}


def test_requests_are_counted_as_lines_that_are_new(tmp_path: Path) -> None:
    log = tmp_path / "7" / "access.log"
    log.parent.mkdir()
    log.write_text("old\n" * 5)
    counted = str(tmp_path / "counted.json")

    def count() -> int:
        return sampling.count_visits(["7", "8"], str(tmp_path), counted).get("7", (0, 0))[0]

    assert count() == 0
    with log.open("a") as file:
        file.write("new\n" * 3)
    assert count() == 3
    log.rename(tmp_path / "7" / "access.log.1")
    log.write_text("rotated\n" * 2)
    assert count() == 5


LINE = '192.0.2.7 - - [10/May/2026:12:00:00 +0000] "GET /\\x22 HTTP/1.1" 200 {} "-" "a \\x22browser\\x22" 0.001\n'


def test_what_was_sent_is_counted_line_by_line_and_a_half_line_later(tmp_path: Path) -> None:
    log = tmp_path / "7" / "access.log"
    log.parent.mkdir()
    log.write_text(LINE.format(10**6))
    counted = str(tmp_path / "counted.json")

    def count() -> tuple[int, int]:
        return sampling.count_visits(["7"], str(tmp_path), counted)["7"]

    assert count() == (0, 0)
    whole, half = LINE.format(1000) + LINE.format(24), LINE.format(5)
    with log.open("a") as file:
        file.write(whole + half[:90])
    assert count() == (2, 1024)
    with log.open("a") as file:
        file.write(half[90:] + "not a line of ours\n")
    assert count() == (4, 1029)


@pytest.mark.django_db
def test_what_sites_send_is_a_rate_too_and_an_agent_of_before_tells_none() -> None:
    host = make.HostFactory(name="web1")
    before, now = {"cpu": 0, "memory": 1, "requests": 0}, {"cpu": 0, "memory": 1, "requests": 0, "sent": 600}
    take(host, look(sites={"7": before, "8": {**before, "sent": 300}}), NOON)

    later = take(host, look(sites={"7": now, "8": now}), NOON + timedelta(seconds=300))

    assert ("site:7", "sent") not in later
    assert later["site:8", "sent"] == 1.0


def test_slow_levels_are_noted_each_hour_and_when_they_jump() -> None:
    soon = NOON + timedelta(minutes=2)
    assert samples.is_due(None, None, NOON, 5, 100)
    assert not samples.is_due(5, NOON, soon, 5.5, 100)
    assert samples.is_due(5, NOON, soon, 7, 100)
    assert samples.is_due(5, NOON, NOON + timedelta(hours=1), 5, 100)


def render(points: Any, **options: Any) -> str:
    template = Template("{% load plots %}{% plot points title=title unit=unit %}")
    return template.render(Context({"points": points, "title": options.get("title", "T"), "unit": options.get("unit")}))


def test_a_plot_is_a_drawing_and_a_table_and_styles_nothing_inline() -> None:
    points = [(NOON + timedelta(minutes=i), float(i)) for i in range(10)]
    html = render({"web1 <b>": points, "web2": points[2:]}, title="Load", unit="percent")

    ET.fromstring(html[html.index("<svg") : html.index("</svg>") + 6])  # noqa: S314  # our own
    assert "style=" not in html
    assert "<b>" not in html
    assert html.count("<tr>") == 11
    assert "9 %" in html


def test_a_line_is_not_drawn_where_nothing_was_measured() -> None:
    points = [(NOON + timedelta(minutes=i), 1.0) for i in (0, 1, 2, 30, 31)]

    assert render(points).count("M") >= 2


@pytest.mark.parametrize("points", [[], {}, {"a": []}])
def test_an_empty_plot_says_so(points: Any) -> None:
    assert "<svg" not in render(points)
    assert "Nothing measured yet" in render(points)


def test_one_point_is_enough_for_a_plot() -> None:
    assert "<svg" in render([(NOON, 0.0)], unit="bytes")
