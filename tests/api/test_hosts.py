"""Hosts over REST: for staff. Members neither see nor choose them."""

import pytest
from rest_framework.test import APIClient

from controlpanel.fleet.models import Host
from controlpanel.operations.models import Operation
from tests import factories as make
from tests.api.problem import assert_problem


@pytest.fixture
def host(db: None) -> Host:
    host: Host = make.DriftReportFactory(host=make.HostFactory(name="web1", address="10.77.0.21")).host
    return host


def test_it_reads_back_the_contracts_fields(staff_api: APIClient, host: Host) -> None:
    body = staff_api.get(f"/api/v1/hosts/{host.pk}/").json()

    assert (body["id"], body["name"], body["roles"], body["state"], body["address"]) == (
        host.pk,
        "web1",
        ["web"],
        "active",
        "10.77.0.21",
    )
    assert body["drift"]["differences"][0]["problem"] == "edited"
    assert "host_key" not in body


def test_members_see_none(api: APIClient, host: Host) -> None:
    assert api.get("/api/v1/hosts/").json()["results"] == []
    assert_problem(api.get(f"/api/v1/hosts/{host.pk}/"), 404)
    assert_problem(api.post(f"/api/v1/hosts/{host.pk}/drain/"), 404)
    host.refresh_from_db()
    assert host.state == "active"


def test_it_is_drained_and_undrained(staff_api: APIClient, host: Host) -> None:
    drained = staff_api.post(f"/api/v1/hosts/{host.pk}/drain/")
    assert (drained.status_code, drained.json()["state"]) == (200, "draining")

    back = staff_api.post(f"/api/v1/hosts/{host.pk}/undrain/")
    assert (back.status_code, back.json()["state"]) == (200, "active")


def test_a_preview_of_draining_changes_nothing(staff_api: APIClient, host: Host) -> None:
    assert staff_api.post(f"/api/v1/hosts/{host.pk}/drain/?preview=1").json()["state"] == "draining"
    host.refresh_from_db()
    assert host.state == "active"


def test_a_resync_is_an_operation(staff_api: APIClient, host: Host) -> None:
    first, second = (
        staff_api.post(f"/api/v1/hosts/{host.pk}/resync/", HTTP_IDEMPOTENCY_KEY="night-shift") for _ in range(2)
    )

    assert first.status_code == 202
    assert first.json()["operation"] == second.json()["operation"]
    assert Operation.objects.get().kind == "fleet.resync"


def test_a_fenced_host_is_not_resynced(staff_api: APIClient) -> None:
    host = make.HostFactory(state="fenced")

    assert_problem(staff_api.post(f"/api/v1/hosts/{host.pk}/resync/"), 409)
