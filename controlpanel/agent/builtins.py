"""The calls that every agent answers, whatever its roles."""

from __future__ import annotations

import os
import time
from typing import Any, Dict, Optional

from . import facts, fields, upgrade
from . import sampling as sampling  # registers its call
from . import standdown as standdown  # registers its call
from .calls import Context, call
from .engine import Engine
from .kinds.registry import Registry
from .settings import Settings

_engine: Optional[Engine] = None
_settings: Optional[Settings] = None


def prepare(context: Context, settings: Settings, registry: Optional[Registry] = None) -> Engine:
    """Load the kinds of this host's roles, which also registers their calls."""
    global _engine, _settings
    _settings = settings
    _engine = Engine(registry or Registry(settings.roles), context)
    return _engine


@call("apply")
def apply(args: Dict[str, Any], context: Context) -> Dict[str, Any]:
    """See ``Engine.apply``."""
    assert _engine is not None  # noqa: S101
    return _engine.apply(args, context)


@call("hello")
def hello(args: Dict[str, Any], context: Context) -> Dict[str, Any]:
    """Who this is and how it is: as the first line, but now."""
    assert _settings is not None  # noqa: S101
    return {
        "version": context.version,
        "boot_id": facts.boot_id(),
        "host": _settings.name,
        "roles": sorted(_settings.roles),
        "facts": {**facts.gather(), "stands_down": standdown.stands_down(context.paths)},
        "seq": context.store.last_seq(),
    }


@call("ping", parallel=True)
def ping(args: Dict[str, Any], context: Context) -> Dict[str, Any]:
    """Whether it is alive, even while another call takes long; ``seq`` is the number of the journal's last line."""
    return {"time": time.time(), "pid": os.getpid(), "seq": context.store.last_seq()}


@call("journal", parallel=True)
def journal(args: Dict[str, Any], context: Context) -> Dict[str, Any]:
    """What was applied here, when and by which operation: lines after number ``after``, oldest first."""
    after = fields.integer(args, "after", 0, 2**62, 0)
    limit = fields.integer(args, "limit", 0, 1000, 100)
    last = context.store.last_seq()
    return {"last": last, "entries": context.store.journal(after, limit)}


@call("upgrade")
def install_upgrade(args: Dict[str, Any], context: Context) -> Dict[str, Any]:
    """Replace the agent on this host; the caller then opens a new line."""
    answer = upgrade.replace(args, context)
    if answer["was"] != answer["version"]:
        answer["refresh"] = upgrade.refresh(context.paths)
    return answer
