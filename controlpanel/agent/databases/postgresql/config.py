"""PostgreSQL's settings, and who may connect: pure functions."""

from __future__ import annotations

import ipaddress
from typing import Iterable, List

from .. import paths
from ..names import Database

#: Looks into databases, from this host only. Not a superuser: what members made may run when it is looked at.
READER = "controlpanel_reader"
#: Copies from other database hosts, which it knows by their certificates.
REPLICATION = "controlpanel_replication"

_SETTINGS = """\
# Written by the control panel's agent; what stands here is overwritten.
listen_addresses = '{address}'
port = {port}
unix_socket_directories = '{sockets}'
hba_file = '{hba}'
ident_file = '{ident}'

ssl = on
ssl_min_protocol_version = 'TLSv1.2'
ssl_cert_file = '{certificate}'
ssl_key_file = '{key}'
ssl_ca_file = '{ca}'
password_encryption = 'scram-sha-256'

# Databases move by logical replication.
wal_level = logical
max_wal_senders = 60
max_replication_slots = 60
max_logical_replication_workers = 60
max_sync_workers_per_subscription = 2
max_worker_processes = 70
wal_receiver_status_interval = 1s
wal_retrieve_retry_interval = 500ms
# A copy is not where its source is before it is on its disk: what it waits for when it has caught up.
wal_writer_delay = 10ms
wal_sender_timeout = 20s
wal_receiver_timeout = 20s
# A target that is gone for good must not fill the disk of the source.
max_slot_wal_keep_size = 16GB

max_connections = 300
tcp_keepalives_idle = 30
tcp_keepalives_interval = 10
tcp_keepalives_count = 3
shared_buffers = {buffer}MB
"""

_HBA = """\
# Written by the control panel's agent. The host itself by the user of the operating system; other database hosts by
# their certificates; members' users from web hosts by password.
local all postgres peer map=controlpanel
local all {reader} peer map=controlpanel
local all "/^owner_db[0-9]+$" peer map=controlpanel
include_if_exists {databases}
"""

_IDENT = """\
# Written by the control panel's agent.
controlpanel root postgres
controlpanel postgres postgres
controlpanel root {reader}
controlpanel postgres {reader}
controlpanel root "/^owner_db[0-9]+$"
controlpanel postgres "/^owner_db[0-9]+$"
"""


def render(address: str, memory_mb: int) -> str:
    return _SETTINGS.format(
        address=address,
        port=paths.POSTGRESQL_PORT,
        sockets=paths.POSTGRESQL_SOCKETS,
        hba=paths.HBA,
        ident=paths.IDENT,
        certificate=paths.CERTIFICATE,
        key=paths.POSTGRESQL_KEY,
        ca=paths.CA,
        buffer=max(32, memory_mb // 4),
    )


def render_ident() -> str:
    return _IDENT.format(reader=READER)


def render_hba(peers: Iterable[str]) -> str:
    """Who may connect at all; members' users stand in the file that it includes."""
    lines: List[str] = [_HBA.format(reader=READER, databases=paths.HBA_DATABASES)]
    for address in sorted(set(peers)):
        lines.append(f"hostssl all {REPLICATION} {_network(address)} trust clientcert=verify-ca\n")
    return "".join(lines)


def render_databases(databases: Iterable[Database]) -> str:
    """Which users may connect to which database from where. Whether they may just now is said by their roles."""
    lines: List[str] = ["# Written by the control panel's agent.\n"]
    for database in sorted(databases, key=lambda database: database.name):
        if database.engine != "postgresql" or not database.users:
            continue
        users = ",".join(f'"{user.name}"' for user in database.users)
        lines += [
            f'hostssl "{database.name}" {users} {_network(address)} scram-sha-256\n' for address in database.clients
        ]
    return "".join(lines)


def _network(address: str) -> str:
    return f"{address}/{ipaddress.ip_address(address).max_prefixlen}"
