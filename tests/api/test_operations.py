"""Operations over REST: watched by those whose things they change, stopped and tried again."""

import pytest
from rest_framework.test import APIClient

from controlpanel.operations.choices import OperationState, StepState
from controlpanel.operations.models import Operation, Reservation
from members.models import Login
from tests import factories as make
from tests.api.problem import assert_problem

TROUBLE = {"code": "host_away", "params": {"host": "web1"}, "output": "ssh: connect to web1 port 22: no route"}


@pytest.fixture
def operation(login: Login) -> Operation:
    """The member's, waiting for a host."""
    operation: Operation = make.OperationFactory(
        state=OperationState.WAITING, scopes=[f"member:{login.member_id}"], requested_by=login, step_count=1
    )
    make.StepFactory(
        operation=operation, host="web1", state=StepState.WAITING, trouble=TROUBLE, answer={"seen": "staff only"}
    )
    make.EventFactory(operation=operation, seq=1)
    make.EventFactory(operation=operation, seq=2)
    return operation


def test_it_reads_back_the_contracts_fields(api: APIClient, operation: Operation, login: Login) -> None:
    body = api.get(f"/api/v1/operations/{operation.pk}/").json()

    assert body.keys() >= {"id", "kind", "state", "created", "started", "finished", "steps"}
    assert body["url"].endswith(f"/api/v1/operations/{operation.pk}/")
    assert body["requested_by"] == login.username
    assert [step["position"] for step in body["steps"]] == [0, 1]
    waiting = body["steps"][1]
    assert waiting.keys() >= {"title", "state", "host", "started", "finished", "detail"}
    assert (waiting["state"], waiting["host"]) == ("waiting", "web1")
    assert "web1" in waiting["detail"]


def test_raw_output_is_for_staff(api: APIClient, staff_api: APIClient, operation: Operation) -> None:
    address = f"/api/v1/operations/{operation.pk}/"

    for_member, for_staff = (client.get(address).json()["steps"][1] for client in (api, staff_api))

    assert (for_member["output"], for_member["answer"]) == (None, None)
    assert (for_staff["output"], for_staff["answer"]) == (TROUBLE["output"], {"seen": "staff only"})


def test_its_events_are_read_from_where_one_was(api: APIClient, operation: Operation) -> None:
    address = f"/api/v1/operations/{operation.pk}/events/"

    assert [event["seq"] for event in api.get(address).json()["results"]] == [1, 2]
    assert [event["seq"] for event in api.get(address, {"after": 1}).json()["results"]] == [2]
    assert_problem(api.get(address, {"after": "x"}), 400, "after")


def test_a_waiting_one_is_tried_at_once(api: APIClient, operation: Operation) -> None:
    response = api.post(f"/api/v1/operations/{operation.pk}/retry/")

    assert response.status_code == 202
    assert response.json()["operation"]["id"] == operation.pk
    assert response["Location"].endswith(f"/api/v1/operations/{operation.pk}/")


def test_one_that_has_ended_is_neither_tried_again_nor_cancelled(api: APIClient, operation: Operation) -> None:
    Operation.objects.update(state=OperationState.SUCCEEDED)

    for action in ("retry", "cancel"):
        assert_problem(api.post(f"/api/v1/operations/{operation.pk}/{action}/"), 409)


def test_one_that_has_not_begun_is_cancelled(api: APIClient, login: Login) -> None:
    operation = make.OperationFactory(state=OperationState.QUEUED, scopes=[f"member:{login.member_id}"])

    assert api.post(f"/api/v1/operations/{operation.pk}/cancel/").status_code == 202
    operation.refresh_from_db()
    assert operation.cancel_requested


def test_only_staff_skip_a_step(api: APIClient, staff_api: APIClient, operation: Operation) -> None:
    address = f"/api/v1/operations/{operation.pk}/steps/1/skip/"

    assert_problem(api.post(address), 403)
    assert staff_api.post(address).status_code == 202
    assert_problem(staff_api.post(address), 409)
    assert_problem(staff_api.post(f"/api/v1/operations/{operation.pk}/steps/7/skip/"), 404)
    assert operation.steps.get(position=1).state == StepState.SKIPPED


def test_lists_are_narrowed(staff_api: APIClient, operation: Operation) -> None:
    ended = make.OperationFactory(state=OperationState.SUCCEEDED, kind="tests.other")
    Reservation.objects.create(operation=ended, resource="site:7")

    def ids(**query: object) -> list[int]:
        return [row["id"] for row in staff_api.get("/api/v1/operations/", query).json()["results"]]

    assert ids() == [ended.pk, operation.pk]
    assert ids(finished="true") == [ended.pk]
    assert ids(finished="false") == [operation.pk]
    assert ids(state=["waiting", "failed"]) == [operation.pk]
    assert ids(kind="tests.other") == [ended.pk]
    assert ids(resource="site:7") == [ended.pk]
    assert ids(requested_by=operation.requested_by.username) == [operation.pk]
    assert ids(created_after="2999-01-01T00:00:00Z") == []
