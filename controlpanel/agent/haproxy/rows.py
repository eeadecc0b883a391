"""Which rows of which tables a resource stands for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable, Dict, Iterable, Optional, Tuple

from . import edge_rules_rows, hold, paths, rooms, shield, spread

if TYPE_CHECKING:
    from ..transaction import Transaction

Spec = Dict[str, Any]
#: Table to key to value (None: no such row).
TableRows = Dict[str, Dict[str, Optional[str]]]


def of_route(id: str, spec: Optional[Spec]) -> TableRows:
    """``id`` is the name; a spec of None stands for an absent resource."""
    return {
        paths.HOSTS: {id: str(spec["site"]) if spec else None},
        paths.REDIRECTS: {id: spec.get("redirect_to") if spec else None},
    }


def of_site_route(id: str, spec: Optional[Spec]) -> TableRows:
    """``id`` is the site's."""
    spread_rows = spread.rows(id, spec)
    return {
        paths.BACKENDS: {id: paths.backend_name(spec["backend"]) if spec else None},
        **({paths.SPREAD: spread_rows} if spread_rows else {}),
        paths.MODES: {id: hold.row(spec) if spec and spec["mode"] != "normal" else None},
    }


def of_certificate(id: str, spec: Optional[Spec]) -> TableRows:
    """Its file, and for which names it is offered: never for others that stand in it, which may be others' names."""
    return {paths.CERTIFICATE_LIST: {paths.certificate_path(id): " ".join(spec["names"]) if spec is not None else None}}


def of_acme_challenge(id: str, spec: Optional[Spec], previous: Optional[Spec] = None) -> TableRows:
    """``id`` is the name's; the row of an earlier token goes."""
    gone: Dict[str, Optional[str]] = {previous["token"]: None} if previous else {}
    return {paths.CHALLENGES: {**gone, **({spec["token"]: spec["answer"]} if spec else {})}}


def of_room(id: str, spec: Optional[Spec], previous: Optional[Spec] = None) -> TableRows:
    """``id`` is the site's."""
    gone: Dict[str, Optional[str]] = dict.fromkeys(rooms.row(id, previous)) if previous else {}
    return {paths.ROOMS: {**gone, **(rooms.row(id, spec) if spec else {})}}


def of_shield(id: str, spec: Optional[Spec], previous: Optional[Spec] = None) -> TableRows:
    """``id`` is the site's, or "all". Rows that only ``previous`` had are taken away."""
    found: TableRows = {paths.SHIELDS: {id: None}, paths.SHIELD_NETWORKS: {}, paths.SHIELD_PATHS: {}}
    for one, present in ((previous, False), (spec, True)):
        if one:
            networks = shield.network_rows(id, one["blocked"], one["trusted"])
            for table, rows in (
                (paths.SHIELDS, {id: shield.row(one)}),
                (paths.SHIELD_NETWORKS, networks),
                (paths.SHIELD_PATHS, shield.path_rows(id, one["open_paths"])),
            ):
                found[table].update(rows if present else dict.fromkeys(rows))
    return found


def of_shield_key(id: str, spec: Optional[Spec]) -> TableRows:
    return {paths.SHIELD_KEY: {"key": spec["key"] if spec else None}}


def of_edge_rules(id: str, spec: Optional[Spec], previous: Optional[Spec] = None) -> TableRows:
    """``id`` is the site's. Of what ``previous`` had, only what differs."""
    return edge_rules_rows.changed(id, spec, previous)


def of_edge_rules_key(id: str, spec: Optional[Spec]) -> TableRows:
    return {paths.EDGE_RULES_KEY: {"key": spec["key"] if spec else None}}


#: Table to the kind whose resources fill it, and what one of them stands for.
Sources = Dict[str, Tuple[str, Callable[[str, Optional[Spec]], TableRows]]]
#: Table to the kind whose resources fill it.
_SOURCES: Sources = {
    paths.HOSTS: ("route", of_route),
    paths.REDIRECTS: ("route", of_route),
    paths.BACKENDS: ("site_route", of_site_route),
    paths.SPREAD: ("site_route", of_site_route),
    paths.MODES: ("site_route", of_site_route),
    paths.ROOMS: ("room", of_room),
    paths.SHIELDS: ("shield", of_shield),
    paths.SHIELD_NETWORKS: ("shield", of_shield),
    paths.SHIELD_PATHS: ("shield", of_shield),
    paths.SHIELD_KEY: ("shield_key", of_shield_key),
    paths.EDGE_RULES_KEY: ("edge_rules_key", of_edge_rules_key),
    **{table: ("edge_rules", of_edge_rules) for table in paths.ALL_EDGE_RULES if table != paths.EDGE_RULES_KEY},
    paths.CERTIFICATE_LIST: ("certificate", of_certificate),
    paths.CHALLENGES: ("acme_challenge", of_acme_challenge),
}
TABLES = tuple(_SOURCES)


def merge(parts: Iterable[TableRows]) -> TableRows:
    """The rows of many resources, by table."""
    merged: TableRows = {}
    for part in parts:
        for table, rows in part.items():
            merged.setdefault(table, {}).update(rows)
    return merged


def all_of(table: str, tx: "Transaction", sources: "Optional[Sources]" = None) -> Dict[str, str]:
    """The whole table as it should be after the transaction, from what the agent has applied."""
    kind, rows_of = (sources or _SOURCES)[table]
    # The first certificate is what visitors get for a name that has none.
    found: Dict[str, str] = {paths.FALLBACK_CERTIFICATE: ""} if table == paths.CERTIFICATE_LIST else {}
    for id, spec in tx.specs(kind).items():
        for key, value in rows_of(id, spec).get(table, {}).items():
            if value is not None:
                found[key] = value
    return found
