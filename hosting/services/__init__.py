"""Writes of hosting, one topic a module: each validates, writes the intent and starts its operation."""

from .scale import intend_size, leave_host, promote, scale_site, settle_hosts, switch, switch_back, without_host
from .sites import (
    DEFAULT_WORKERS,
    LEAST_WORKERS,
    MOST_WORKERS,
    create_site,
    delete_site,
    disable_site,
    edit_site,
    enable_site,
    place_again,
    purge_due,
    restore_site,
)

__all__ = [
    "DEFAULT_WORKERS",
    "LEAST_WORKERS",
    "MOST_WORKERS",
    "create_site",
    "delete_site",
    "disable_site",
    "edit_site",
    "enable_site",
    "intend_size",
    "leave_host",
    "place_again",
    "promote",
    "purge_due",
    "restore_site",
    "scale_site",
    "settle_hosts",
    "switch",
    "switch_back",
    "without_host",
]
