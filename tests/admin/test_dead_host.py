"""The night of a dead host, as staff see it in the admin: alarm, preview, the word, report, readmission."""

from datetime import timedelta

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from controlpanel import reauthentication
from controlpanel.fleet import samples
from controlpanel.fleet.choices import HostState
from controlpanel.fleet.models import Host
from controlpanel.operations.choices import OperationState, StepState
from controlpanel.operations.models import Operation
from tests import factories as make

pytestmark = pytest.mark.django_db


@pytest.fixture
def silent() -> Host:
    long_ago = timezone.now() - timedelta(seconds=settings.ALARM_AFTER + 60)
    return make.HostFactory(name="web1", reachable=False, last_seen=long_ago)


def test_a_silent_host_raises_an_alarm_with_one_button_and_nothing_is_done(staff: Client, silent: Host) -> None:
    page = staff.get(reverse("admin:index")).content.decode()

    assert "web1 does not answer" in page
    assert reverse("admin:fleet_host_recover", args=[silent.pk]) in page
    assert not Operation.objects.exists()


def test_the_alarm_of_a_storage_server_promises_no_other_host(staff: Client, silent: Host) -> None:
    Host.objects.update(roles=["storage"])
    page = staff.get(reverse("admin:index")).content.decode()

    assert "go on by themselves when it is back" in page
    assert "can be brought up on other hosts" not in page


def test_the_alarm_is_on_every_page_of_the_admin(staff: Client, silent: Host) -> None:
    assert "web1: no answer" in staff.get(reverse("admin:hosting_site_changelist")).content.decode()


@pytest.mark.parametrize(
    "fields",
    [{"reachable": True}, {"state": HostState.FENCED}, {"last_seen": timezone.now() + timedelta(hours=1)}],
    ids=["answers", "fenced already", "just now"],
)
def test_no_alarm_without_need(staff: Client, silent: Host, fields: dict[str, object]) -> None:
    Host.objects.update(**fields)

    assert "does not answer" not in staff.get(reverse("admin:index")).content.decode()


def test_the_preview_says_who_gets_what_and_what_is_lost(staff: Client, silent: Host) -> None:
    make.HostFactory(name="web2")
    make.SiteFactory(host=silent)

    page = staff.get(reverse("admin:fleet_host_recover", args=[silent.pk])).content.decode()

    assert "1 site to web2" in page
    assert "Requests that were under way" in page
    assert not Operation.objects.exists()


def test_the_word_leads_to_the_live_page_of_the_operation(staff: Client, silent: Host) -> None:
    make.HostFactory(name="web2")
    make.SiteFactory(host=silent)

    answer = staff.post(reverse("admin:fleet_host_recover", args=[silent.pk]))

    operation = Operation.objects.get()
    assert answer["Location"] == operation.get_absolute_url()
    assert staff.get(answer["Location"]).status_code == 200


def test_a_host_that_answers_needs_the_tick_as_well(staff: Client) -> None:
    host = make.HostFactory(name="web1")
    address = reverse("admin:fleet_host_recover", args=[host.pk])

    assert 'name="force"' in staff.get(address).content.decode()
    staff.post(address)
    assert not Operation.objects.exists()
    staff.post(address, {"force": "1"})
    assert Operation.objects.get().kind == "hosting.recover_host"


@pytest.mark.parametrize("deed", ["recover", "readmit"])
def test_the_password_is_asked_again(staff: Client, silent: Host, deed: str) -> None:
    session = staff.session
    session[reauthentication.KEY] -= reauthentication.FRESH_FOR + 1
    session.save()

    answer = staff.post(reverse(f"admin:fleet_host_{deed}", args=[silent.pk]))

    assert answer["Location"].startswith(reverse("members:confirm_password"))
    assert not Operation.objects.exists()


@pytest.mark.parametrize("deed", ["recover", "readmit"])
def test_nobody_but_staff(outsider: Client, silent: Host, deed: str) -> None:
    outsider.post(reverse(f"admin:fleet_host_{deed}", args=[silent.pk]))

    assert not Operation.objects.exists()


def test_a_host_that_is_back_asks_to_be_readmitted(staff: Client, silent: Host) -> None:
    Host.objects.update(state=HostState.FENCED, reachable=True)

    assert reverse("admin:fleet_host_readmit", args=[silent.pk]) in staff.get(reverse("admin:index")).content.decode()
    staff.post(reverse("admin:fleet_host_readmit", args=[silent.pk]))
    assert Operation.objects.get().kind == "hosting.readmit_host"


def test_the_report_is_on_the_operations_page_and_the_hosts(staff: Client, silent: Host) -> None:
    target = make.HostFactory(name="web2")
    site = make.SiteFactory(host=silent)
    staff.post(reverse("admin:fleet_host_recover", args=[silent.pk]))
    operation = Operation.objects.get()
    step = operation.steps.get(action="hosting.bring_up")
    step.state = StepState.SUCCEEDED
    step.answer = {"up": 0, "down": {str(site.pk): "a.test: it <hangs>"}, "missed": ["edge2"]}
    step.save()
    Operation.objects.update(state=OperationState.SUCCEEDED, finished=timezone.now(), started=timezone.now())

    for address in (operation.get_absolute_url(), reverse("admin:fleet_host_change", args=[silent.pk])):
        page = staff.get(address).content.decode()
        assert "a.test: it &lt;hangs&gt;" in page
        assert "edge2" in page
        assert target.name in page


def test_the_capacity_page_says_who_could_be_lost_and_moves_what_it_suggests(staff: Client) -> None:
    small = {"memory_mb": 512 + 100}
    full, empty = make.HostFactory(name="web1", facts=small), make.HostFactory(name="web2", facts=small)
    sites = [make.SiteFactory(host=full, placed=True) for _ in range(4)]
    address = reverse("admin:fleet_host_capacity")

    page = staff.get(address)
    advice = page.context["report"].advice[0]
    assert "Can we lose it tonight?" in page.content.decode()
    assert (advice.suggestion.source, advice.suggestion.target) == ("web1", "web2")
    assert sites[0].name in page.content.decode()

    staff.post(address, {"advice": "something else"})
    assert not Operation.objects.exists()
    staff.post(address, {"advice": advice.key})
    operation = Operation.objects.get()
    assert (operation.kind, operation.params["host"]) == ("hosting.move_site", empty.name)


def test_the_capacity_page_is_for_staff(outsider: Client) -> None:
    assert outsider.get(reverse("admin:fleet_host_capacity")).status_code in (302, 403)


def test_what_hosts_and_sites_use_is_drawn_on_their_pages(staff: Client) -> None:
    site = make.SiteFactory()
    samples.note([(f"site:{site.pk}", "requests", timezone.now() - timedelta(minutes=m), 2.0) for m in (5, 10)])

    page = staff.get(reverse("admin:hosting_site_change", args=[site.pk])).content.decode()

    assert 'class="plot__line' in page
    assert "Nothing measured yet" in staff.get(reverse("admin:fleet_host_change", args=[site.host.pk])).content.decode()
