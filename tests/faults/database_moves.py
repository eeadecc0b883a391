"""Moves of a database while something goes wrong as a step of it has begun. After each scene: exactly one host lets
users in, every acknowledged row is there, nothing is reserved, and the page says what is."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tests.hosting.live import in_panel
from tests.hosting.live_databases import LiveDatabase, Writer
from tests.panel import ENDED, cut_off, kill_workers, lab, on_host, wait_until

from . import places

HOSTS = ("db1", "db2")
#: What a step is called, as its page shows it, to the word by which scenes name it.
STEPS = {
    "prepare": "Prepare a locked copy",
    "copy": "Copy the data",
    "follow": "Let the copy",
    "freeze": "Let connections wait",
    "open": "Open the database",
    "compare": "Compare what came",
}


@dataclass(frozen=True)
class Scene:
    """What goes wrong, as which step has begun."""

    fault: str
    step: str

    def __str__(self) -> str:
        return f"{self.fault} at {self.step}"


def _cut(host: str, seconds: float = 4) -> None:
    with cut_off(host):
        time.sleep(seconds)


def _power(host: str) -> None:
    lab("power-off", host)
    time.sleep(1)
    lab("power-on", host)


#: Fault to what does it, given the source and the target.
FAULTS: dict[str, Callable[[str, str], None]] = {
    "workers killed": lambda source, target: kill_workers(),
    "source cut": lambda source, target: _cut(source),
    "target cut": lambda source, target: _cut(target),
    "target off": lambda source, target: _power(target),
    "source off": lambda source, target: _power(source),
}


def play(database: LiveDatabase, scene: Scene) -> dict[str, Any]:
    """One scene; raises AssertionError when anything of the promise is broken."""
    api = database.panel.api()
    before = database.read()
    source, target = before["host"], database.other_host()
    with Writer(database) as writer:
        wait_until(lambda: len(writer.acknowledged) > 3, what="the writer writes")
        answer = api.post(f"{database.path}move/", {"host": target})
        path = f"operations/{answer['operation']['id']}/"
        wait_until(lambda: begun(api.get(path), scene.step), 60, every=0.02, what=f"{scene.step} has begun")
        if scene.fault == "cancelled":
            api.request("POST", path + "cancel/", json={})  # 409 when it is over already
        elif scene.fault == "the opposite asked for":
            api.post(f"{database.path}move/", {"host": source}, expect=409)
        else:
            FAULTS[scene.fault](source, target)
        wait_until(lambda: api.get(path)["state"] in ENDED, 180, every=0.3, what="the move has ended")
        ended = api.get(path)
        enough = len(writer.acknowledged) + 3
        wait_until(lambda: len(writer.acknowledged) > enough, 90, what="the writer writes again")
    assert_whole(database, writer, ended, source, target)
    return {"state": ended["state"], "failed": len(writer.failed), "longest": round(writer.longest, 1)}


def assert_whole(database: LiveDatabase, writer: Writer, ended: dict[str, Any], source: str, target: str) -> None:
    places.bring_back()
    read = wait_until(lambda: at_rest(database.read()), 60, what="it is at rest")
    assert read["host"] == (target if is_there(ended) else source)
    assert [host for host in HOSTS if lets_in(host, database)] == [read["host"]]
    assert not writer.acknowledged - database.rows()
    reserved = in_panel(
        "from controlpanel.operations.selectors import unfinished_on\n"
        f"print(unfinished_on('database:{database.id}').count())"
    )
    assert reserved == "0", "something is still reserved"


def at_rest(read: dict[str, Any]) -> dict[str, Any] | None:
    return read if read["state"] in ("active", "failed") else None


def is_there(operation: dict[str, Any]) -> bool:
    """Whether its page says that the target was opened."""
    return any(step["title"].startswith(STEPS["open"]) and step["state"] == "succeeded" for step in operation["steps"])


def begun(operation: dict[str, Any], step: str) -> bool:
    """Whether that step has begun, or all is over."""
    steps = [one for one in operation["steps"] if one["title"].startswith(STEPS[step])]
    return operation["state"] in ENDED or any(one["state"] != "planned" for one in steps)


def lets_in(host: str, database: LiveDatabase) -> bool:
    """Whether the database's owner may log in on that host."""
    if database.read()["engine"] == "mariadb":
        said = on_host(host, "mariadb", "-N", "-e", f"SHOW CREATE USER 'db{database.id}'", check=False)
        return bool(said.strip()) and "ACCOUNT LOCK" not in said
    said = on_host(host, "runuser", "-u", "postgres", "--", "psql", "-tAc", f"\\du db{database.id}", check=False)
    return bool(said.strip()) and "Cannot login" not in said


def settle(database: LiveDatabase) -> None:
    """The copy of the last move away, so that the next one may go back there."""
    api = database.panel.api()
    if database.read()["copy_host"]:
        api.wait(api.post(f"{database.path}drop-copy/"), seconds=90)


@contextmanager
def little_room(host: str, engine: str, megabytes: int) -> Iterator[None]:
    """The engine's data on a disk with so much room left. What is written there meanwhile is thrown away afterwards."""
    unit, data = {
        "mariadb": ("mariadb.service", "/var/lib/mysql"),
        "postgresql": ("postgresql@17-main.service", "/var/lib/postgresql"),
    }[engine]
    script = (
        f"systemctl stop {unit} && size=$(du -sm {data} | cut -f1) && mkdir -p /run/little "
        f"&& mount -t tmpfs -o size=$((size + {megabytes}))m,mode=755 tmpfs /run/little && cp -a {data}/. /run/little/ "
        f"&& chown --reference={data} /run/little && chmod --reference={data} /run/little "
        f"&& mount --move /run/little {data} && systemctl start {unit}"
    )
    on_host(host, "sh", "-c", script)
    try:
        yield
    finally:
        on_host(host, "sh", "-c", f"systemctl stop {unit}; umount {data}; systemctl start {unit}")
