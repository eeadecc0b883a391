"""The OpenAPI document: valid, without a warning, and open to read."""

from io import StringIO

import pytest
from django.core.management import call_command
from rest_framework.test import APIClient

from tests.api.endpoints import ALL, schema


def test_it_is_valid_and_nothing_had_to_be_guessed(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("spectacular", "--validate", "--fail-on-warn", stdout=StringIO())


def test_every_endpoint_has_a_summary_and_its_problems() -> None:
    document = schema()

    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            assert operation.get("summary"), f"{method} {path}"
            assert "application/problem+json" in operation["responses"]["401"]["content"]


def test_the_contract_is_in_it() -> None:
    document = schema()
    properties = {name: part.get("properties", {}).keys() for name, part in document["components"]["schemas"].items()}

    assert {"id", "kind", "state", "domains", "host", "volume", "order", "shield", "quarantined"} <= properties["Site"]
    assert {"id", "name", "roles", "state", "address"} <= properties["Host"]
    assert {"id", "kind", "state", "created", "started", "finished", "steps"} <= properties["Operation"]
    assert {"title", "state", "host", "started", "finished", "detail"} <= properties["Step"]
    assert {endpoint.collection for endpoint in ALL} >= {
        "members", "logins", "orders", "sites", "domains", "volumes", "hosts", "routes", "operations",
    }  # fmt: skip


def test_schema_and_docs_are_served(db: None) -> None:
    client = APIClient()

    assert client.get("/api/v1/schema/").status_code == 200
    assert client.get("/api/v1/docs/", HTTP_ACCEPT="text/html").status_code == 200
