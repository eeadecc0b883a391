"""Dumps that people ask for, download and go back to: plans, rows, pages and the API. No host is spoken to."""

import asyncio
import base64
import gzip
from concurrent.futures import Future
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from controlpanel.fleet import channel
from controlpanel.fleet.models import Host
from controlpanel.operations.choices import StepState
from controlpanel.operations.models import Operation
from controlpanel.operations.registry import action_for, plan_for
from hosting import services
from hosting.choices import DatabaseState
from hosting.databases import desired
from hosting.databases.errors import DatabaseBusy, DumpAway, NoSuchDump
from hosting.models import Database, DatabaseDump
from members.models import Login
from tests.factories import DatabaseDumpFactory, DatabaseFactory, HostFactory, MemberAdminFactory, TokenFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def database() -> Database:
    HostFactory(name="web1")
    HostFactory(name="db2", roles=["database"])
    return DatabaseFactory(host=HostFactory(name="db1", roles=["database"]))


@pytest.fixture
def owner(database: Database) -> Login:
    return MemberAdminFactory(member=database.order.member)


@pytest.fixture
def dump(database: Database) -> DatabaseDump:
    """On the other host."""
    return DatabaseDumpFactory(database=database, host=Host.objects.get(name="db2"))


@pytest.fixture
def api(owner: Login) -> Client:
    return Client(headers={"authorization": f"Bearer {TokenFactory(login=owner).text}"})


def stages(operation: Operation) -> list[list[tuple[str, str]]]:
    found: dict[int, list[tuple[str, str]]] = {}
    for step in operation.steps.all():
        found.setdefault(step.stage, []).append((step.action.removeprefix("hosting."), step.host))
    return list(found.values())


def test_who_asks_gets_a_dump_on_another_host_beside_the_regular_one(database: Database, api: Client) -> None:
    answer = api.post(f"/api/v1/databases/{database.pk}/dump/")
    assert answer.status_code == 202
    operation = Operation.objects.get(pk=answer.json()["operation"]["id"])
    step = operation.steps.get(action="hosting.dump_database")
    assert (step.host, step.args["label"]) == ("db2", "asked")


def test_it_serves_while_the_dump_is_unpacked_on_its_host_and_what_it_was_is_kept(
    database: Database, dump: DatabaseDump, owner: Login
) -> None:
    _database, operation = services.return_to_dump(owner, database, dump)
    assert stages(operation) == [
        [("put_beside", "db2")],
        [("restore_dump", "db2")],
        [("take_restored", "db2")],
        [("keep_copy", "db1")],
        [("open_gate", "web1"), ("update_database", "db2")],
    ]
    database.refresh_from_db()
    db1, db2 = database.host, dump.host
    assert db1 is not None
    assert (desired.state_on(database, db1.pk), desired.state_on(database, db2.pk)) == ("serving", "locked")
    with pytest.raises(DatabaseBusy):
        services.delete_database(owner, database)
    step = operation.steps.get(action="hosting.take_restored")
    action_for(step.action).confirm(step, {})
    database.refresh_from_db()
    assert (database.host, database.copy_host, database.moving_to) == (db2, db1, None)
    assert database.copy_until is not None
    assert (desired.state_on(database, db1.pk), desired.state_on(database, db2.pk)) == ("copy", "serving")


def test_until_it_takes_the_place_all_can_be_taken_back(database: Database, dump: DatabaseDump, owner: Login) -> None:
    _database, operation = services.return_to_dump(owner, database)
    plan = plan_for(operation.kind)
    assert plan.may_turn_back(operation)
    plan.on_failure(operation)
    database.refresh_from_db()
    assert (database.state, database.moving_to) == (DatabaseState.ACTIVE, None)
    plan.on_retry(operation)
    operation.steps.filter(action="hosting.take_restored").update(touched=True, state=StepState.RUNNING)
    assert not plan.may_turn_back(operation)


