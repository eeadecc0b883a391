"""Databases: what is written, what is started, what hosts should hold, and what is refused."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.utils import timezone

from controlpanel.fleet.desired import desired_state
from controlpanel.fleet.models import Host
from controlpanel.operations import services as operations
from controlpanel.operations.models import Operation
from hosting import services
from hosting.choices import DatabaseState
from hosting.databases import desired, errors, placement, verifiers
from hosting.databases import servers as database_servers
from hosting.models import Database, DatabaseUser, HostingOrder
from tests.factories import DatabaseDumpFactory, DatabaseFactory, HostFactory, SiteFactory
from tests.hosting.conftest import Place


@pytest.fixture
def servers(place: Place) -> list[Host]:
    return [HostFactory(name=name, roles=["database"]) for name in ("db1", "db2")]


def create(place: Place, engine: str = "mariadb", **options: Any) -> tuple[Database, Operation, str]:
    return services.create_database(place.actor, place.order, engine, **options)


def settled(database: Database, state: DatabaseState = DatabaseState.ACTIVE) -> Database:
    """As if its operations had succeeded."""
    Database.objects.filter(pk=database.pk).update(state=state, placed=True)
    Operation.objects.update(state="succeeded")
    return Database.objects.select_related("order", "host").get(pk=database.pk)


def titles(operation: Operation) -> list[tuple[str, str]]:
    return list(operation.steps.order_by("position").values_list("action", "host"))


# --- verifiers -----------------------------------------------------------------------------------------------------


def test_verifiers_are_what_servers_know() -> None:
    assert verifiers.native("secret") == "*14E65567ABDB5135D0CFD9A70B3032C179A49EE7"
    assert verifiers.scram("pencil", b"W22ZaJ0SNY7soEsUEjb6gQ==").startswith(
        "SCRAM-SHA-256$4096:VzIyWmFKMFNOWTdzb0VzVUVq"
    )
    assert len({verifiers.new_password() for _ in range(50)}) == 50


# --- create --------------------------------------------------------------------------------------------------------


def test_creating_writes_the_intent_and_hands_the_password_back_once(place: Place, servers: list[Host]) -> None:
    site = SiteFactory(order=place.order)
    database, operation, password = create(place, site=site, idempotency_key="k")
    assert (database.state, database.engine, database.site, database.host) == ("creating", "mariadb", site, servers[0])
    assert database.name == f"db{database.pk}"
    assert database.host_name == f"db{database.pk}.database.internal"
    assert database.quota_bytes == place.order.database_size_bytes
    owner = database.users.get()
    assert (owner.name, owner.access, owner.verifier) == (database.name, "owner", verifiers.native(password))
    assert titles(operation)[0] == ("hosting.put_database", "db1")
    assert {host for action, host in titles(operation) if action == "hosting.open_gate"} == {
        *(host.name for host in place.web),
        site.host.name,
    }
    again, same, nothing = create(place, site=site, idempotency_key="k")
    assert (again, same, nothing) == (database, operation, "")


def test_a_password_is_nowhere_in_the_ledger(place: Place, servers: list[Host]) -> None:
    _database, operation, password = create(place)
    for text in (str(operation.params), str(list(operation.steps.values())), str(list(operation.events.values()))):
        assert password not in text
        assert verifiers.native(password) not in text
    raw = DatabaseUser.objects.raw("SELECT id, verifier::bytea AS raw FROM hosting_databaseuser")
    assert verifiers.native(password).encode() not in bytes(raw[0].raw)


def test_each_has_an_address_of_its_own_for_ever(place: Place, servers: list[Host]) -> None:
    first, second = create(place)[0], create(place)[0]
    assert first.address != second.address
    assert all(database.address.startswith("127.64.") for database in (first, second))


def test_databases_are_spread(place: Place, servers: list[Host]) -> None:
    assert {create(place)[0].host.name for _ in range(2)} == {"db1", "db2"}


def test_what_is_wrong_is_refused(place: Place, servers: list[Host]) -> None:
    for actor in (place.stranger, None):
        with pytest.raises(HostingOrder.DoesNotExist):
            services.create_database(actor, place.order, "mariadb")
    with pytest.raises(errors.InvalidEngine):
        create(place, "dbase")
    with pytest.raises(errors.WrongSite):
        services.create_database(place.staff, place.order, "mariadb", site=SiteFactory())
    HostingOrder.objects.update(max_databases=0)
    with pytest.raises(errors.DatabasesFull):
        create(place)
    assert not Database.objects.exists()


def test_without_a_database_host_nothing_is_created(place: Place) -> None:
    with pytest.raises(errors.NoDatabaseCapacity):
        create(place)
    assert not Database.objects.exists()


def test_only_staff_give_other_limits(place: Place, servers: list[Host]) -> None:
    assert create(place, quota_bytes=10**11)[0].quota_bytes == place.order.database_size_bytes
    database, _operation, _password = services.create_database(
        place.staff, place.order, "mariadb", quota_bytes=10**9, connections=7
    )
    assert (database.quota_bytes, database.connections) == (10**9, 7)


def test_placement_prefers_room_and_hosts_that_answer() -> None:
    def candidate(name: str, **changes: Any) -> placement.Candidate:
        base = {"active": True, "ready": True, "disk": 100 * 2**30, "free": None, "used": 0, "databases": 0}
        return placement.Candidate(name=name, **{**base, **changes})

    full = candidate("a", used=90 * 2**30)
    assert placement.choose([full, candidate("b", used=20 * 2**30), candidate("c", used=10 * 2**30)]).name == "c"
    assert placement.choose([candidate("a", ready=False), candidate("b", used=40 * 2**30)]).name == "b"
    for hosts in ([], [full], [candidate("a", active=False)], [candidate("a", free=5 * 2**30)]):
        with pytest.raises(errors.NoDatabaseCapacity):
            placement.choose(hosts)


# --- users and limits ----------------------------------------------------------------------------------------------


def test_users_come_get_new_passwords_and_go(place: Place, servers: list[Host]) -> None:
    database = settled(create(place)[0])
    database, _operation, password = services.add_database_user(place.actor, database, "report")
    reader = database.users.get(name=f"{database.name}_report")
    assert (reader.access, reader.verifier) == ("read_only", verifiers.native(password))
    database = settled(database)
    _database, operation, renewed = services.rotate_database_password(place.actor, database, reader.name)
    reader.refresh_from_db()
    assert reader.verifier == verifiers.native(renewed) != verifiers.native(password)
    assert titles(operation) == [("hosting.update_database", "db1")]
    database = settled(database)
    services.remove_database_user(place.actor, database, reader.name)
    assert list(database.users.values_list("name", flat=True)) == [database.name]


def test_bad_users_are_refused(place: Place, servers: list[Host]) -> None:
    database = settled(create(place)[0])
    for word in ("", "Report", "1st", "a b", "x" * 17, "a_b", "a';--"):
        with pytest.raises(errors.InvalidUserName):
            services.add_database_user(place.actor, database, word)
    with pytest.raises(errors.OwnerStays):
        services.remove_database_user(place.actor, database, database.name)
    with pytest.raises(errors.NoSuchUser):
        services.rotate_database_password(place.actor, database, "db999")
    for service in (services.rotate_database_password, services.delete_database):
        with pytest.raises(Database.DoesNotExist):
            service(place.stranger, database)


def test_a_full_database_is_stopped_and_given_back_with_room(place: Place, servers: list[Host]) -> None:
    database = settled(create(place)[0])
    quota = database.quota_bytes

    def measured(size: int) -> list[Operation]:
        return services.note_database_usage(database.host, {database.name: {"bytes": size, "connections": 3}})

    assert measured(int(0.92 * quota)) == []
    database.refresh_from_db()
    assert (database.nearly_full, database.full, database.open_connections) == (True, False, 3)
    (stopped,) = measured(quota)
    assert stopped.kind == "hosting.stop_database_writes"
    database = settled(database)
    assert database.full
    assert measured(int(0.97 * quota)) == []
    (resumed,) = measured(int(0.5 * quota))
    assert resumed.kind == "hosting.resume_database_writes"
    assert not settled(database).full


# --- delete and restore --------------------------------------------------------------------------------------------


def test_deleting_dumps_before_it_drops(place: Place, servers: list[Host]) -> None:
    database = settled(create(place)[0])
    database, operation = services.delete_database(place.actor, database)
    assert [action for action, _host in titles(operation) if action != "hosting.close_gate"] == [
        "hosting.dump_database",
        "hosting.drop_database",
    ]
    assert database.purge_after > timezone.now() + timedelta(days=20)
    with pytest.raises(errors.DatabaseDeleting):
        services.delete_database(place.actor, database)


def test_a_deleted_one_comes_back_where_its_dump_is_until_that_goes(place: Place, servers: list[Host]) -> None:
    database = DatabaseFactory(order=place.order, state=DatabaseState.DELETED, host=None, placed=False)
    with pytest.raises(errors.NoDumpKept):
        services.restore_database(place.actor, database)
    DatabaseDumpFactory(database=database, host=servers[1], label="last")
    Database.objects.update(purge_after=timezone.now() + timedelta(days=1))
    database, operation = services.restore_database(place.actor, database)
    assert (database.state, database.host) == ("restoring", servers[1])
    assert desired.state_on(database, servers[1].pk) == "locked"
    assert [action for action, host in titles(operation) if host == "db2"] == [
        "hosting.put_for_restore",
        "hosting.restore_dump",
        "hosting.serve_restored",
    ]


def test_what_was_deleted_long_ago_is_purged(place: Place, servers: list[Host]) -> None:
    database = DatabaseFactory(state=DatabaseState.DELETED, host=None, placed=False, purge_after=timezone.now())
    DatabaseDumpFactory(database=database, host=servers[0], label="last")
    (operation,) = services.purge_databases_due()
    assert titles(operation) == [("hosting.drop_dump", "db1")]


# --- move ----------------------------------------------------------------------------------------------------------


def test_only_staff_move(place: Place, servers: list[Host]) -> None:
    database = settled(create(place)[0])
    with pytest.raises(PermissionDenied):
        services.move_database(place.actor, database, "db2")
    with pytest.raises(Database.DoesNotExist):
        services.move_database(place.stranger, database, "db2")


def test_a_move_goes_to_the_named_host_or_the_best(place: Place, servers: list[Host]) -> None:
    database = settled(create(place)[0])
    moved, operation = services.move_database(place.staff, database)
    assert (moved.state, moved.host, moved.moving_to) == ("moving", servers[0], servers[1])
    actions = [action for action, _host in titles(operation)]
    assert actions.index("hosting.freeze_database") < actions.index("hosting.open_database")
    assert actions.index("hosting.open_database") < actions.index("hosting.keep_copy")
    with pytest.raises(errors.DatabaseBusy):
        services.move_database(place.staff, moved, "db2")
    with pytest.raises(errors.DatabaseBusy):
        services.delete_database(place.actor, moved)


def test_where_it_cannot_go_is_said(place: Place, servers: list[Host]) -> None:
    database = settled(create(place)[0])
    for host, error in (
        ("db1", errors.AlreadyThere),
        ("web1", errors.NoSuchDatabaseHost),
        ("x", errors.NoSuchDatabaseHost),
    ):
        with pytest.raises(error):
            services.move_database(place.staff, database, host)
    Host.objects.filter(name="db2").update(state="draining")
    with pytest.raises(errors.HostNotReady):
        services.move_database(place.staff, database, "db2")
    Host.objects.filter(name="db2").update(state="active", reachable=False)
    with pytest.raises(errors.HostNotReady):
        services.move_database(place.staff, database, "db2")
    Host.objects.filter(name="db1").update(reachable=False)
    with pytest.raises(errors.SourceAway):
        services.move_database(place.staff, database, "db2")


def test_a_move_can_be_cancelled_until_the_target_is_opened(place: Place, servers: list[Host]) -> None:
    database = settled(create(place)[0])
    _database, operation = services.move_database(place.staff, database)
    operation.steps.filter(action="hosting.freeze_database").update(touched=True)
    operations.cancel(operation, place.staff)
    Operation.objects.filter(pk=operation.pk).update(cancel_requested=False)
    operation.steps.filter(action="hosting.open_database").update(touched=True)
    with pytest.raises(operations.NotPossible):
        operations.cancel(operation, place.staff)


def test_it_is_never_unlocked_on_two_hosts(place: Place, servers: list[Host]) -> None:
    """In every state that a move can leave in the rows, at most one host is told to serve."""
    database = settled(create(place)[0])
    db1, db2 = servers
    for rows in (
        {"moving_to": db2},
        {"moving_to": db2, "frozen": True},
        {"moving_to": None, "frozen": False, "host": db2, "copy_host": db1},
        {"state": DatabaseState.RESTORING, "placed": False},
    ):
        Database.objects.filter(pk=database.pk).update(**rows)
        told = [
            resource.spec["state"]
            for host in servers
            for resource in desired_state(host)
            if resource.kind == "database" and resource.id == database.name
        ]
        assert told.count("serving") <= 1, (rows, told)


# --- when a host is lost -------------------------------------------------------------------------------------------


def test_a_lost_hosts_databases_come_back_from_dumps_elsewhere(place: Place, servers: list[Host]) -> None:
    database = DatabaseFactory(order=place.order, host=servers[0])
    bare = DatabaseFactory(order=place.order, host=servers[0])
    DatabaseDumpFactory(database=database, host=servers[1])
    DatabaseDumpFactory(database=bare, host=servers[0])  # burnt with it
    recovery = services.recover_database_host(place.staff, servers[0])
    assert [operation.params["database"] for operation in recovery.started] == [database.pk]
    assert [one for one, _why in recovery.left] == [bare]
    database.refresh_from_db()
    assert (database.host, database.copy_host, database.copy_until) == (servers[1], servers[0], None)
    assert desired.state_on(database, servers[0].pk) == "copy"


def test_dumps_are_made_by_the_clock_and_not_twice(place: Place, servers: list[Host]) -> None:
    database = DatabaseFactory(order=place.order, host=servers[0])
    Database.objects.update(created=timezone.now() - timedelta(days=2))
    (operation,) = services.dump_databases_due()
    assert operation.params["database"] == database.pk
    assert services.dump_databases_due() == []
    Operation.objects.update(state="succeeded", created=timezone.now() - timedelta(hours=3))
    DatabaseDumpFactory(database=database, host=servers[1])
    assert services.dump_databases_due() == []


# --- what hosts should hold ----------------------------------------------------------------------------------------


def test_database_hosts_hold_servers_and_databases(place: Place, servers: list[Host]) -> None:
    database = settled(create(place)[0])
    found = {(resource.kind, resource.id): resource for resource in desired_state(servers[0])}
    base = found["database_server", "base"].spec
    assert base["address"] == servers[0].address
    assert base["clients"] == sorted(host.address for host in place.web)
    assert "PRIVATE KEY" in base["certificate_pem"]
    spec = found["database", database.name].spec
    assert (spec["engine"], spec["state"], spec["clients"]) == ("mariadb", "serving", base["clients"])
    assert [user["name"] for user in spec["users"]] == [database.name]
    assert not [resource for resource in desired_state(servers[1]) if resource.kind == "database"]


def test_every_web_host_knows_the_way_to_every_database(place: Place, servers: list[Host]) -> None:
    database = settled(create(place)[0])
    for host in place.web:
        found = {(resource.kind, resource.id): resource.spec for resource in desired_state(host)}
        assert "BEGIN CERTIFICATE" in found["database_gate", "base"]["ca_pem"]
        assert found["database_route", database.name] == {
            "address": database.address,
            "port": 3306,
            "host": servers[0].address,
            "hold": 0,
        }


def test_a_fenced_web_host_may_not_come(place: Place, servers: list[Host]) -> None:
    database_servers.sync_if_needed()
    assert database_servers.sync_if_needed() is None
    Host.objects.filter(pk=place.web[0].pk).update(state="fenced")
    operation = database_servers.sync_if_needed()
    assert operation is not None
    assert {host for _action, host in titles(operation)} == {"db1", "db2"}
    assert place.web[0].address not in database_servers.clients()
