"""Finding anything that a login may see, by a piece of its name or by its number. Reads by scoped selectors only.

The same few queries whatever is asked and however much there is.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from controlpanel.operations.selectors import operations_for
from members import selectors as people

from . import selectors
from .choices import DatabaseState, SiteState
from .errors import HostingError
from .models import DatabaseUser, Domain
from .validators import normalize, readable

#: Hits of one kind that are shown; who wants more asks more precisely.
MOST = 8
LONGEST = 100
#: Numbers have no more digits than this.
_DIGITS = 15

KINDS: dict[str, Any] = {
    "site": gettext_lazy("Sites"),
    "order": gettext_lazy("Hosting orders"),
    "database": gettext_lazy("Databases"),
    "login": gettext_lazy("People and other logins"),
    "operation": gettext_lazy("Activity"),
}


@dataclass(frozen=True)
class Hit:
    """One thing that was found."""

    kind: str
    id: int
    title: str
    #: What else tells it from others, or why it was found.
    note: str
    #: Its page; empty when it has none.
    page: str


@dataclass(frozen=True)
class Group:
    """The hits of one kind, the best first."""

    kind: str
    hits: list[Hit]
    #: There are more than are shown.
    more: bool

    @property
    def title(self) -> str:
        return str(KINDS[self.kind])


def find(actor: Any, text: str) -> list[Group]:
    """All that ``actor`` may see and that has ``text`` in its name or is that number, by kind; empty kinds left out."""
    text = " ".join(text.replace("\x00", "").split())[:LONGEST]
    if not text:
        return []
    groups = []
    for kind, hits in _FINDERS.items():
        found = list(islice(hits(actor, text), MOST + 1))
        if found:
            groups.append(Group(kind, found[:MOST], len(found) > MOST))
    return groups


def _number(text: str) -> int | None:
    """ "#12", "12" and "db12" are about number 12."""
    digits = text.lower().removeprefix("#").removeprefix("db")
    return int(digits) if digits.isdecimal() and digits.isascii() and len(digits) <= _DIGITS else None


def _names_like(text: str) -> Q:
    """Domain names with the text in them, also when it was typed with its accents."""
    wanted = Q(name__icontains=text)
    try:
        return wanted | Q(name__icontains=normalize(text))
    except HostingError:
        return wanted


def _limited(rows: QuerySet[Any]) -> QuerySet[Any]:
    return rows[: MOST + 1]


def _sites(actor: Any, text: str) -> Iterable[Hit]:
    named = Domain.objects.filter(_names_like(text), site=OuterRef("pk"))
    former = Q(state=SiteState.DELETED, former_names__served__0__icontains=text)
    rows = selectors.sites_for(actor).filter(Exists(named) | former).exclude(state=SiteState.PURGING)
    for site in _limited(rows.select_related("order").prefetch_related("domains").order_by("id")):
        names = [readable(domain.name) for domain in site.domains.all()]
        hit = next((name for name in names if text.lower() in name and name != site.name), "")
        note = ", ".join(filter(None, [hit, site.order.name, site.get_state_display()]))
        yield Hit("site", site.pk, site.name, note, site.get_absolute_url())


def _orders(actor: Any, text: str) -> Iterable[Hit]:
    rows = selectors.orders_for(actor).filter(Q(name__icontains=text) | Q(member__name__icontains=text))
    for order in _limited(rows.select_related("member").order_by("name", "id")):
        yield Hit("order", order.pk, order.name, order.member.name, order.get_absolute_url())


def _databases(actor: Any, text: str) -> Iterable[Hit]:
    users = DatabaseUser.objects.filter(database=OuterRef("pk"), name__icontains=text)
    wanted = Q(Exists(users)) | Q(engine__icontains=text)
    if (number := _number(text)) is not None:
        wanted |= Q(pk=number)
    rows = selectors.databases_for(actor).exclude(state=DatabaseState.PURGING).filter(wanted)
    for database in _limited(rows.select_related("order").order_by("id")):
        note = f"{database.get_engine_display()}, {database.order.name}"
        yield Hit("database", database.pk, database.name, note, database.get_absolute_url())


def _logins(actor: Any, text: str) -> Iterable[Hit]:
    like = Q(username__icontains=text) | Q(name__icontains=text) | Q(email__icontains=text)
    staff = getattr(actor, "is_staff", False)
    for login in _limited(people.logins_for(actor).filter(like).select_related("member").order_by("username")):
        note = ", ".join(filter(None, [login.name, login.email, login.member.name if login.member else ""]))
        own = reverse("members:account") if login.pk == actor.pk else ""
        page = reverse("admin:members_login_change", args=[login.pk]) if staff else own
        yield Hit("login", login.pk, login.username, note, page)


def _operations(actor: Any, text: str) -> Iterable[Hit]:
    """By number; by the name of what it is about, people look at that thing's own history."""
    number = _number(text)
    if number is None or text.lower().startswith("db"):
        return
    for operation in operations_for(actor).filter(pk=number):
        note = _("number %(number)d, %(state)s") % {"number": operation.pk, "state": operation.get_state_display()}
        yield Hit("operation", operation.pk, operation.title, note, operation.get_absolute_url())


_FINDERS: dict[str, Callable[[Any, str], Iterable[Hit]]] = {
    "site": _sites,
    "order": _orders,
    "database": _databases,
    "login": _logins,
    "operation": _operations,
}
