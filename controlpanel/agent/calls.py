"""Calls that the panel may make, by name, and what each is given besides its arguments.

A module registers its calls when it is imported::

    @call("storage.who_has")
    def who_has(args: Dict[str, Any], context: Context) -> Dict[str, Any]: ...
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Callable, Dict, FrozenSet, Optional

if TYPE_CHECKING:
    from .paths import Paths
    from .store import Store

Progress = Callable[[Dict[str, Any]], None]
CallFunction = Callable[[Dict[str, Any], "Context"], Dict[str, Any]]


def _nowhere(data: Dict[str, Any]) -> None:
    """Progress that nobody watches."""


@dataclass
class Context:
    """What a call may use."""

    store: "Store"
    roles: FrozenSet[str]
    paths: "Paths"
    #: Tell the watcher how far it is: a small dict, never a secret. It never raises, even when nobody listens.
    progress: Progress = field(default=_nowhere)
    #: SHA-256 of the running zipapp; empty when it runs from source.
    version: str = ""


@dataclass(frozen=True)
class Registered:
    function: CallFunction
    #: It changes nothing and takes no lock, so it may run beside other calls instead of after them.
    parallel: bool


_calls: Dict[str, Registered] = {}


def call(name: str, parallel: bool = False) -> "Callable[[CallFunction], CallFunction]":
    """Decorator: let the panel call the function under that name.

    Calls of one channel run one after the other, but for those declared ``parallel`` (each in a thread of its own, with
    a store of its own): for reads that may take long.
    """

    def register(function: CallFunction) -> CallFunction:
        known = _calls.get(name)
        if known is not None and known.function.__module__ != function.__module__:
            raise ValueError(f"call {name!r} is registered twice")
        _calls[name] = Registered(function, parallel)
        return function

    return register


def find(name: str) -> Optional[Registered]:
    """The call of that name, None when there is none."""
    return _calls.get(name)


def names() -> "list[str]":
    """All calls that the panel may make."""
    return sorted(_calls)
