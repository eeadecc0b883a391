"""What members order, one topic a module."""

from .applications import Application
from .databases import Database, DatabaseDump, DatabaseServer, DatabaseUser, GateBase
from .quarantine import Evidence, Quarantine
from .scale import Placement
from .sites import Domain, HostingOrder, Site, WebBase

__all__ = [
    "Application",
    "Database",
    "DatabaseDump",
    "DatabaseServer",
    "DatabaseUser",
    "Domain",
    "Evidence",
    "GateBase",
    "HostingOrder",
    "Placement",
    "Quarantine",
    "Site",
    "WebBase",
]
