"""For whoever watches the panel."""

from unittest import mock

from django.db import OperationalError, connection
from django.test import Client

from controlpanel import health


def test_alive_asks_nobody(client: Client) -> None:
    assert client.get("/healthz").status_code == 200  # no database in this test: it would fail if it asked


def test_ready_when_the_database_answers(client: Client, db: None) -> None:
    with mock.patch.object(health, "_migrations_waiting", return_value=False):
        response = client.get("/readyz")

    assert response.status_code == 200
    assert response["Cache-Control"]


def test_not_ready_while_migrations_wait(client: Client, db: None) -> None:
    with mock.patch.object(health, "_migrations_waiting", return_value=True):
        assert client.get("/readyz").status_code == 503


def test_not_ready_without_the_database(client: Client, db: None) -> None:
    with (
        mock.patch.object(health, "_migrations_waiting", return_value=False),
        mock.patch.object(connection, "cursor", side_effect=OperationalError("away")),
    ):
        response = client.get("/readyz")

    assert response.status_code == 503
    assert b"away" in response.content
