"""The first page: what needs a look, at a glance."""

import pytest
from django.test import Client
from django.urls import reverse

from controlpanel.operations.choices import OperationState
from tests import factories as make

pytestmark = pytest.mark.django_db


def _cards(client: Client) -> dict[str, str]:
    response = client.get(reverse("admin:index"))
    assert response.status_code == 200
    return {str(card.title): str(card.value) for card in response.context["cards"]}


def test_it_answers_when_there_is_nothing(staff: Client) -> None:
    assert _cards(staff)["Hosts up"] == "0/0"


def test_it_counts_what_there_is(staff: Client) -> None:
    make.SiteFactory()
    make.HostFactory(reachable=False)
    make.OperationFactory(state=OperationState.WAITING)
    make.OperationFactory(state=OperationState.FAILED)
    make.OperationFactory(state=OperationState.SUCCEEDED)

    cards = _cards(staff)

    assert cards["Sites"] == "1"
    assert cards["Hosting orders"] == "1"
    assert cards["Hosts up"] == "2/3"
    assert cards["Operations waiting"] == "1"
    assert cards["Operations failed this week"] == "1"


def test_it_names_the_hosts_and_operations_that_need_a_look(staff: Client) -> None:
    away = make.HostFactory(name="away1", reachable=False)
    drifted = make.DriftReportFactory(host=make.HostFactory(name="drifted1")).host
    fine = make.HostFactory(name="fine1")
    operation = make.OperationFactory(state=OperationState.FAILED)

    page = staff.get(reverse("admin:index")).content.decode()

    for row in (away, drifted, operation):
        assert reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk]) in page
    assert fine.name not in page


def test_every_card_leads_somewhere(staff: Client) -> None:
    for card in staff.get(reverse("admin:index")).context["cards"]:
        assert staff.get(card.href).status_code == 200, card.title


def test_it_costs_the_same_for_any_number_of_rows(staff: Client, django_assert_max_num_queries: object) -> None:
    for _ in range(12):
        make.OperationFactory(state=OperationState.FAILED)
        make.SiteFactory()

    staff.get(reverse("admin:index"))  # the session is noted, once a minute
    with django_assert_max_num_queries(38):  # type: ignore[operator]
        staff.get(reverse("admin:index"))


def test_members_do_not_see_it(outsider: Client, client: Client) -> None:
    assert outsider.get(reverse("admin:index"), follow=True).status_code == 403
    assert client.get(reverse("admin:index")).status_code == 302


def test_it_is_as_long_as_it_says(staff: Client) -> None:
    """Its style sheets get a nonce at the very end; browsers throw a page away that is longer than announced."""
    page = staff.get(reverse("admin:index"))

    assert b'<style nonce="' in page.content
    assert page["Content-Length"] == str(len(page.content))
