"""Where an edge differs from what was applied to it, beyond the files of single resources."""

from __future__ import annotations

import os
from typing import Any, Dict, List

from ..errors import Failed
from . import config, paths, rows, runtime, service
from .changes import fingerprint, read
from .tables import Table


def of_edge() -> str:
    """What is wrong with HAProxy as a whole, in words; empty when nothing is."""
    problems: List[str] = []
    tables = {path: Table(read(path)) for path in rows.TABLES}
    problems += [
        "%s was edited by hand" % path if os.path.exists(path) else "%s is missing" % path
        for path, table in tables.items()
        if not table.intact
    ]
    if not os.path.exists(paths.FALLBACK_CERTIFICATE):
        problems.append("the certificate for unknown names is missing")
    if not service.is_enabled():
        problems.append("HAProxy does not start at boot")
    if not service.is_running():
        return "; ".join([*problems, "HAProxy does not run"])
    for port in (80, 443):
        if service.listeners(port) > 1:
            problems.append("another program listens on port %d too" % port)
    known = {paths.backend_name(host) for host in config.backends_in(read(paths.CONFIG).decode(errors="replace"))}
    lost = sum(backend not in known for _, backend in tables[paths.BACKENDS])
    lost += sum("." in key and backend not in known for key, backend in tables[paths.SPREAD])
    if lost:
        problems.append("%d sites lead to web hosts that are not in %s" % (lost, paths.CONFIG))
    process = runtime.Process()
    for path in paths.ALL_MAPS:
        running = sorted(process.rows(path))
        if running != sorted(tables[path]):
            problems.append("the running HAProxy has other rows than %s" % path)
    if process.listed_certificates() != dict(tables[paths.CERTIFICATE_LIST]):
        problems.append("the running HAProxy offers other certificates than %s" % paths.CERTIFICATE_LIST)
    return "; ".join(problems)


def of_rows(wanted: Dict[str, rows.TableRows], of: paths.Instance = paths.EDGE) -> Dict[str, str]:
    """Which resources' rows are wrong, in the files or in the running process."""
    found: Dict[str, str] = {}
    process = runtime.Process(of.admin_socket)
    for path in sorted({path for tables in wanted.values() for path in tables}):
        on_disk = dict(Table(read(path), trust=True))
        try:
            running = dict(process.rows(path))
        except Failed as error:
            return dict.fromkeys(wanted, error.reason)
        for id, tables in wanted.items():
            for key, value in tables.get(path, {}).items():
                if on_disk.get(key) != value:
                    found[id] = "its row in %s is %s" % (path, _words(on_disk.get(key), value))
                elif running.get(key) != value:
                    found[id] = "the running HAProxy has for it %s" % _words(running.get(key), value)
    return found


def of_certificates(specs: Dict[str, Dict[str, Any]]) -> Dict[str, str]:
    """Which certificates the running process has not, or has otherwise."""
    found: Dict[str, str] = {}
    process = runtime.Process()
    for id, spec in specs.items():
        running = process.fingerprint(paths.certificate_path(id))
        if running != fingerprint(spec["pem"]):
            found[id] = "the running HAProxy has %s" % ("another certificate" if running else "no certificate")
    return found


def _words(value: Any, wanted: Any) -> str:
    if value is None:
        return "missing"
    return "other than it should be" if wanted is not None else "there and should not be"
