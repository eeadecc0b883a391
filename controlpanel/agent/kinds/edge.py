"""``edge`` "base": HAProxy's configuration, its pages, and one backend for each web host."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Dict, List, Set

from .. import fields
from ..errors import Failed, Invalid
from ..haproxy import away, config, drift, paths, runtime, service
from ..haproxy import calls as calls  # registers edge.probe and edge.stats
from ..haproxy import hold as hold  # registers edge.drain
from ..haproxy import probes as probes  # registers edge.probe_many
from ..haproxy.changes import RELOAD_TIMEOUT, changes_of
from .base import File, Item, Kind

if TYPE_CHECKING:
    from ..transaction import Transaction


class Edge(Kind):
    """Spec: ``{"backends": [{"name": host name, "address": IP address}, …]}``; ``"away": true`` for one given up."""

    name = "edge"
    roles = frozenset({"edge"})
    order = 10
    prunable = False  # without it nothing is served; an edge that is no edge any more is taken down by hand

    def validate(self, id: str, spec: Dict[str, Any]) -> Dict[str, Any]:
        if id != "base":
            raise Invalid("an edge has one resource, named base")
        fields.only(spec, ("backends",))
        backends = fields.list_of(spec, "backends", _backend, max=1000)
        names = [backend["name"] for backend in backends]
        if len(set(names)) != len(names):
            raise Invalid("backends: a name is there twice")
        return {"backends": sorted(backends, key=lambda backend: backend["name"])}

    def files(self, id: str, spec: Dict[str, Any]) -> List[File]:
        hosts = [config.WebHost(backend["name"], backend["address"]) for backend in spec["backends"]]
        pages = {**config.page_files(), **config.programs()}
        return [
            *(File(path, pages[path].encode()) for path in sorted(pages)),
            File(paths.CONFIG, config.render(hosts, service.has_ipv6()).encode()),
        ]

    def apply(self, tx: "Transaction", items: List[Item]) -> None:
        for item in items:
            for directory in (paths.DIRECTORY, paths.PAGES, paths.MAPS):
                tx.mkdir(directory)
            tx.mkdir(paths.CERTIFICATES, 0o700)
            if not os.path.exists(paths.FALLBACK_CERTIFICATE):
                self._make_fallback_certificate(tx)
            changes = changes_of(tx)
            lost = self._still_used(tx, item)
            if lost:
                item.failure = Failed("sites still lead to " + ", ".join(sorted(lost)))
            else:
                changes.configure(self.files(item.id, item.spec))
                if paths.CONFIG in tx.changed:
                    tx.check("haproxy", ["haproxy", "-c", "-q", "-f", paths.CONFIG], timeout=RELOAD_TIMEOUT)
            changes.look_over()
            if item.failure is None:
                tx.on_rollback(lambda item=item: _give_up(item.previous or {}))  # type: ignore[misc]
                tx.confirm(lambda item=item: _give_up(item.spec))  # type: ignore[misc]

    @staticmethod
    def _still_used(tx: "Transaction", item: Item) -> "Set[str]":
        """Web hosts that are to go while sites would still lead to them."""
        before = (item.previous or {}).get("backends", [])
        gone = {backend["name"] for backend in before} - {backend["name"] for backend in item.spec["backends"]}
        used = [{spec["backend"], *spec.get("more", ())} for spec in tx.specs("site_route").values()]
        return gone and gone & set().union(*used)

    def remove(self, tx: "Transaction", items: List[Item]) -> None:
        raise Invalid("an edge cannot be without its configuration")

    def observe_all(self, specs: Dict[str, Dict[str, Any]]) -> Dict[str, str]:
        problem = drift.of_edge()
        found = {id: problem for id in specs if problem}
        for id, spec in specs.items():
            if id not in found and away.given_up(runtime.Process()) != _away(spec):
                found[id] = "HAProxy has given up other web hosts than it should"
        return found

    @staticmethod
    def _make_fallback_certificate(tx: "Transaction") -> None:
        """A self-signed one for names that have none: visitors get a warning, then the page that says what is wrong."""
        reason = "the certificate for unknown names cannot be made"
        key = tx.run(["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"], reason=reason)
        request = ["openssl", "req", "-x509", "-key", "/dev/stdin", "-days", "3650", "-subj", "/O=No such site"]
        certificate = tx.run(request, input=key.encode(), reason=reason)
        tx.write(File(paths.FALLBACK_CERTIFICATE, (certificate + key).encode(), 0o600))


def _backend(spec: Dict[str, Any], key: str) -> Dict[str, Any]:
    backend = fields.record(spec, key, ("name", "address", "away"))
    away = fields.boolean(backend, "away", False)
    return {
        "name": fields.host_name(backend, "name"),
        "address": fields.ip_address(backend, "address"),
        **({"away": True} if away else {}),
    }


def _away(spec: Dict[str, Any]) -> "Set[str]":
    return {backend["name"] for backend in spec.get("backends", ()) if backend.get("away")}


def _give_up(spec: Dict[str, Any]) -> None:
    away.settle({backend["name"]: backend["address"] for backend in spec.get("backends", ())}, _away(spec))
