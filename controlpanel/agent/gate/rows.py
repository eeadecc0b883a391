"""Which row of the gate's map a resource stands for."""

from __future__ import annotations

from typing import Optional

from ..haproxy.rows import Sources, Spec, TableRows
from . import paths


def of_way(id: str, spec: Optional[Spec], previous: Optional[Spec] = None) -> TableRows:
    """``address: host/port/hold``. The address of an absent one is known from what was here before."""
    if spec is None:
        return {paths.WAYS: {previous["address"]: None} if previous else {}}
    # Colons end a word for HAProxy's command line.
    way = "%s/%d/%d" % (spec["host"].replace(":", "_"), spec["port"], spec["hold"])
    return {paths.WAYS: {spec["address"]: way}}


SOURCES: Sources = {paths.WAYS: ("database_route", of_way)}
