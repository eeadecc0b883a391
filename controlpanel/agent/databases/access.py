"""The rules of who may reach which PostgreSQL database, as one file of all that this host holds."""

from __future__ import annotations

import grp
from typing import TYPE_CHECKING, Any, Dict

from .. import disk
from ..kinds.base import File
from . import names, paths
from .postgresql import config, service

if TYPE_CHECKING:
    from ..transaction import Transaction


def file(specs: Dict[str, Dict[str, Any]]) -> File:
    content = config.render_databases(names.parse(name, spec) for name, spec in specs.items())
    group = grp.getgrnam(paths.POSTGRESQL_USER).gr_gid
    return File(paths.HBA_DATABASES, content.encode(), 0o640, gid=group)


def write(tx: "Transaction", specs: Dict[str, Dict[str, Any]]) -> None:
    """Write it, and let the server read it."""
    if tx.write(file(specs)):
        tx.reload("PostgreSQL's access", service.reload)
        tx.confirm(service.confirm_access)


def difference(specs: Dict[str, Dict[str, Any]]) -> "str | None":
    return disk.difference(file(specs))
