"""A database host loses its power: its databases come up from their dumps on the other, under the same names, and it
comes back only clean. Told once for both engines, from the power cut to the readmission."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.faults import places
from tests.hosting.live import in_panel
from tests.hosting.live_databases import ENGINES, LiveDatabase
from tests.hosting.live_hosts import LiveHost
from tests.panel import Panel, lab, on_host, wait_until

pytestmark = [pytest.mark.lab]


@pytest.fixture
def dead(panel: Panel) -> Iterator[LiveHost]:
    """db1; however the test ends, it serves again."""
    host = LiveHost(panel.api(), "db1")
    yield host
    places.bring_back()
    host.take_back(restart=False)


@pytest.fixture
def databases(panel: Panel, dead: LiveHost) -> Iterator[dict[str, LiveDatabase]]:
    """One of each engine on db1 with a dump on db2 and a row that is younger than it, and one without any dump."""
    other = LiveHost(panel.api(), "db2")
    panel.api().post(f"hosts/{other.pk}/drain/", expect=200)
    try:
        made = {engine: LiveDatabase.create(panel, engine) for engine in ENGINES}
        made["bare"] = LiveDatabase.create(panel, "mariadb", made["mariadb"].site)
        made["mariadb"].install()
    finally:
        panel.api().post(f"hosts/{other.pk}/undrain/", expect=200)
    for engine in ENGINES:
        made[engine].done("make")
        made[engine].done("write", n=1)
        made[engine].api.wait(made[engine].api.post(f"{made[engine].path}dump/"))
        made[engine].done("write", n=2)
    yield made
    places.bring_back()
    dead.take_back(restart=False)
    for database in made.values():
        if database.read()["copy_host"]:
            panel.api().wait(panel.api().post(f"{database.path}drop-copy/"), seconds=90)
        database.delete()


def reaches(database: LiveDatabase, host: str) -> bool:
    """Whether a site's host gets through to the database's server on that host, past the gate."""
    address = database.panel.hosts[host]
    command = ["timeout", "3", "bash", "-c", f"exec 3<>/dev/tcp/{address}/{database.read()['port']}"]
    return lab("exec", database.site.host, "--", *command, check=False).returncode == 0


def is_locked(database: LiveDatabase, host: str) -> bool:
    """Whether the servers of that host let nobody into it."""
    if database.read()["engine"] == "mariadb":
        said = on_host(host, "mariadb", "-N", "-e", f"SHOW CREATE USER 'db{database.id}'")
        return "ACCOUNT LOCK" in said
    said = on_host(host, "runuser", "-u", "postgres", "--", "psql", "-tAc", f"\\du db{database.id}")
    return "Cannot login" in said


def operations_of(panel: Panel, report: list[dict[str, Any]]) -> None:
    for row in report:
        panel.api().wait({"operation": {"id": row}}, seconds=120)


def test_the_night_of_a_dead_database_host(panel: Panel, dead: LiveHost, databases: dict[str, LiveDatabase]) -> None:
    kept, bare = [databases[engine] for engine in ENGINES], databases["bare"]
    before = {database.id: database.read() for database in kept}
    lab("power-off", dead.name)

    preview = panel.api().post(f"hosts/{dead.pk}/recover/?preview=1", {"force": True}, expect=200)["recovery"]
    lines = " ".join(line for part in preview["parts"] for line in part["lines"])
    assert f"db{bare.id}: nothing of it on another host" in lines
    for database in kept:
        assert f"db{database.id}: dump of {before[database.id]['dumped'][:10]}" in lines

    operation = panel.api().wait(dead.recover(), seconds=120)
    begun = next(step["answer"] for step in operation["steps"] if "started" in (step["answer"] or {}))
    operations_of(panel, begun["started"])
    assert str(bare.id) in begun["left"]

    for database in kept:
        read = database.read()
        assert (read["host"], read["copy_host"], read["state"]) == ("db2", "db1", "active")
        assert (read["host_name"], read["port"]) == (before[database.id]["host_name"], before[database.id]["port"])
        assert database.rows() == {1}  # what was written after the dump is lost, as the preview said
        assert database.done("write", n=3) == "ok 3"
    page = in_panel(
        "from controlpanel.operations.models import Operation\nfrom controlpanel.operations.registry import plan_for\n"
        f"operation = Operation.objects.get(pk={operation['id']})\nprint(plan_for(operation.kind).report(operation))"
    )
    for database in kept:
        assert f">db{database.id}</a>" in page
    assert "What was written later is lost." in page
    assert f">db{bare.id}</a>" in page and "down." in page

    # It is back, with its old databases: it finds out that it is fenced, and nobody reaches them.
    lab("power-on", dead.name)
    wait_until(lambda: places._is_so(dead.name, "test", "-e", "/var/lib/controlpanel/fenced"), 60, every=0.5)
    assert not any(reaches(database, dead.name) for database in kept)
    lab("power-off", dead.name)
    lab("power-on", dead.name)  # it knows from the first moment now
    wait_until(lambda: places._is_so(dead.name, "systemctl", "is-active", "--quiet", "mariadb.service"), 60)
    assert not any(reaches(database, dead.name) for database in kept)
    assert all(database.rows() == {1, 3} for database in kept)

    wait_until(lambda: dead.read()["reachable"], 60, every=0.5)
    dead.readmit()
    assert dead.read()["state"] == "active"
    for database in kept:
        assert reaches(database, dead.name)
        assert is_locked(database, dead.name) and not is_locked(database, "db2")
        assert database.rows() == {1, 3}
    assert bare.read()["state"] == "active" and not is_locked(bare, dead.name)
