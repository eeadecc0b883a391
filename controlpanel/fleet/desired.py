"""What a host should hold, rendered from the database by the apps that stand on this floor.

An app contributes in its own ``desired.py``, which is imported when Django starts::

    @provider(Role.WEB)
    def web_resources(host: Host) -> Iterable[Resource]: ...
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from .choices import Role
from .models import Host


@dataclass(frozen=True)
class Resource:
    """One thing that a host should hold (or, with ``present=False``, should no longer hold)."""

    kind: str
    id: str
    #: Raised by every change of intent; a host refuses an older one than it has applied.
    revision: int
    spec: dict[str, Any]
    present: bool = True

    def wire(self) -> dict[str, Any]:
        """As the agent reads it."""
        state = "present" if self.present else "absent"
        return {"kind": self.kind, "id": self.id, "revision": self.revision, "state": state, "spec": self.spec}


Provider = Callable[[Host], Iterable[Resource]]

_providers: dict[str, list[Provider]] = {}


def provider(*roles: Role) -> Callable[[Provider], Provider]:
    """Decorator: the function contributes to the desired state of every host that has one of the roles."""

    def register(function: Provider) -> Provider:
        for role in roles:
            known = _providers.setdefault(str(role.value), [])
            if function not in known:
                known.append(function)
        return function

    return register


def desired_state(host: Host) -> list[Resource]:
    """Everything that the host should hold, from the database as it is now, sorted by kind and id.

    Raises ValueError when two providers claim the same resource: one of them would win by chance.
    """
    functions: list[Provider] = []
    for role in host.roles:
        functions += [function for function in _providers.get(role, []) if function not in functions]
    found: dict[tuple[str, str], Resource] = {}
    for function in functions:
        for resource in function(host):
            key = (resource.kind, resource.id)
            if key in found:
                raise ValueError(f"{resource.kind} {resource.id} of {host} is provided twice")
            found[key] = resource
    return [found[key] for key in sorted(found)]


Listener = Callable[[Host, dict[str, Any]], None]

_listeners: dict[str, list[Listener]] = {}


def on_answer(kind: str) -> Callable[[Listener], Listener]:
    """Decorator: the function is told what a host answered to a resource of that kind in a resync (item of ``apply``).

    It runs in the transaction that marks the step done.
    """

    def register(function: Listener) -> Listener:
        _listeners.setdefault(kind, []).append(function)
        return function

    return register


def tell(host: Host, items: Iterable[dict[str, Any]]) -> None:
    """Let the listeners know."""
    for item in items:
        if item.get("answer"):
            for function in _listeners.get(str(item.get("kind")), []):
                function(host, item)


class Inspector:
    """Compares and mends what a role keeps outside the agent's resources (the directory's tree, for instance)."""

    def drift(self, host: Host) -> list[dict[str, Any]]:
        """``[{"kind", "id", "problem": "missing"|"different"|"unexpected"|"edited", "detail"}]``, changing nothing.

        Raises operations.errors (NotNow, Refused) when it cannot be compared.
        """
        raise NotImplementedError

    def resync(self, host: Host) -> None:
        """Bring it about from the database. Idempotent; raises operations.errors."""
        raise NotImplementedError


_inspectors: dict[str, list[Inspector]] = {}


def inspector(*roles: Role) -> Callable[[type[Inspector]], type[Inspector]]:
    """Class decorator: hosts of these roles are also compared and mended by it."""

    def register(cls: type[Inspector]) -> type[Inspector]:
        instance = cls()
        for role in roles:
            _inspectors.setdefault(str(role.value), []).append(instance)
        return cls

    return register


def inspectors_of(host: Host) -> list[Inspector]:
    """The inspectors of the host's roles."""
    found: list[Inspector] = []
    for role in host.roles:
        found += [item for item in _inspectors.get(role, []) if item not in found]
    return found
