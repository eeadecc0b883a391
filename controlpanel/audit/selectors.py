"""Reads, scoped to who asks; nobody sees nothing."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any, Protocol, runtime_checkable

from django.contrib.auth.models import AnonymousUser
from django.db.models import QuerySet

from .choices import Verb
from .models import Entry

#: Numbers of transactions begin anew in a restored database: the same number long after is another transaction.
_SAME = timedelta(minutes=10)
#: Entries read at once when all are wanted.
CHUNK = 1000


@runtime_checkable
class Reader(Protocol):
    """A login, as seen from here."""

    pk: int

    @property
    def is_staff(self) -> bool: ...

    @property
    def is_active(self) -> bool: ...

    def scopes(self) -> list[str]: ...


Asker = Reader | AnonymousUser | None


def entries_for(asker: Asker) -> QuerySet[Entry]:
    """Entries about what is the asker's: its members', orders' and its own; all for staff, none for nobody."""
    if not isinstance(asker, Reader) or not asker.is_active:
        return Entry.objects.none()
    if asker.is_staff:
        return Entry.objects.all()
    return Entry.objects.filter(scopes__overlap=[*asker.scopes(), f"login:{asker.pk}"])


def with_operations(entries: Sequence[Entry]) -> Sequence[Entry]:
    """The same entries; a change of intent gets the operation that was asked for in the same transaction."""
    bare = [entry for entry in entries if entry.operation is None]
    asked = Entry.objects.filter(
        transaction__in={entry.transaction for entry in bare}, operation__isnull=False, verb=Verb.ASKED
    )
    found = {one.transaction: one for one in asked.only("transaction", "operation", "time")} if bare else {}
    for entry in bare:
        one = found.get(entry.transaction)
        if one is not None and abs(one.time - entry.time) < _SAME:
            entry.operation = one.operation
    return entries


def with_names(entries: Sequence[Entry]) -> Sequence[Entry]:
    """The same entries, newest first; a thing that had no name yet when it was made gets the one of a moment later."""
    names: dict[tuple[int, str], str] = {}
    for entry in entries:
        names.setdefault((entry.transaction, entry.about), entry.about_label)
        if entry.object == entry.about and entry.verb == Verb.CREATED:
            entry.label = entry.about_label = names[entry.transaction, entry.about]
    return entries


def newest_first(entries: QuerySet[Entry], *, chunk: int = CHUNK) -> Iterator[Sequence[Entry]]:
    """All of them, a chunk at a time: each is a short query of its own, so a slow reader holds no connection."""
    last: int | None = None
    while True:
        rest = entries.order_by("-id") if last is None else entries.filter(pk__lt=last).order_by("-id")
        found = with_operations(list(rest[:chunk]))
        if found:
            yield found
        if len(found) < chunk:
            return
        last = found[-1].pk


def hides_address(entry: Entry, reader: Any) -> bool:
    """From where the staff work is nobody's business but theirs."""
    by_staff = entry.actor_is_staff or entry.impersonator_id is not None
    return by_staff and not getattr(reader, "is_staff", False)
