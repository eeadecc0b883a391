"""Databases on real servers: who gets in, what they may do, dumps, and what is refused."""

import subprocess
import sys

import pytest

from controlpanel.operations.errors import Refused
from tests.fleet.hosts import running
from tests.panel import ROOT, wait_until

from .lab import LabDatabase, apply, ask, fill, run_sql, shell

pytestmark = pytest.mark.lab


def is_refused(said: str) -> bool:
    return "ERROR" in said or "FATAL" in said or "error" in said


# --- who gets in -----------------------------------------------------------------------------------------------------


def test_its_user_gets_in_with_the_password_over_tls_and_in_no_other_way(database, clients):
    assert database.sql("SELECT 40 + 2;") == "42"
    assert is_refused(database.sql("SELECT 40 + 2;", tls=False))
    assert is_refused(database.sql("SELECT 40 + 2;", password="wrong"))
    assert is_refused(database.sql("SELECT 40 + 2;", password=""))
    assert is_refused(database.sql("SELECT 40 + 2;", password=database.verifiers[database.name]))


def test_a_host_that_is_no_client_does_not_reach_the_port(database):
    strangers = running("edge") if _runs("edge") else []
    port = 3306 if database.engine == "mariadb" else 5432
    for stranger in strangers[:1]:
        said = shell(stranger, f"timeout 5 bash -c '</dev/tcp/{database.host.address}/{port}'; echo $?")
        assert said.splitlines()[-1] != "0"
    # This machine is none of its clients either.
    probe = f"import socket; socket.create_connection(('{database.host.address}', {port}), 3)"
    assert subprocess.run([sys.executable, "-c", probe], cwd=ROOT, capture_output=True, check=False).returncode != 0


def _runs(role: str) -> bool:
    try:
        return bool(running(role))
    except pytest.skip.Exception:
        return False


def test_a_user_reaches_no_other_database(database, database_hosts, clients):
    other = LabDatabase(database.engine, database.host, clients)
    other.make()
    try:
        server, password = database.host.address, database.passwords[database.name]
        for name in (other.name, "mysql" if database.engine == "mariadb" else "postgres"):
            said = run_sql(clients[0], database.engine, server, name, database.name, password, "SELECT 1;")
            assert is_refused(said), said
    finally:
        other.throw_away()


def test_the_number_of_connections_is_limited(database):
    sleep = "SELECT SLEEP(8)" if database.engine == "mariadb" else "SELECT pg_sleep(8)"
    script = f"for i in 1 2 3 4 5 6 7 8; do ({_client(database)} <<<'{sleep};' ) & done; wait"
    said = shell(database.clients[0], script)
    assert "too many connections" in said or "max_user_connections" in said


def _client(database: LabDatabase) -> str:
    password, server = database.passwords[database.name], database.host.address
    if database.engine == "mariadb":
        return (
            f"MYSQL_PWD={password} mariadb --skip-ssl-verify-server-cert -h {server} -u {database.name} {database.name}"
        )
    place = f"host={server} user={database.name} dbname={database.name} sslmode=require"
    return f"PGPASSWORD={password} psql -tA '{place}'"


def test_a_new_password_takes_the_place_of_the_old(database):
    old = database.passwords[database.name]
    database.add_user(database.name, "owner")
    database.make()
    assert database.sql("SELECT 1;") == "1"
    assert is_refused(database.sql("SELECT 1;", password=old))


def test_readers_read_what_there_is_and_what_comes_and_write_nothing(table):
    reader = table.add_reader()
    table.make()
    assert table.sql("SELECT COUNT(*) FROM w;", user=reader) == "2"
    table.sql("CREATE TABLE later(a INT); INSERT INTO later VALUES (7);")
    assert table.sql("SELECT a FROM later;", user=reader) == "7"
    for text in ("INSERT INTO w(n) VALUES (1);", "DELETE FROM w;", "DROP TABLE w;", "CREATE TABLE mine(a INT);"):
        assert is_refused(table.sql(text, user=reader)), text
    del table.accesses[reader]
    table.make()
    assert is_refused(table.sql("SELECT 1;", user=reader))


# --- states ----------------------------------------------------------------------------------------------------------


def test_a_full_database_can_be_emptied_and_gets_its_rights_back(table):
    table.make(quota_full=True)
    assert table.sql("SELECT COUNT(*) FROM w;") == "2"
    for text in ("INSERT INTO w(n) VALUES (1);", "UPDATE w SET n = 5;", "CREATE TABLE more(a INT);"):
        assert is_refused(table.sql(text)), text
    assert not is_refused(table.sql("DELETE FROM w WHERE n = -1;"))
    assert not is_refused(table.sql("TRUNCATE TABLE w;"))
    table.make()
    assert not is_refused(table.sql("INSERT INTO w(n) VALUES (1); CREATE TABLE more(a INT);"))


