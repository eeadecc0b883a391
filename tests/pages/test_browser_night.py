"""3 a.m., one person on duty: web1 is dead. From the alarm to all sites up, and web1 back in service, without a command
line. Pictures of each page of that night are kept with the results."""

import re

import pytest
from playwright.sync_api import expect

from tests.faults import places
from tests.hosting.live import LiveSite
from tests.hosting.live_hosts import LiveHost, only
from tests.panel import Panel, lab, wait_until

from .test_browser import Person, chromium, person  # noqa: F401  # fixtures

pytestmark = pytest.mark.browser


def test_the_night(person, panel: Panel) -> None:  # type: ignore[no-untyped-def]  # noqa: F811
    dead = LiveHost(panel.api(), "web1")
    with only(panel, dead.name):
        sites = [LiveSite.create(panel, kind=kind) for kind in ("php", "static")]
    marisol: Person = person()
    marisol.log_in(panel.staff)
    try:
        lab("power-off", dead.name)
        _alarm(marisol)
        _word(marisol)
        for site in sites:
            assert site.shows(site.name)
            assert site.host != dead.name
        _member_sees(person, panel, sites[0])
        lab("power-on", dead.name)
        wait_until(lambda: dead.read()["reachable"], 60, every=0.5)
        _readmission(marisol)
        assert dead.read()["state"] == "active"
        marisol.complaints = []  # the admin is not our page: it has no icon
    finally:
        places.bring_back()
        dead.take_back()
        for site in sites:
            site.delete()


def _alarm(marisol: Person) -> None:
    """The panel asks: on the dashboard, on every page of the administration, and on the host's page."""
    alarm = marisol.page.get_by_role("alert").filter(has_text="web1")

    def told() -> bool:
        marisol.page.goto("/admin/")
        return alarm.count() > 0

    wait_until(told, 120, every=3, what="the alarm")
    marisol.shoot("night-1-alarm")
    alarm.get_by_role("link").click()
    expect(marisol.page.get_by_text(re.compile("to web[23]")).first).to_be_visible()
    marisol.shoot("night-2-preview")


def _word(marisol: Person) -> None:
    if marisol.page.locator("input[name=force]").count():
        marisol.page.locator("input[name=force]").check()
    marisol.page.locator("form button[type=submit]", has_text="It is dead").click()
    marisol.page.wait_for_url("**/operations/*/")
    marisol.shoot("night-3-under-way")
    marisol.wait_for_success()
    marisol.page.reload()
    expect(marisol.page.get_by_text(re.compile("sites? (is|are) up"))).to_be_visible()
    marisol.shoot("night-4-report")


def _member_sees(person, panel: Panel, site: LiveSite) -> None:  # type: ignore[no-untyped-def]  # noqa: F811
    """What happened to the site stands in its history; nothing had to be done."""
    member = person().log_in(panel.members[0])
    member.page.goto(f"/sites/{site.id}/")
    expect(member.page.get_by_text("Bring up elsewhere what was on web1").first).to_be_visible()
    member.shoot("night-5-member")


def _readmission(marisol: Person) -> None:
    back = marisol.page.get_by_role("alert").filter(has_text="web1 is back")

    def told() -> bool:
        marisol.page.goto("/admin/")
        return back.count() > 0

    wait_until(told, 60, every=2, what="that it is back")
    marisol.shoot("night-6-back")
    back.get_by_role("link").click()
    marisol.shoot("night-7-readmit")
    marisol.page.locator("form button[type=submit]", has_text="Readmit").click()
    marisol.page.wait_for_url("**/operations/*/")
    marisol.wait_for_success()
    marisol.page.reload()
    marisol.shoot("night-8-in-service")
    marisol.page.goto("/admin/fleet/host/capacity/")
    expect(marisol.page.get_by_text("Can we lose it tonight?")).to_be_visible()
    marisol.shoot("night-9-capacity")
