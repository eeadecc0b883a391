"""schemathesis asks every endpoint strange things: no answer is a crash, and every answer is what the schema says.

Bounded: a few examples an endpoint, some about rows that exist, as a member and as staff. Hosts and the directory are
away meanwhile.
"""

from collections.abc import Iterator
from typing import Any
from unittest import mock

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections, transaction
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from controlpanel.operations.errors import DirectoryAway
from members.directory import Directory
from tests import factories as make
from tests.api.endpoints import ALL, schema
from tests.api.world import World

MAX_EXAMPLES = 5
CHECKS = [status_code_conformance, content_type_conformance, response_schema_conformance]

#: The views by path, to know which row an {id} in it stands for.
VIEWS = {endpoint.path: endpoint for endpoint in ALL}


#: What asks the directory while the request waits.
VERBS = ("verify", "ensure_login", "set_password")


@pytest.fixture
def one_connection(db: None) -> Iterator[None]:
    """Requests run in this test's transaction: as Django's own test client does, keep them from closing it."""
    signals = (request_started, request_finished)
    for signal in signals:
        signal.disconnect(close_old_connections)
    yield
    for signal in signals:
        signal.connect(close_old_connections)


def _operations() -> list[Any]:
    document = schemathesis.openapi.from_dict(schema())
    return [result.ok() for result in document.get_all_operations()]


def _mean_what_exists(case: Case, world: World, path: str) -> None:
    """Let ids in the path and in the body be those of rows that there are."""
    if "id" in (case.path_parameters or {}):
        case.path_parameters["id"] = world.row_of(VIEWS[path].model).pk
    if isinstance(case.body, dict):
        for name in case.body.keys() & {"member", "order", "login"}:
            case.body[name] = world.id_named(name)


@pytest.mark.usefixtures("one_connection")
@pytest.mark.parametrize("operation", _operations(), ids=lambda operation: operation.label)
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["valid", "invalid"])
def test_no_request_breaks_it(operation: Any, mode: GenerationMode) -> None:
    if mode is GenerationMode.NEGATIVE and not list(operation.iter_parameters()) and not operation.body:
        pytest.skip("nothing about this request can be invalid")
    world = World()
    tokens = {"member": world.token.text, "staff": make.TokenFactory(login=make.StaffFactory()).text}
    application = get_wsgi_application()
    away = mock.Mock(spec=Directory, **{f"{verb}.side_effect": DirectoryAway() for verb in VERBS})

    @given(case=operation.as_strategy(generation_mode=mode), existing=st.booleans(), who=st.sampled_from([*tokens]))
    @settings(
        max_examples=MAX_EXAMPLES,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def ask(case: Case, existing: bool, who: str) -> None:
        if existing:
            _mean_what_exists(case, world, operation.path)
        with transaction.atomic():  # each example meets the world as it was made
            response = case.call(app=application, headers={"Authorization": f"Bearer {tokens[who]}"})
            transaction.set_rollback(True)
        assert response.status_code not in (500, 501, 502, 504)  # 503 says that the directory is away, which it is
        case.validate_response(response, checks=CHECKS)
        if response.status_code >= 400:
            assert response.headers["content-type"] == ["application/problem+json"]

    with mock.patch.object(Directory, "shared", return_value=away):
        ask()
