"""MariaDB as a service of this host."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Iterable, List

from ...errors import Failed
from .. import paths, services
from .connection import Session, account, session

if TYPE_CHECKING:
    from ...transaction import Transaction

#: By this account other database hosts read our binary log, and what they are to copy (granted for the time of a move).
REPLICATION = "controlpanel_replication"


def make_data(tx: "Transaction") -> None:
    """The system tables, where the package's installation did not make them."""
    if os.path.isdir(f"{paths.MARIADB_DATA}/mysql"):
        return
    tx.run(
        ["mariadb-install-db", f"--user={paths.MARIADB_USER}", "--skip-test-db", "--rpm", "--no-defaults"],
        timeout=120,
        reason="MariaDB's system tables cannot be made",
    )


def check_command() -> List[str]:
    """Reads all settings, and ends with an error for one that it does not know."""
    return ["mariadbd", f"--user={paths.MARIADB_USER}", "--verbose", "--help"]


def restart() -> None:
    services.restart(paths.MARIADB_UNIT, paths.MARIADB_UNIT)
    wait()


def reload() -> None:
    """Take a new certificate; or start, when it does not run."""
    try:
        with session(10) as server:
            server.do("FLUSH SSL")
    except Failed:
        restart()


def wait() -> None:
    services.wait("MariaDB", lambda: session_answers(10))


def session_answers(timeout: float) -> str:
    """The version of the server that answers: "11.8.3-MariaDB…". Raises Failed."""
    with session(timeout) as server:
        row = server.one("SELECT VERSION()")
        return str(row[0]) if row else ""


def set_peers(addresses: Iterable[str]) -> None:
    """Exactly these database hosts may read our binary log, with a certificate and nothing else."""
    with session() as server:
        wanted = set(addresses)
        for host in replication_hosts(server) - wanted:
            server.do(f"DROP USER IF EXISTS {account(REPLICATION, host)}")
        for host in sorted(wanted):
            who = account(REPLICATION, host)
            # No password: an empty one is let in, with a certificate that our authority made for such a host.
            server.do(f"CREATE USER IF NOT EXISTS {who} IDENTIFIED VIA mysql_native_password USING '' REQUIRE X509")
            server.do(f"ALTER USER {who} IDENTIFIED VIA mysql_native_password USING '' REQUIRE X509 ACCOUNT UNLOCK")
            server.do(f"GRANT REPLICATION SLAVE, BINLOG MONITOR ON *.* TO {who}")
        # What a package or an older release may have made and nobody needs.
        server.do("DELETE FROM mysql.global_priv WHERE User = ''")
        server.do("FLUSH PRIVILEGES")


def replication_hosts(server: Session) -> "set[str]":
    return {str(row[0]) for row in server.rows("SELECT Host FROM mysql.global_priv WHERE User = %s", REPLICATION)}


def observe(peers: Iterable[str]) -> str:
    """What is wrong with the running server; empty when nothing is."""
    if not services.is_active(paths.MARIADB_UNIT):
        return "MariaDB does not run"
    if not services.is_enabled(paths.MARIADB_UNIT):
        return "MariaDB does not start at boot"
    with session(10) as server:
        row = server.one("SELECT @@require_secure_transport, @@have_ssl, @@log_bin, @@binlog_format")
        if row is None or [str(value) for value in row] != ["1", "YES", "1", "ROW"]:
            return "MariaDB runs with other settings"
        if replication_hosts(server) != set(peers):
            return "MariaDB lets other hosts replicate"
    return ""


def tool(program: str) -> List[str]:
    """A client program, run as the server's own user with no settings but what we give it."""
    user = paths.MARIADB_USER
    return [*commands_as(user), program, "--no-defaults"]


def commands_as(user: str) -> List[str]:
    return ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", "--"]
