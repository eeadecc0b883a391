"""A database moves while something goes wrong. After each scene: exactly one host lets its users in, every acknowledged
row is there, nothing is reserved, and the page says what is."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.hosting.live import in_panel
from tests.hosting.live_databases import LiveDatabase, Writer
from tests.panel import on_host, wait_until

from .scenes import CANCELLED, OPPOSITE, Scene, all_back, play

HOSTS = ("db1", "db2")
#: What can happen to it.
FAULTS = (
    "cancelled", "one edge cut", "panel killed", "source cut", "source off", "target cut", "target off",
    "the opposite asked for", "workers killed",
)  # fmt: skip
#: Nobody's fault: then no client may notice.
GENTLE = (CANCELLED, OPPOSITE)
#: What the step is called that makes the target the place that serves.
_OPENED = "Open the database"


def move(database: LiveDatabase, scene: Scene) -> dict[str, Any]:
    """One move in trouble; raises AssertionError when anything of the promise is broken."""
    api = database.panel.api()
    source, target = database.read()["host"], database.other_host()
    with Writer(database) as writer:
        wait_until(lambda: len(writer.acknowledged) > 3, what="the writer writes")
        answer = api.post(f"{database.path}move/", {"host": target})
        opposite = {"path": f"{database.path}move/", "data": {"host": source}, "expect": 409}
        ended = play(api, answer, scene, source, target, lambda: api.post(**opposite))
        enough = len(writer.acknowledged) + 3
        wait_until(lambda: len(writer.acknowledged) > enough, 90, what="the writer writes again")
    all_back(api)
    assert_whole(database, writer, ended, source, target)
    if scene.fault in GENTLE:
        assert writer.failed == [], f"{scene}: {writer.failed[:3]}"
    settle(database)
    return {"state": ended["state"], "failed": len(writer.failed), "longest": round(writer.longest, 1)}


def assert_whole(database: LiveDatabase, writer: Writer, ended: dict[str, Any], source: str, target: str) -> None:
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
    return any(step["title"].startswith(_OPENED) and step["state"] == "succeeded" for step in operation["steps"])


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
def little_room(host: str, engine: str) -> Iterator[None]:
    """The engine's data on a disk with never more than 6 MB left, also when a database of an earlier test is dropped
    there meanwhile. What is written there is thrown away afterwards."""
    unit, data, log = {
        "mariadb": ("mariadb.service", "/var/lib/mysql", ""),
        # Its log gets a disk of its own: files of it that nobody needs any more are taken away at some time, and there
        # would be more room than we think.
        "postgresql": ("postgresql@17-main.service", "/var/lib/postgresql", "17/main/pg_wal"),
    }[engine]
    fill = (
        "left=$(df --block-size=1M --output=avail /run/little | tail -1); "
        "[ $left -le 6 ] || head -c $((left - 6))M /dev/zero >>/run/little/filler"
    )
    apart = (
        f"mkdir -p /run/log && mount -t tmpfs -o size=1g,mode=700 tmpfs /run/log && cp -a {data}/{log}/. /run/log/ "
        f"&& chown --reference={data}/{log} /run/log && mount --bind /run/log {data}/{log} && "
    )
    script = (
        f"systemctl stop {unit} && size=$(du -sm {data} | cut -f1) && mkdir -p /run/little "
        f"&& mount -t tmpfs -o size=$((size + 30))m,mode=755 tmpfs /run/little && cp -a {data}/. /run/little/ "
        f"&& chown --reference={data} /run/little && chmod --reference={data} /run/little "
        f"&& mount --bind /run/little {data} && {apart if log else ''}systemctl start {unit} "
        f"&& touch /run/little/filler && {{ {fill}; }} "
        f"&& systemd-run --quiet --collect --unit=little-room sh -c 'while sleep 0.05; do {fill}; done'"
    )
    mounts = f"{data}/{log} /run/log {data} /run/little" if log else f"{data} /run/little"
    try:
        on_host(host, "sh", "-c", script)
        yield
    finally:
        on_host(host, "sh", "-c", f"systemctl stop little-room {unit}; umount {mounts}; systemctl start {unit}")
