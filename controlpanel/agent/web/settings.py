"""The PHP settings that a member may choose, with their types and limits. One list for the panel and for hosts.

A setting that is not given has its default, so a site's record holds only what somebody chose.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Dict, Mapping, Tuple, Union

from .. import fields

Value = Union[int, bool, str]

#: What PHP reports, by the word that people choose. Numbers, because FPM does not know PHP's names for them.
ERROR_LEVELS = {
    "all": 32767,  # E_ALL
    "no_deprecated": 32767 & ~(8192 | 16384),  # E_ALL & ~(E_DEPRECATED | E_USER_DEPRECATED)
    "no_notices": 32767 & ~(8192 | 16384 | 8 | 1024),  # the same & ~(E_NOTICE | E_USER_NOTICE)
    "errors": 1 | 4 | 16 | 64 | 256 | 4096,  # E_ERROR, E_PARSE, E_CORE_ERROR, E_COMPILE_ERROR, E_USER_ERROR, E_RECOVER…
}
#: A name of the time zone database, by its form only: hosts differ in which they know.
_ZONE = re.compile(r"\A[A-Z][A-Za-z0-9_+-]{1,30}(?:/[A-Z][A-Za-z0-9_+-]{1,30}){0,2}\Z")


@dataclass(frozen=True)
class Whole:
    """A whole number in a range; ``unit`` is MB, s or empty."""

    default: int
    low: int
    high: int
    unit: str = ""


@dataclass(frozen=True)
class Switch:
    """On or off."""

    default: bool


@dataclass(frozen=True)
class Choice:
    """One of some words."""

    default: str
    words: Tuple[str, ...]


@dataclass(frozen=True)
class Zone:
    """A time zone, for example Europe/Madrid."""

    default: str


Setting = Union[Whole, Switch, Choice, Zone]

SETTINGS: Dict[str, Setting] = {
    "memory_limit_mb": Whole(256, 32, 768, "MB"),  # the box of the site ends at 1 GB
    "upload_max_mb": Whole(128, 1, 1024, "MB"),
    # Edges and the web server wait for 120 seconds.
    "max_execution_time": Whole(60, 5, 110, "s"),
    "max_input_vars": Whole(1000, 100, 20000),
    "session_lifetime": Whole(1440, 300, 30 * 86400, "s"),
    "display_errors": Switch(False),
    "error_reporting": Choice("all", tuple(ERROR_LEVELS)),
    "timezone": Zone("UTC"),
}


def check(spec: Mapping[str, Any], key: str) -> Dict[str, Value]:
    """The record of settings under ``key``, each of its type and within its limits. Raises Invalid."""
    record = fields.record(spec, key, SETTINGS, {})
    found: Dict[str, Value] = {}
    for name in record:
        setting = SETTINGS[name]
        if isinstance(setting, Whole):
            found[name] = fields.integer(record, name, setting.low, setting.high)
        elif isinstance(setting, Switch):
            found[name] = fields.boolean(record, name)
        elif isinstance(setting, Choice):
            found[name] = fields.one_of(record, name, setting.words)
        else:
            found[name] = fields.matching(record, name, _ZONE, "a time zone", 64)
    return found


def effective(chosen: Mapping[str, Value]) -> Dict[str, Any]:
    """All settings: those chosen, and the defaults of the rest."""
    return {name: chosen.get(name, setting.default) for name, setting in SETTINGS.items()}


def lines(chosen: Mapping[str, Value]) -> str:
    """The settings as lines of a pool's configuration."""
    values = effective(chosen)
    on = "on" if values["display_errors"] else "off"
    return f"""\
php_value[memory_limit] = {values["memory_limit_mb"]}M
php_value[upload_max_filesize] = {values["upload_max_mb"]}M
php_value[post_max_size] = {values["upload_max_mb"] + POST_EXTRA_MB}M
php_value[max_execution_time] = {values["max_execution_time"]}
php_value[max_input_vars] = {values["max_input_vars"]}
php_value[session.gc_maxlifetime] = {values["session_lifetime"]}
php_value[error_reporting] = {ERROR_LEVELS[values["error_reporting"]]}
php_value[date.timezone] = {values["timezone"]}
php_flag[display_errors] = {on}
"""


#: MB that a form may have beside its files.
POST_EXTRA_MB = 8


def body_limit_mb(chosen: Mapping[str, Value]) -> int:
    """The largest request that the web server takes, so that PHP says what is too large."""
    return int(effective(chosen)["upload_max_mb"]) + POST_EXTRA_MB
