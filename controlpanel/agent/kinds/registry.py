"""Which kinds and calls there are, and on hosts of which roles.

Modules are imported for the roles of the host they run on, all at once and at the start: an upgrade replaces the zipapp
under a running agent, which could not import from it afterwards. A module that cannot be imported takes only its own
kinds out of service; the self-test of an upgrade refuses such a zipapp.
"""

from __future__ import annotations

import importlib
from typing import Dict, FrozenSet, Iterable, List, Tuple

from .base import Kind

ROLES = ("edge", "web", "storage", "database", "mail", "directory")

#: Module (in this package) and the roles of the hosts that need it.
MODULES: Tuple[Tuple[str, FrozenSet[str]], ...] = (
    ("nss", frozenset({"web"})),
    ("nginx", frozenset({"web"})),
    ("attachment", frozenset({"web"})),
    ("database_gate", frozenset({"web"})),
    ("database_route", frozenset({"web"})),
    ("site", frozenset({"web"})),
    ("site_logs", frozenset({"web"})),
    ("application", frozenset({"web"})),
    ("edge", frozenset({"edge"})),
    ("acme_challenge", frozenset({"edge"})),
    ("certificate", frozenset({"edge"})),
    ("site_route", frozenset({"edge"})),
    ("room", frozenset({"edge"})),
    ("shield", frozenset({"edge"})),
    ("edge_rules", frozenset({"edge"})),
    ("packet_filter", frozenset({"edge"})),
    ("route", frozenset({"edge"})),
    ("volume", frozenset({"storage"})),
    ("database_server", frozenset({"database"})),
    ("database", frozenset({"database"})),
)


class Registry:
    """The kinds that a host of these roles may hold, by name."""

    def __init__(self, roles: Iterable[str]) -> None:
        self.roles = frozenset(roles)
        self.kinds: Dict[str, Kind] = {}
        #: Modules that are there but cannot be imported, and why.
        self.broken: Dict[str, str] = {}
        for name, needed_by in MODULES:
            if needed_by & self.roles:
                self._load(name)

    def _load(self, name: str) -> None:
        path = f"{__package__}.{name}"
        try:
            module = importlib.import_module(path)
        except ModuleNotFoundError as error:
            if error.name != path:  # else: this release does not have it
                self.broken[name] = f"{type(error).__name__}: {error}"
            return
        except Exception as error:
            self.broken[name] = f"{type(error).__name__}: {error}"
            return
        for value in vars(module).values():
            ours = isinstance(value, type) and issubclass(value, Kind) and value.__module__ == path and value.name
            if ours and value.roles & self.roles:
                self.add(value())

    def add(self, kind: Kind) -> None:
        """Make a kind known (tests bring their own)."""
        self.kinds[kind.name] = kind

    def ascending(self) -> List[Kind]:
        """In the order in which they are applied; removal goes the other way."""
        return sorted(self.kinds.values(), key=lambda kind: (kind.order, kind.name))
