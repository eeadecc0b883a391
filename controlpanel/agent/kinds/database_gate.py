"""``database_gate`` "base": the gate between this host's sites and their databases."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Dict, List

from .. import commands, fields
from ..gate import config, names, paths
from ..gate.changes import changes_of
from ..haproxy import runtime, service
from ..haproxy.changes import RELOAD_TIMEOUT, read
from ..haproxy.paths import GATE
from ..haproxy.paths import UNIT as STOCK_UNIT
from ..haproxy.tables import Table
from .base import File, Item, Kind

if TYPE_CHECKING:
    from ..transaction import Transaction

_WANTED = "/etc/systemd/system/multi-user.target.wants/"


class DatabaseGate(Kind):
    """Spec: ``{"ca_pem": the authorities that database servers' certificates are signed by}``."""

    name = "database_gate"
    roles = frozenset({"web"})
    order = 15
    prunable = False  # without it no site reaches its database

    def validate(self, id: str, spec: Dict[str, Any]) -> Dict[str, Any]:
        fields.one_of({"id": id}, "id", ("base",))
        fields.only(spec, ("ca_pem",))
        return {"ca_pem": fields.pem(spec, "ca_pem", ("CERTIFICATE",))}

    def files(self, id: str, spec: Dict[str, Any]) -> List[File]:
        return [
            File(paths.AUTHORITY, spec["ca_pem"].encode()),
            File(paths.SCRIPT, config.SCRIPT.encode()),
            File(paths.CONFIG, config.CONFIG.encode()),
            File(paths.UNIT_FILE, config.UNIT.encode()),
        ]

    def apply(self, tx: "Transaction", items: List[Item]) -> None:
        for item in items:
            tx.mkdir(os.path.dirname(paths.AUTHORITY))
            tx.mkdir(paths.DIRECTORY)
            tx.on_rollback(lambda: _reload_units(tx))  # undone last, when the files are back
            changes = changes_of(tx)
            known, *configuration = self.files(item.id, item.spec)
            tx.write(known)
            changes.look_over()  # before the test, which reads the map
            changes.configure(configuration)
            _reload_units(tx)
            if {paths.CONFIG, paths.SCRIPT} & tx.changed:
                tx.check("gate", ["haproxy", "-c", "-q", "-f", paths.CONFIG], timeout=RELOAD_TIMEOUT)
            names.put(tx, read(paths.HOSTS), _names(tx.specs("database_route")))
            _retire_stock(tx)

    def remove(self, tx: "Transaction", items: List[Item]) -> None:
        """A host that is no web host any more."""
        if service.is_running(GATE):
            tx.on_rollback(lambda: commands.run(["systemctl", "enable", "--now", GATE.unit]))
            tx.run(["systemctl", "disable", "--now", GATE.unit])
        names.put(tx, read(paths.HOSTS), {})
        super().remove(tx, items)

    def observe_all(self, specs: Dict[str, Dict[str, Any]]) -> Dict[str, str]:
        problem = _problem()
        return {id: problem for id in specs if problem}


def _names(specs: Dict[str, Dict[str, Any]]) -> Dict[str, str]:
    return {id: spec["address"] for id, spec in specs.items()}


def _problem() -> str:
    """What is wrong with the gate as a whole, in words; empty when nothing is."""
    table = Table(read(paths.WAYS))
    if not table.intact:
        return "%s %s" % (paths.WAYS, "was edited by hand" if os.path.exists(paths.WAYS) else "is missing")
    if not service.is_enabled(GATE):
        return "the gate does not start at boot"
    if not service.is_running(GATE):
        return "the gate does not run"
    if sorted(runtime.Process(GATE.admin_socket).rows(paths.WAYS)) != sorted(table):
        return "the running gate has other rows than %s" % paths.WAYS
    return ""


def _reload_units(tx: "Transaction") -> None:
    if paths.UNIT_FILE in tx.changed:
        commands.run(["systemctl", "daemon-reload"])


def _retire_stock(tx: "Transaction") -> None:
    """The package starts a HAProxy of its own, which only an edge has work for."""
    if tx.spec("edge", "base") is None and os.path.lexists(_WANTED + STOCK_UNIT):
        tx.run(["systemctl", "disable", "--now", STOCK_UNIT])