def test_a_read_only_database_is_only_read(table):
    table.make(state="read_only")
    assert table.sql("SELECT COUNT(*) FROM w;") == "2"
    assert is_refused(table.sql("INSERT INTO w(n) VALUES (1);"))
    assert is_refused(table.sql("DELETE FROM w;"))


def test_locking_ends_live_connections(database):
    sleep = "SELECT SLEEP(50)" if database.engine == "mariadb" else "SELECT pg_sleep(50)"
    unit = f"sleeper-{database.name}"
    shell(database.clients[0], f"systemd-run --quiet --unit={unit} bash -c \"{_client(database)} <<<'{sleep};'\"")
    wait_until(lambda: _usage(database)["connections"] == 1, 20)
    database.make(state="locked")
    assert _usage(database)["connections"] == 0
    assert is_refused(database.sql("SELECT 1;"))
    wait_until(lambda: shell(database.clients[0], f"systemctl is-active {unit}") != "active", 10)
    shell(database.clients[0], f"systemctl reset-failed {unit}")


def _usage(database: LabDatabase) -> dict:
    return ask(database.host, "database.usage")["databases"][database.name]


def test_room_that_deleted_rows_left_is_given_back(table):
    fill(table, 2000)
    big = _usage(table)["bytes"]
    table.sql("DELETE FROM w;")
    answer = table.ask(table.host, "compact")
    assert answer["after"] < big - 4 * 2**20
    assert table.sql("SELECT COUNT(*) FROM w;") == "0"


# --- dumps and the end -----------------------------------------------------------------------------------------------


def test_a_dump_brings_everything_back_and_the_users_may_go_on(table):
    reader = table.add_reader()
    table.make()
    table.sql("CREATE VIEW v AS SELECT n FROM w;")
    told = table.ask(table.host, "dump", keep="last")
    assert shell(table.host, f"stat -c '%a %U' {told['path']}") == "600 root"
    table.sql("DROP VIEW v; DROP TABLE w; CREATE TABLE other(a INT);")
    table.ask(table.host, "restore", dump="last")
    assert table.sql("SELECT COUNT(*) FROM v;") == "2"
    assert is_refused(table.sql("SELECT * FROM other;"))
    assert not is_refused(table.sql("INSERT INTO w(n) VALUES (3); ALTER TABLE w ADD COLUMN more INT;"))
    assert table.sql("SELECT COUNT(*) FROM w;", user=reader) == "3"


def test_data_goes_only_on_purpose(table):
    absent = {"kind": "database", "id": table.name, "revision": table.revision, "state": "absent", "spec": {}}
    [item] = apply(table.host, absent)
    assert item["status"] == "failed"
    with pytest.raises(Refused):
        table.ask(table.host, "drop")
    table.ask(table.host, "dump", keep="last")
    table.ask(table.host, "drop")
    assert table.name not in ask(table.host, "database.usage")["databases"]
    [item] = apply(table.host, absent)
    assert item["status"] in ("ok", "unchanged")
    table.make(state="locked")
    table.ask(table.host, "restore", dump="last")
    table.make()
    assert table.sql("SELECT COUNT(*) FROM w;") == "2"


def test_what_is_changed_by_hand_is_found_and_mended(database):
    check = {"operation": None, "items": [], "check": True}

    def problems() -> list[str]:
        found = ask(
            database.host, "apply", **{**check, "items": [{**database.resource(), "revision": database.revision}]}
        )
        return [each["problem"] for each in found["differences"] if each["id"] == database.name]

    database.make()
    database.revision -= 1
    assert "edited" not in problems()
    if database.engine == "mariadb":
        database.root(f"ALTER USER {database.name} ACCOUNT LOCK;")
    else:
        database.root(f'ALTER ROLE "{database.name}" NOLOGIN;')
    assert is_refused(database.sql("SELECT 1;"))
    database.revision -= 1
    assert "edited" in problems()
    database.make()
    assert database.sql("SELECT 1;") == "1"


def test_a_member_cannot_leave_the_role_it_works_as(database):
    if database.engine != "postgresql":
        pytest.skip("PostgreSQL only")
    said = database.sql("SET ROLE NONE; CREATE TABLE mine(a INT);")
    assert "permission denied" in said
    assert "permission denied" in database.sql("SELECT rolpassword FROM pg_authid;")
    assert is_refused(database.sql("COPY (SELECT 1) TO PROGRAM 'id';"))


def test_a_member_cannot_touch_files_or_other_accounts(database):
    if database.engine != "mariadb":
        pytest.skip("MariaDB only")
    assert is_refused(database.sql("SELECT LOAD_FILE('/etc/passwd') INTO OUTFILE '/tmp/x';"))
    assert is_refused(database.sql("CREATE USER eve;"))
    assert is_refused(database.sql("SELECT * FROM mysql.global_priv;"))
    assert is_refused(database.sql("SET GLOBAL general_log = 1;"))
    assert is_refused(database.sql("CREATE EVENT e ON SCHEDULE EVERY 1 SECOND DO SELECT 1;"))
