"""``database_server`` "base": MariaDB and PostgreSQL as this host runs them, and who may reach them."""

from __future__ import annotations

import grp
from typing import TYPE_CHECKING, Any, Dict, List

from .. import fields
from ..databases import boot, certificates, firewall, paths, services
from ..databases import calls as calls  # registers database.*
from ..databases.mariadb import config as mariadb_config
from ..databases.mariadb import service as mariadb
from ..databases.postgresql import config as postgresql_config
from ..databases.postgresql import service as postgresql
from ..errors import Failed, Invalid
from ..paths import Paths
from .base import File, Item, Kind

if TYPE_CHECKING:
    from ..transaction import Transaction

#: What a change of each of these files asks for; anything else is a reload.
_RESTARTS_MARIADB = frozenset({paths.MARIADB_CONFIG})
_RESTARTS_POSTGRESQL = frozenset({paths.POSTGRESQL_CONFIG})


class DatabaseServer(Kind):
    """Spec: ``{"address", "certificate_pem": chain and key, "ca_pem", "clients": [addresses], "peers": [{"name",
    "address"}], "memory_mb"}``.

    ``clients`` are the web hosts, ``peers`` the database hosts (this one may be among them). The certificate serves
    clients at ``address`` and makes this host known to its peers: fit for both, signed by ``ca_pem``.
    """

    name = "database_server"
    roles = frozenset({"database"})
    order = 10
    prunable = False  # the databases live in it
    secrets = frozenset({"certificate_pem"})

    def validate(self, id: str, spec: Dict[str, Any]) -> Dict[str, Any]:
        if id != "base":
            raise Invalid("a database host has one resource of its servers, named base")
        fields.only(
            spec, ("address", "certificate_pem", "ca_pem", "clients", "peers", "memory_mb", "replication_verifiers")
        )
        pem = fields.pem(spec, "certificate_pem", ("CERTIFICATE", "PRIVATE KEY"))
        certificates.split(pem)
        certificates.check_pair(pem)
        peers = fields.list_of(spec, "peers", _peer, max=200)
        if len({peer["name"] for peer in peers}) != len(peers):
            raise Invalid("peers: a name is there twice")
        ours = [peer["address"] for peer in peers if "address" not in spec and boot.is_ours(peer["address"])]
        return {
            "address": fields.ip_address(spec, "address", *ours[:1]),
            "certificate_pem": pem,
            "ca_pem": fields.pem(spec, "ca_pem", ("CERTIFICATE",)),
            "clients": sorted(set(fields.list_of(spec, "clients", fields.ip_address, max=2000))),
            "peers": sorted(peers, key=lambda peer: peer["name"]),
            "memory_mb": fields.integer(spec, "memory_mb", 128, 2**20, 256),
        }

    def files(self, id: str, spec: Dict[str, Any]) -> List[File]:
        chain, key = certificates.split(spec["certificate_pem"])
        address, memory = spec["address"], spec["memory_mb"]
        peers = _peers(spec)
        mysql, postgres = _group(paths.MARIADB_USER), _group(paths.POSTGRESQL_USER)
        drop_in = services.render_drop_in("/usr/bin/python3", Paths().zipapp).encode()
        return [
            File(paths.CERTIFICATE, chain.encode()),
            File(paths.CA, spec["ca_pem"].encode()),
            File(paths.MARIADB_KEY, key.encode(), 0o640, gid=mysql),
            File(paths.POSTGRESQL_KEY, key.encode(), 0o640, gid=postgres),
            File(paths.ADDRESS, f"{address}\n".encode()),
            File(paths.FIREWALL, firewall.render([*spec["clients"], *peers]).encode()),
            File(services.drop_in(paths.MARIADB_UNIT), drop_in),
            File(services.drop_in(paths.postgresql_unit()), drop_in),
            File(paths.MARIADB_CONFIG, mariadb_config.render(address, memory).encode()),
            File(paths.POSTGRESQL_CONFIG, postgresql_config.render(address, memory).encode()),
            File(paths.HBA, postgresql_config.render_hba(peers).encode(), 0o640, gid=postgres),
            File(paths.IDENT, postgresql_config.render_ident().encode(), 0o640, gid=postgres),
        ]

    def apply(self, tx: "Transaction", items: List[Item]) -> None:
        for item in items:
            self._apply(tx, item)

    def _apply(self, tx: "Transaction", item: Item) -> None:
        spec = item.spec
        chain, _key = certificates.split(spec["certificate_pem"])
        certificates.check_purpose(chain, spec["ca_pem"], spec["address"], tx.run)
        tx.mkdir(paths.DIRECTORY)
        tx.mkdir(paths.POSTGRESQL_DIRECTORY)
        for unit in (paths.MARIADB_UNIT, paths.postgresql_unit()):
            tx.mkdir(services.drop_in(unit).rpartition("/")[0])
        mariadb.make_data(tx)
        for file in self.files(item.id, spec):
            tx.write(file)
        postgresql.make_cluster(tx)

        tx.check("nftables", ["nft", "-c", "-f", paths.FIREWALL])
        tx.check("MariaDB", mariadb.check_command())
        tx.check("PostgreSQL", postgresql.check_command())
        tx.reload("nftables", ["nft", "-f", paths.FIREWALL])
        tx.reload("MariaDB", mariadb.restart if _RESTARTS_MARIADB & tx.changed else mariadb.reload, 180)
        tx.reload("PostgreSQL", postgresql.restart if _RESTARTS_POSTGRESQL & tx.changed else postgresql.reload, 180)
        tx.confirm(postgresql.confirm_access)
        tx.confirm(postgresql.set_roles)
        tx.confirm(lambda: mariadb.set_peers(_peers(spec)))
        tx.confirm(self._confirm_enabled)

    @staticmethod
    def _confirm_enabled() -> None:
        for unit in (paths.MARIADB_UNIT, paths.postgresql_unit()):
            if not services.is_active(unit):
                raise Failed(f"{unit} does not run")

    def remove(self, tx: "Transaction", items: List[Item]) -> None:
        raise Invalid("a database host cannot be without its servers")

    def observe(self, id: str, spec: Dict[str, Any]) -> "str | None":
        return mariadb.observe(_peers(spec)) or postgresql.observe() or None


def _peers(spec: Dict[str, Any]) -> List[str]:
    """The addresses of the other database hosts."""
    return sorted({peer["address"] for peer in spec["peers"]} - {spec["address"]})


def _peer(spec: Dict[str, Any], key: str) -> Dict[str, Any]:
    peer = fields.record(spec, key, ("name", "address"))
    return {"name": fields.host_name(peer, "name"), "address": fields.ip_address(peer, "address")}


def _group(name: str) -> int:
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        raise Failed(f"there is no group {name}: the packages of a database host are missing") from None
