"""Where the servers' own things are, and ours."""

from __future__ import annotations

import os
import re

from ..errors import Failed

#: Root's. Keys in it can be read by the one server that needs them.
DIRECTORY = "/etc/controlpanel/databases"
CA = f"{DIRECTORY}/ca.pem"
CERTIFICATE = f"{DIRECTORY}/certificate.pem"
FIREWALL = f"{DIRECTORY}/firewall.nft"
#: For the wait at boot (``agent.pyz database-boot``).
ADDRESS = f"{DIRECTORY}/address"

MARIADB_UNIT = "mariadb.service"
MARIADB_SOCKET = "/run/mysqld/mysqld.sock"
MARIADB_DATA = "/var/lib/mysql"
MARIADB_CONFIG = "/etc/mysql/mariadb.conf.d/90-controlpanel.cnf"
MARIADB_KEY = f"{DIRECTORY}/mariadb.key"
MARIADB_USER = "mysql"

POSTGRESQL_SOCKETS = "/run/postgresql"
POSTGRESQL_DIRECTORY = f"{DIRECTORY}/postgresql"
POSTGRESQL_CONFIG = f"{POSTGRESQL_DIRECTORY}/controlpanel.conf"
POSTGRESQL_KEY = f"{DIRECTORY}/postgresql.key"
#: Not in POSTGRESQL_DIRECTORY, of which every *.conf is read as settings.
HBA = f"{DIRECTORY}/pg_hba.conf"
HBA_DATABASES = f"{DIRECTORY}/pg_hba_databases.conf"
IDENT = f"{DIRECTORY}/pg_ident.conf"
POSTGRESQL_USER = "postgres"
CLUSTER = "main"

#: Last dumps and kept ones. Root only.
DUMPS = "/var/lib/controlpanel/dumps"
#: What moves have done to databases of this host. Root only.
MARKS = "/var/lib/controlpanel/databases"
#: One file a database: whoever copies, restores or drops it holds it.
LOCKS = "/run/controlpanel/databases"

MARIADB_PORT, POSTGRESQL_PORT = 3306, 5432

_POSTGRESQL_HOME = "/usr/lib/postgresql"


def postgresql_version() -> str:
    """The newest PostgreSQL that is installed: "17". Raises Failed."""
    try:
        found = [name for name in os.listdir(_POSTGRESQL_HOME) if re.match(r"\A[0-9]{2}\Z", name)]
    except FileNotFoundError:
        found = []
    found = [name for name in found if os.path.exists(f"{_POSTGRESQL_HOME}/{name}/bin/postgres")]
    if not found:
        raise Failed("PostgreSQL is not installed")
    return max(found)


def postgresql_program(name: str) -> str:
    """A program of that version: past Debian's wrappers, which cost 50 ms a start."""
    return f"{_POSTGRESQL_HOME}/{postgresql_version()}/bin/{name}"


def postgresql_unit() -> str:
    return f"postgresql@{postgresql_version()}-{CLUSTER}.service"


def cluster_configuration() -> str:
    return f"/etc/postgresql/{postgresql_version()}/{CLUSTER}/postgresql.conf"


def cluster_data() -> str:
    return f"/var/lib/postgresql/{postgresql_version()}/{CLUSTER}"
