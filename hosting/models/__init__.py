"""What members order, one topic a module."""

from .scale import Placement
from .sites import Domain, HostingOrder, Site, WebBase

__all__ = ["Domain", "HostingOrder", "Placement", "Site", "WebBase"]
