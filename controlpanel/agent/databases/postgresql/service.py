"""PostgreSQL as a service of this host: one cluster, "main", of the newest version."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, List

from ... import commands
from ...errors import Failed
from .. import paths, services
from .config import READER, REPLICATION
from .connection import Session, session

if TYPE_CHECKING:
    from ...transaction import Transaction

_ENABLE = "postgresql.service"


def make_cluster(tx: "Transaction") -> None:
    """The cluster, where the package's installation did not make it; and that it reads our settings."""
    version = paths.postgresql_version()
    if not os.path.exists(paths.cluster_configuration()):
        make = ["pg_createcluster", version, paths.CLUSTER, "--locale=C.UTF-8", "--encoding=UTF8"]
        tx.run([*make, "--", "--data-checksums"], timeout=120, reason="PostgreSQL's cluster cannot be made")
    if not reads_our_settings():
        conftool = ["pg_conftool", version, paths.CLUSTER]
        tx.run([*conftool, "set", "include_dir", paths.POSTGRESQL_DIRECTORY])
        tx.on_rollback(lambda: commands.run([*conftool, "set", "include_dir", "conf.d"]))


def reads_our_settings() -> bool:
    try:
        with open(paths.cluster_configuration()) as file:
            return any(line.split("#")[0].strip() == f"include_dir = '{paths.POSTGRESQL_DIRECTORY}'" for line in file)
    except FileNotFoundError:
        return False


def check_command() -> List[str]:
    """Reads all settings, and ends with an error for one that it does not know."""
    return [
        *as_server(),
        paths.postgresql_program("postgres"),
        "-D",
        paths.cluster_data(),
        "-c",
        f"config_file={paths.cluster_configuration()}",
        "-C",
        "listen_addresses",
    ]


def as_server() -> List[str]:
    """What makes a program run as the server's own user."""
    user = paths.POSTGRESQL_USER
    return ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", "--"]


def restart() -> None:
    services.restart(paths.postgresql_unit(), _ENABLE)
    wait()


def reload() -> None:
    """Take new certificates and rules of access; or start, when it does not run."""
    try:
        with session(timeout=10) as server:
            server.do("SELECT pg_reload_conf()")
    except Failed:
        restart()


def wait() -> None:
    services.wait("PostgreSQL", lambda: session_answers(10))


def session_answers(timeout: float) -> str:
    """The version of the server that answers: "17.6 …". Raises Failed."""
    with session(timeout=timeout) as server:
        row = server.one("SELECT current_setting('server_version')")
        return str(row[0]) if row else ""


def confirm_access() -> None:
    """The rules of access as PostgreSQL reads them from the files now. Raises Failed for one that it does not."""
    with session() as server:
        bad = server.rows("SELECT line_number, error FROM pg_hba_file_rules WHERE error IS NOT NULL")
        bad += server.rows("SELECT line_number, error FROM pg_ident_file_mappings WHERE error IS NOT NULL")
        if bad:
            raise Failed("PostgreSQL does not read its rules of access", str(bad[:5]))


def set_roles() -> None:
    """Our own roles; and nobody else's business with the databases that came with the cluster."""
    with session() as server:
        have = {row[0] for row in server.rows("SELECT rolname FROM pg_roles")}
        for role in (READER, REPLICATION):
            if role not in have:
                server.do(server.named("CREATE ROLE {} LOGIN", role))
        attributes = "NOSUPERUSER NOCREATEDB NOCREATEROLE INHERIT LOGIN PASSWORD NULL"
        server.do(server.named(f"ALTER ROLE {{}} {attributes} NOREPLICATION BYPASSRLS", READER))
        server.do(server.named(f"ALTER ROLE {{}} {attributes} REPLICATION BYPASSRLS", REPLICATION))
        server.do(server.named("GRANT pg_read_all_data TO {}, {}", READER, REPLICATION))
        for role in (READER, REPLICATION):  # a dump asks for large objects one by one, which that right does not cover
            server.do(server.named("ALTER ROLE {} SET lo_compat_privileges = on", role))
        # How far its copy is: told to nobody else, not even of one's own connections.
        server.do(server.named("GRANT pg_read_all_stats TO {}", REPLICATION))
        server.do("REVOKE ALL ON DATABASE postgres, template1 FROM PUBLIC")
        server.do(server.named("GRANT CONNECT ON DATABASE postgres TO {}", REPLICATION))


def observe() -> str:
    """What is wrong with the running server; empty when nothing is."""
    if not services.is_active(paths.postgresql_unit()):
        return "PostgreSQL does not run"
    if not services.is_enabled(_ENABLE):
        return "PostgreSQL does not start at boot"
    if not reads_our_settings():
        return "PostgreSQL does not read the panel's settings"
    with session(timeout=10) as server:
        row = server.one("SELECT current_setting('ssl'), current_setting('wal_level'), current_setting('hba_file')")
        if row != ("on", "logical", paths.HBA):
            return "PostgreSQL runs with other settings"
        if pending(server):
            return "PostgreSQL has not taken all settings"
    return ""


def pending(server: Session) -> bool:
    return bool(server.rows("SELECT 1 FROM pg_settings WHERE pending_restart"))