def test_on_its_own_host_it_is_dumped_before_it_is_emptied(database: Database, owner: Login) -> None:
    here = DatabaseDumpFactory(database=database, host=database.host)
    _database, operation = services.return_to_dump(owner, database, here)
    actions = [action for stage in stages(operation) for action, _host in stage]
    assert actions == ["publish_source", "dump_database", "forget_source", "restore_dump"]
    assert operation.steps.get(action="hosting.dump_database").args["label"] == "before"


def test_others_dumps_and_those_that_cannot_be_had(database: Database, dump: DatabaseDump, owner: Login) -> None:
    others = DatabaseDumpFactory()
    with pytest.raises(NoSuchDump):
        services.return_to_dump(owner, database, others)
    with pytest.raises(Database.DoesNotExist):
        services.dump_for(MemberAdminFactory(), database, dump.pk)
    Host.objects.filter(pk=dump.host_id).update(reachable=False)
    with pytest.raises(DumpAway):
        services.return_to_dump(owner, database, dump)


@pytest.fixture
def keeper(monkeypatch: pytest.MonkeyPatch, dump: DatabaseDump) -> bytes:
    """The dump's host hands out this, in pieces."""
    content = gzip.compress(b"INSERT" * 1000)
    DatabaseDump.objects.filter(pk=dump.pk).update(size_bytes=len(content))

    def call(host: Host, name: str, args: dict[str, Any], **options: Any) -> "Future[dict[str, Any]]":
        assert (host.name, name, args["sha256"]) == ("db2", "database.read_dump", dump.sha256)
        future: Future[dict[str, Any]] = Future()
        piece = content[args["offset"] : args["offset"] + 10]
        future.set_result({"data": base64.b64encode(piece).decode()})
        return future

    monkeypatch.setattr(channel, "call", call)
    return content


async def read(answer: Any) -> bytes:
    return b"".join([piece async for piece in answer.streaming_content])


def test_a_dump_is_downloaded_in_pieces_by_page_and_api(
    database: Database, dump: DatabaseDump, owner: Login, api: Client, keeper: bytes
) -> None:
    browser = Client()
    browser.force_login(owner)
    listed = api.get(f"/api/v1/databases/{database.pk}/dumps/").json()
    assert [one["id"] for one in listed] == [dump.pk]
    for answer in (
        browser.get(reverse("hosting:database_dump", args=[database.pk, dump.pk])),
        api.get(f"/api/v1/databases/{database.pk}/dumps/{dump.pk}/"),
    ):
        assert answer.status_code == 200
        assert answer["Content-Length"] == str(len(keeper))
        assert f'filename="{database.name}-' in answer["Content-Disposition"]
        assert asyncio.run(read(answer)) == keeper


def test_pages_and_endpoints_of_others_are_not_there(database: Database, dump: DatabaseDump) -> None:
    stranger = MemberAdminFactory()
    browser = Client()
    browser.force_login(stranger)
    for name, *more in (("database_dump", dump.pk), ("return_database", dump.pk), ("dump_database",)):
        assert browser.get(reverse(f"hosting:{name}", args=[database.pk, *more])).status_code in (302, 404)
    script = Client(headers={"authorization": f"Bearer {TokenFactory(login=stranger).text}"})
    for path in ("dumps/", f"dumps/{dump.pk}/"):
        assert script.get(f"/api/v1/databases/{database.pk}/{path}").status_code == 404
    for path in ("dump/", "restore/"):
        assert script.post(f"/api/v1/databases/{database.pk}/{path}").status_code == 404


def test_the_database_page_offers_its_dumps_and_says_what_was_lost(
    database: Database, dump: DatabaseDump, owner: Login
) -> None:
    Operation.objects.create(
        kind="hosting.recover_database", scopes=database.order.scopes, state="succeeded", finished=dump.made,
        params={"database": database.pk, "name": database.name, "made": "2026-11-30T15:52:32+00:00", "lost": "db9"},
    )  # fmt: skip
    browser = Client()
    browser.force_login(owner)
    page = browser.get(database.get_absolute_url()).content.decode()
    assert reverse("hosting:database_dump", args=[database.pk, dump.pk]) in page
    assert reverse("hosting:return_database", args=[database.pk, dump.pk]) in page
    assert "what was written after that is missing" in page
