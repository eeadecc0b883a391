"""What this app asks of whoever acts: it stands below the app that knows people."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol, runtime_checkable

from django.contrib.auth.models import AnonymousUser


@runtime_checkable
class Actor(Protocol):
    """A login, as seen from here (members.Login is one)."""

    pk: int

    @property
    def is_staff(self) -> bool: ...

    @property
    def is_active(self) -> bool: ...

    def scopes(self) -> list[str]:
        """ "member:3", "order:5": what it may see and change besides staff."""
        ...


#: Whoever a request comes from; anonymous visitors and nobody see nothing.
Asker = Actor | AnonymousUser | None

_impersonator: ContextVar[int | None] = ContextVar("impersonator", default=None)


@contextmanager
def asked_by(impersonator: int | None) -> Iterator[None]:
    """What is asked for in here is asked by somebody of the staff (by id) in somebody else's name."""
    token = _impersonator.set(impersonator)
    try:
        yield
    finally:
        _impersonator.reset(token)


def impersonator() -> int | None:
    """Id of who truly asks, when that is not whom the operation names."""
    return _impersonator.get()
