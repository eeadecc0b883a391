"""Kinds of storage, by name. ``driver_of(pool)`` is what everybody uses."""

from ..models import Pool
from .base import Answer, Driver, Outcome
from .cephfs import CephFS

__all__ = ["DRIVERS", "Answer", "Driver", "Outcome", "driver_of"]

DRIVERS: dict[str, type[Driver]] = {driver.name: driver for driver in (CephFS,)}


def driver_of(pool: Pool) -> Driver:
    """The driver of a pool. Raises KeyError for one of a later release."""
    return DRIVERS[pool.driver](pool)
