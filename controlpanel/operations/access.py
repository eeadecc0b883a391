"""What this app asks of whoever acts: it stands below the app that knows people."""

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
