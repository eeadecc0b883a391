"""PostgreSQL and Redis for the panel itself, and what stands for the internet."""

from typing import TYPE_CHECKING

from ..credentials import secrets_of
from ..process import wait_until
from . import internet

if TYPE_CHECKING:
    from ..machine import Machine

_POSTGRESQL = """\
# The host has one address and its loopback; pg_hba.conf says who may come in.
listen_addresses = '*'
password_encryption = scram-sha-256
max_connections = 200
"""

_CLIENTS = """\
# Administration on the host itself, and the panel from the lab's gateway.
local all postgres peer
host all controlpanel {gateway}/32 scram-sha-256
host all controlpanel 127.0.0.1/32 scram-sha-256
"""

_REDIS = """\
# Read after Debian's own settings; the last word wins.
bind *
requirepass {password}
save ""
"""


def provision(machine: "Machine") -> None:
    """A database of the panel's own (it may make others, for tests), and a Redis that asks for a password."""
    secrets = secrets_of(machine.lab)
    _postgresql(machine, secrets["database_password"])
    _redis(machine, secrets["redis_password"])
    internet.provision(machine)


def wait_until_ready(machine: "Machine") -> None:
    is_ready = ["pg_isready", f"--host={machine.address}"]
    wait_until("PostgreSQL answers", lambda: _says(machine, is_ready, "accepting connections"), timeout=60)
    wait_until("Redis answers", lambda: _says(machine, ["redis-cli", "ping"], "NOAUTH"), timeout=30)
    internet.wait_until_ready(machine)


def _postgresql(machine: "Machine", password: str) -> None:
    machine.run(["pg_createcluster", "17", "main", "--locale=C.UTF-8", "--encoding=UTF8", "--", "--data-checksums"])
    configuration = "/etc/postgresql/17/main"
    machine.write(f"{configuration}/conf.d/lab.conf", _POSTGRESQL, owner="postgres:postgres")
    clients = _CLIENTS.format(gateway=machine.lab.gateway)
    machine.write(f"{configuration}/pg_hba.conf", clients, mode=0o640, owner="postgres:postgres")
    machine.run(["systemctl", "enable", "postgresql.service"])
    machine.run(["systemctl", "start", "postgresql@17-main.service"])
    psql = ["runuser", "-u", "postgres", "--", "psql", "--quiet", "--set=ON_ERROR_STOP=1"]
    # The password is one of ours, URL-safe letters only, so it needs no quoting; it goes by standard input, not argv.
    machine.run(psql, input=f"CREATE ROLE controlpanel LOGIN CREATEDB PASSWORD '{password}';\n")
    machine.run(psql, input="CREATE DATABASE controlpanel OWNER controlpanel;\n")


def _redis(machine: "Machine", password: str) -> None:
    machine.write("/etc/redis/lab.conf", _REDIS.format(password=password), mode=0o640, owner="root:redis")
    machine.run(["tee", "--append", "/etc/redis/redis.conf"], input="include /etc/redis/lab.conf\n")
    machine.run(["systemctl", "enable", "--now", "redis-server.service"])


def _says(machine: "Machine", argv: list[str], answer: str) -> bool:
    return answer in machine.run(argv, check=False)
