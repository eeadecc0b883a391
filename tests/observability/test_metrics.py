"""What Prometheus reads, and who may."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from tests import factories as make

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def token(settings: Any) -> str:
    settings.METRICS_TOKEN, settings.METRICS_ALLOWED_NETWORKS = "a-long-random-text", []
    return "a-long-random-text"


def read(client: Client) -> dict[str, float]:
    """Name with labels to value."""
    answer = client.get("/metrics", headers={"Authorization": "Bearer a-long-random-text"})
    assert answer.status_code == 200
    lines = [line for line in answer.content.decode().splitlines() if not line.startswith("#")]
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines)}


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer wrong", "Basic a-long-random-text", "Bearer \xff"])
def test_it_is_not_for_everybody(client: Client, header: str) -> None:
    answer = client.get("/metrics", headers={"Authorization": header})
    assert answer.status_code == 401
    assert b"controlpanel_" not in answer.content


def test_nobody_reads_it_with_an_empty_token(client: Client, settings: Any) -> None:
    settings.METRICS_TOKEN = ""
    assert client.get("/metrics", headers={"Authorization": "Bearer "}).status_code == 401


def test_from_an_allowed_network_it_needs_no_token(client: Client, settings: Any) -> None:
    settings.METRICS_ALLOWED_NETWORKS = ["127.0.0.0/8"]
    assert client.get("/metrics").status_code == 200
    assert client.get("/metrics", REMOTE_ADDR="192.0.2.1").status_code == 401


def test_it_tells_how_the_house_is(client: Client) -> None:
    make.OperationFactory(state="queued", kind="hosting.create_site")
    make.Operation.objects.update(created=timezone.now() - timedelta(minutes=2))
    make.OperationFactory(state="failed", kind="hosting.move_site")
    make.HostFactory(name="web1", reachable=False, ping_ms=3.5)
    make.HostFactory(name="web2", state="fenced")
    make.DriftReportFactory(host=make.HostFactory(name="web3"))
    make.DeliveryFactory()
    make.CertificateFactory(not_after=timezone.now() + timedelta(days=3))
    make.CertificateFactory(not_after=timezone.now() + timedelta(days=25), source="own")
    client.get("/healthz")

    found = read(client)

    assert found['controlpanel_operations_unfinished{kind="hosting.create_site",state="queued"}'] == 1
    assert found['controlpanel_operations_ended_day{kind="hosting.move_site",state="failed"}'] == 1
    assert 115 < found["controlpanel_operations_oldest_queued_seconds"] < 180
    assert found['controlpanel_host_reachable{host="web1"}'] == 0
    assert found['controlpanel_host_fenced{host="web2"}'] == 1
    assert found['controlpanel_agent_call_seconds{host="web1"}'] == 0.0035
    assert found['controlpanel_host_drift{host="web3"}'] == 1
    assert found["controlpanel_deliveries_waiting"] == 1
    assert found["controlpanel_mails_waiting"] == 0
    assert found["controlpanel_certificates_due"] == 1
    assert found["controlpanel_certificates_own_due"] == 1
    assert "controlpanel_queue_length" in found
    assert any(name.startswith("django_http_requests_total_by_view") for name in found)
