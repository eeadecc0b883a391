"""Databases of our own on the running lab's hosts: far away from those of the panel, and dropped afterwards."""

import random
import shlex
import time
import uuid
from typing import Any

from controlpanel.fleet import channel
from controlpanel.fleet.models import Host
from tests.panel import on_host

from . import verifiers
from .authority import Authority

#: Numbers of databases that no panel reaches, and that no earlier run has used.
_numbers = iter(range(random.randrange(10**8, 9 * 10**8), 10**9))
CA = "/etc/controlpanel/databases/ca.pem"


def ask(target: Host, call: str, /, patience: float = 120, **args: Any) -> dict[str, Any]:
    """A call's answer. Raises StepError."""
    return channel.call(target, call, args, timeout=patience).result(patience + 10)


def apply(host: Host, *resources: dict[str, Any]) -> list[dict[str, Any]]:
    """The items of a batch's answer."""
    items: list[dict[str, Any]] = ask(host, "apply", operation=None, items=list(resources))["items"]
    return items


def has_servers(host: Host) -> bool:
    """Whether the panel (or an earlier run) has set the servers up."""
    return all(ask(host, "database.usage")["versions"].values())


def set_up_servers(hosts: list[Host], clients: list[Host]) -> None:
    """What the panel does, for a lab without one: servers with certificates of an authority of ours."""
    authority = Authority()
    peers = [{"name": host.name, "address": host.address} for host in hosts]
    for host in hosts:
        spec = {
            "address": host.address,
            "certificate_pem": authority.issue(host.address),
            "ca_pem": authority.pem,
            "clients": [client.address for client in clients],
            "peers": peers,
        }
        resource = {"kind": "database_server", "id": "base", "revision": int(time.time()), "state": "present"}
        [item] = apply(host, {**resource, "spec": spec})
        assert item["status"] == "ok", item


class LabDatabase:
    """One database, spoken of to the agents directly."""

    def __init__(self, engine: str, host: Host, clients: list[Host]) -> None:
        self.engine = engine
        self.host = host
        self.clients = clients
        self.name = f"db{next(_numbers)}"
        self.revision = 0
        self.hosts: dict[str, Host] = {}
        self.passwords: dict[str, str] = {}
        self.verifiers: dict[str, str] = {}
        self.accesses: dict[str, str] = {}
        self.add_user(self.name, "owner")
        self.move_id = f"move-{uuid.uuid4().hex[:8]}"

    def add_user(self, name: str, access: str) -> str:
        """A user with a password of its own, from the next ``apply`` on; its name."""
        self.passwords[name], self.accesses[name] = uuid.uuid4().hex, access
        self.verifiers[name] = verifiers.of(self.engine, self.passwords[name])
        return name

    def add_reader(self) -> str:
        """A second user that may only read; its name."""
        return self.add_user(f"{self.name}_look", "read_only")

    # --- by the panel's line -----------------------------------------------------------------------------------------

    def resource(self, **changes: Any) -> dict[str, Any]:
        self.revision += 1
        users = [
            {"name": name, "verifier": self.verifiers[name], "access": access, "connections": 5}
            for name, access in self.accesses.items()
        ]
        spec = {
            "engine": self.engine,
            "charset": "",
            "connections": 5,
            "state": "serving",
            "clients": [client.address for client in self.clients],
            "users": users,
            "quota_full": False,
            **changes,
        }
        return {"kind": "database", "id": self.name, "revision": self.revision, "state": "present", "spec": spec}

    def apply(self, host: Host | None = None, **changes: Any) -> dict[str, Any]:
        host = host or self.host
        self.hosts[host.name] = host
        [item] = apply(host, self.resource(**changes))
        return item

    def make(self, host: Host | None = None, **changes: Any) -> None:
        item = self.apply(host, **changes)
        assert item["status"] == "ok", item

    def ask(self, host: Host, call: str, /, patience: float = 120, **args: Any) -> dict[str, Any]:
        return ask(host, f"database.{call}", patience, name=self.name, engine=self.engine, **args)

    def step(self, host: Host, call: str, /, **args: Any) -> dict[str, Any]:
        """A verb of the move."""
        return self.ask(host, call, move=self.move_id, **args)

    def throw_away(self) -> None:
        for host in self.hosts.values():
            self.ask(host, "drop", force=True)
            for dump in ask(host, "database.list_dumps")["dumps"]:
                if dump["name"] == self.name:
                    self.ask(host, "drop_dump", dump=dump["label"])

    # --- as a site's application -------------------------------------------------------------------------------------

    def sql(self, text: str, host: Host | None = None, user: str = "", client: Host | None = None, **how: Any) -> str:
        """What the engine's own client says to a statement on a web host; errors too."""
        server, user = (host or self.host).address, user or self.name
        password = how.pop("password", self.passwords[user])
        return run_sql(client or self.clients[0], self.engine, server, self.name, user, password, text, **how)

    def root(self, text: str, host: Host | None = None) -> str:
        """What the server says to its administrator."""
        if self.engine == "mariadb":
            command = ["mariadb", "--batch", "--skip-column-names", self.name]
        else:
            command = ["psql", "--no-psqlrc", "-tA", "-h", "/run/postgresql", "-U", "postgres", self.name]
        return shell(host or self.host, f"{shlex.join(command)} <<'END'\n{text}\nEND")

    def count(self, table: str, host: Host | None = None) -> int:
        return int(self.root(f"SELECT COUNT(*) FROM {table};", host))  # noqa: S608


def shell(host: Host, command: str) -> str:
    """Both outputs of a shell command on the host."""
    return on_host(host.name, "bash", "-c", f"exec 2>&1; {command}", check=False).strip()


def run_sql(
    client: Host, engine: str, server: str, database: str, user: str, password: str, text: str, tls: bool = True
) -> str:
    if engine == "mariadb":
        options = ["--batch", "--skip-column-names", "--connect-timeout=5", f"--host={server}", f"--user={user}"]
        options += ["--skip-ssl-verify-server-cert"] if tls else ["--skip-ssl"]
        command = f"MYSQL_PWD={password} {shlex.join(['mariadb', '--no-defaults', *options, database])}"
    else:
        mode = "require" if tls else "disable"
        place = f"host={server} user={user} dbname={database} connect_timeout=5 sslmode={mode}"
        command = f"PGPASSWORD={password} {shlex.join(['psql', '--no-psqlrc', '-tA', place])}"
    return shell(client, f"{command} <<'END'\n{text}\nEND")


def fill(table: LabDatabase, rows: int) -> None:
    """Rows of 3 KB each."""
    if table.engine == "mariadb":
        made = f"SELECT -seq, REPEAT(MD5(seq), 100) FROM seq_1_to_{rows}"  # noqa: S608
    else:
        table.root("ALTER TABLE w ALTER t SET STORAGE EXTERNAL;")
        made = f"SELECT -g, repeat(md5(g::text), 100) FROM generate_series(1, {rows}) g"  # noqa: S608
    table.root(f"INSERT INTO w(n, t) {made};")
