"""What members order, one topic a module."""

from .sites import Domain, HostingOrder, Site, WebBase

__all__ = ["Domain", "HostingOrder", "Site", "WebBase"]
