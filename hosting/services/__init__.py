"""Writes of hosting, one topic a module: each validates, writes the intent and starts its operation."""

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
    "place_again",
    "purge_due",
    "restore_site",
]
