"""Databases on real hosts: created, used by a page of a site, moved while it writes, deleted, restored."""

import time

import pytest

from tests.hosting.live_databases import ENGINES, LiveDatabase, Writer
from tests.panel import Panel, on_host, wait_until

pytestmark = pytest.mark.lab


@pytest.fixture(scope="module", params=ENGINES)
def database(request: pytest.FixtureRequest, panel: Panel) -> LiveDatabase:
    """One of each engine, with a table, whose site stays where it is."""
    database = LiveDatabase.create(panel, request.param)
    database.done("make")
    return database


def settle(database: LiveDatabase) -> None:
    """The copy of the last move away, so that the next one may go back there."""
    staff = database.panel.api()
    if database.read()["copy_host"]:
        staff.wait(staff.post(f"{database.path}drop-copy/"))


def test_a_page_reaches_it_by_its_name_and_nobody_without_the_password(database: LiveDatabase) -> None:
    assert database.done("write", n=1) == "ok 1"
    assert 1 in database.rows()
    read = database.read()
    assert (read["state"], read["host_name"]) == ("active", f"{read['name']}.database.internal")
    hosts = on_host(database.site.host, "cat", "/etc/hosts")
    assert read["host_name"] in hosts
    # The server that it is on is nobody's business there: the name is made of its number alone.
    assert read["name"] == f"db{read['id']}"
    database.install(password="wrong")
    assert database.ask("write", n=2).status_code == 500
    database.install()


def test_a_rotated_password_takes_the_place_of_the_old_one(database: LiveDatabase) -> None:
    answer = database.api.post(f"{database.path}rotate/")
    database.api.wait(answer)
    assert database.ask("write", n=3).status_code == 500
    database.password = answer["password"]
    database.install()
    assert database.done("write", n=3) == "ok 3"


def test_it_moves_while_it_is_written_and_nothing_is_lost(database: LiveDatabase) -> None:
    before = database.read()
    with Writer(database) as writer:
        wait_until(lambda: len(writer.acknowledged) > 5)
        target = database.other_host()
        operation = database.move(target)
        enough = len(writer.acknowledged) + 5
        wait_until(lambda: len(writer.acknowledged) > enough)
    assert writer.failed == []
    assert not writer.acknowledged - database.rows()
    after = database.read()
    assert (after["host"], after["copy_host"], after["state"]) == (target, before["host"], "active")
    assert (after["host_name"], after["port"]) == (before["host_name"], before["port"])
    assert operation["state"] == "succeeded"
    settle(database)


#: What no copy can follow while it is written to.
OBSTACLES = {
    "mariadb": "CREATE TABLE old (n INT) ENGINE=MyISAM; INSERT INTO old VALUES (1), (2);",
    "postgresql": "CREATE UNLOGGED TABLE old (n INT); INSERT INTO old VALUES (1), (2);",
}


def ask_root(database: LiveDatabase, text: str) -> str:
    """What its server says to its administrator, in the database; what is made there is its owner's."""
    read = database.read()
    as_owner = f"SET ROLE owner_{read['name']}; {text}"
    program = {
        "mariadb": ["mariadb", "-N", read["name"], "-e", text],
        "postgresql": ["runuser", "-u", "postgres", "--", "psql", "-tAq", read["name"], "-c", as_owner],
    }
    return on_host(read["host"], *program[read["engine"]])


def test_what_no_copy_can_follow_moves_while_its_connections_wait(database: LiveDatabase) -> None:
    target = database.other_host()
    ask_root(database, OBSTACLES[database.read()["engine"]])
    make_large_object(database)
    preview = database.panel.api().post(f"{database.path}move/?preview=1", {"host": target}, expect=200)
    assert preview["obstacles"]
    assert "while its connections wait" in database.move(target, state="failed")["detail"]
    with Writer(database) as writer:
        wait_until(lambda: len(writer.acknowledged) > 5)
        staff = database.panel.api()
        staff.wait(staff.post(f"{database.path}move/", {"host": target, "held": True}), seconds=120)
        enough = len(writer.acknowledged) + 5
        wait_until(lambda: len(writer.acknowledged) > enough)
    assert writer.failed == []
    assert not writer.acknowledged - database.rows()
    assert database.read()["host"] == target
    assert ask_root(database, "SELECT COUNT(*) FROM old").strip() == "2"
    assert_large_object_kept(database)
    settle(database)
    ask_root(database, "DROP TABLE old")


def make_large_object(database: LiveDatabase) -> None:
    """In PostgreSQL: no row of any table, so dumps and moves meet it apart."""
    if database.read()["engine"] == "postgresql":
        once = "WHERE NOT EXISTS (SELECT FROM pg_largeobject_metadata WHERE oid = 4242)"
        ask_root(database, f"SELECT lo_from_bytea(4242, 'kept') {once}")


def assert_large_object_kept(database: LiveDatabase) -> None:
    if database.read()["engine"] == "postgresql":
        assert ask_root(database, "SELECT convert_from(lo_get(4242), 'UTF8')").strip() == "kept"


def test_a_deleted_one_comes_back_with_everything(database: LiveDatabase) -> None:
    make_large_object(database)
    rows = database.rows()
    host = database.read()["host"]
    database.delete()
    assert database.read()["state"] == "deleted"
    assert database.ask("list").status_code == 500
    assert database.read()["host_name"] not in on_host(database.site.host, "cat", "/etc/hosts")
    database.api.wait(database.api.post(f"{database.path}restore/"), seconds=90)
    assert database.rows() == rows
    assert_large_object_kept(database)
    assert database.read()["host"] == host
    assert database.done("write", n=int(time.time())).startswith("ok")
    database.delete()
