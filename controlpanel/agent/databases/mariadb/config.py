"""MariaDB's settings: a pure function of the host's own."""

from __future__ import annotations

import ipaddress

from .. import paths

_SETTINGS = """\
# Written by the control panel's agent; what stands here is overwritten. Own settings: in a file that sorts after this.
[mariadbd]
bind_address = {address}
port = {port}
socket = {socket}
datadir = {data}
skip_name_resolve = ON

require_secure_transport = ON
tls_version = TLSv1.2,TLSv1.3
ssl_cert = {certificate}
ssl_key = {key}
ssl_ca = {ca}

# Databases move by row replication from a position in the log, each in a channel of its own. Positions, not GTIDs:
# two databases that leave the same host would share one GTID domain.
server_id = {server_id}
log_bin = binlog
binlog_format = ROW
binlog_row_image = FULL
binlog_row_metadata = MINIMAL
expire_logs_days = 0
binlog_expire_logs_seconds = 172800
max_binlog_size = 128M
log_slave_updates = OFF
relay_log = relay
slave_net_timeout = 10
# After a crash the panel looks where it was and begins again; nothing starts by itself.
skip_slave_start = ON

# What was acknowledged survives a power cut.
sync_binlog = 1
innodb_flush_log_at_trx_commit = 1

# Events would run on a locked copy too.
event_scheduler = DISABLED
local_infile = OFF
character_set_server = utf8mb4
max_allowed_packet = 64M
max_connections = 500
innodb_buffer_pool_size = {buffer}M
innodb_log_file_size = 128M
performance_schema = OFF
"""


def server_id(address: str) -> int:
    """Tells this server from all others: its IPv4 address, or 32 bits of its IPv6 address."""
    return int(ipaddress.ip_address(address)) % 2**32 or 1


def render(address: str, memory_mb: int) -> str:
    return _SETTINGS.format(
        address=address,
        port=paths.MARIADB_PORT,
        socket=paths.MARIADB_SOCKET,
        data=paths.MARIADB_DATA,
        certificate=paths.CERTIFICATE,
        key=paths.MARIADB_KEY,
        ca=paths.CA,
        server_id=server_id(address),
        buffer=max(64, memory_mb // 2),
    )
