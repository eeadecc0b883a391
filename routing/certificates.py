"""Certificates as rows: one a public name. Every change of state is one conditional UPDATE, so that whoever comes late
(a second worker, an operation that was overtaken by a deletion) changes nothing.

An operation *claims* names by taking their ``retry_at`` away, and gives each a new one when it knows more.
"""

import random
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.x509.oid import NameOID
from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from controlpanel.operations.errors import add_messages

from . import acme_accounts, authority
from .acme.authority import Challenge, Order
from .choices import CertificateSource, CertificateState
from .models import Certificate, Route

State = CertificateState
#: In which it may be claimed.
RESTING = (State.WAITING, State.DUE, State.FAILING, State.ISSUED)
#: Renewed when this part of its life is left; each name a little earlier or later, so that they spread.
RENEW_AT, JITTER = 1 / 3, 0.1
#: A certificate that its member brought, and that no authority is asked to replace.
KEPT = Q(source=CertificateSource.OWN, state=State.ISSUED)
#: A new name is taken up by the operation that follows its site's; by the clock if that did not happen by then.
AT_THE_LATEST = timedelta(minutes=2)
#: After a first, second, … try that came to nothing. The DNS is nobody's burden; an authority counts failed validations
#: (Let's Encrypt: five an hour for a name).
DNS_AGAIN = (timedelta(seconds=30), timedelta(hours=1))
AUTHORITY_AGAIN = (timedelta(minutes=5), timedelta(hours=24))

add_messages(
    {
        "acme_invalid": _("The certificate authority could not see that %(name)s is served here: %(reason)s"),
        "acme_refused": _("The certificate authority does not issue a certificate for %(name)s: %(reason)s"),
        "acme_stopped": _("Issuing the certificate was interrupted. It is tried again by itself."),
    }
)


_EMPTY_ORDER = {"order_url": "", "order_key_pem": "", "challenge_url": "", "token": "", "key_authorization": ""}

_NOTHING_OFFERED = {
    "chain_pem": "", "key_pem": "", "not_after": None, "issued_at": None, "issuer": "", "source": "",
}  # fmt: skip

# --- what names there are -------------------------------------------------------------------------------------------


def want(routes: Iterable[Route]) -> None:
    """These names are to have a certificate. The panel's own authority signs at once; an ACME authority is asked later.

    Call it in the transaction that writes the routes. A name that comes back before its certificate was revoked has it
    back.
    """
    routes = list(routes)
    known = Certificate.objects.select_for_update().filter(route__in=routes).order_by("route__name")
    rows = {row.route_id: row for row in known}
    for route in sorted(routes, key=lambda route: route.name):
        row = rows.get(route.pk) or Certificate(route=route, revision=0)
        row.route = route
        if row.state in (State.LEAVING, State.REVOKED) or row.pk is None:
            _begin(row)
        if not acme_accounts.is_configured() and needs_signing(row):
            sign(row)


def leave(routes: "QuerySet[Route]") -> None:
    """These names were taken off their site: edges are told that they have no certificate, and it is to be revoked."""
    rows = Certificate.objects.filter(route__in=routes).exclude(state__in=(State.LEAVING, State.REVOKED))
    public = Q(source=CertificateSource.ACME) & ~Q(chain_pem="")
    nothing: dict[str, Any] = {**_EMPTY_ORDER, "attempts": 0, "trouble": {}, "dns": {}, "dns_at": None}
    raised: dict[str, Any] = {"revision": F("revision") + 1, "challenge_revision": F("challenge_revision") + 1}
    rows.exclude(public).update(state=State.REVOKED, retry_at=None, **nothing, **raised, **_NOTHING_OFFERED)
    rows.filter(public).update(state=State.LEAVING, retry_at=timezone.now() + AT_THE_LATEST, **nothing, **raised)


def needs_signing(row: Certificate) -> bool:
    """Whether the panel's own authority should sign it now."""
    if row.is_kept:
        return False
    return row.not_after is None or row.retry_at is None or row.retry_at <= timezone.now()


def sign(row: Certificate) -> None:
    """A certificate of the panel's own authority, at once."""
    issued = authority.issue(authority.current(), [row.route.name])
    had = row.is_offered
    row.source, row.state = CertificateSource.LOCAL, State.ISSUED
    row.chain_pem, row.key_pem = issued.chain_pem, issued.key_pem
    row.attempts, row.trouble = 0, {}
    row.revision += 1
    for field, value in facts(issued.chain_pem).items():
        setattr(row, field, value)
    row.save()
    if not had:
        certificate_changed(row.route)


def certificate_changed(route: Route) -> None:
    """A name has got its first certificate, or has none any more: edges are to be told of the name anew. Its row was
    locked before its certificate's (``lock_names``)."""
    Route.objects.filter(pk=route.pk).update(revision=F("revision") + 1)


def lock_names(routes: "QuerySet[Route]", skip_locked: bool = False) -> list[int]:
    """Lock names, in one order, before the certificate of any of them: a site that goes away changes its names first
    and then their certificates, and who did it the other way round would wait for it while it waits for them.

    With ``skip_locked`` without those that another transaction has. Returns their keys.
    """
    rows = routes.select_for_update(of=("self",), skip_locked=skip_locked).order_by("name")
    return list(rows.values_list("pk", flat=True))


def lock(row: Certificate) -> Certificate:
    """The row as it is now, locked after its name, with route and backend."""
    lock_names(Route.objects.filter(pk=row.route_id))
    return Certificate.objects.select_for_update(of=("self",)).select_related("route__backend").get(pk=row.pk)


# --- who is at it ---------------------------------------------------------------------------------------------------


def due(now: datetime | None = None) -> "QuerySet[Certificate]":
    """Names to ask an authority about now (none that waits for its DNS): those that have no certificate first."""
    live = Certificate.objects.filter(route__removed=False, route__backend__removed=False, state__in=RESTING)
    return (
        live.exclude(KEPT | Q(state=State.WAITING))
        .filter(retry_at__lte=now or timezone.now())
        .order_by(F("not_after").asc(nulls_first=True), "retry_at")
    )


@transaction.atomic
def claim(rows: "QuerySet[Certificate]", limit: int | None = None) -> list[str]:
    """Take those of them that nobody is at; their names, in order."""
    free = rows.filter(retry_at__isnull=False).select_for_update(skip_locked=True, of=("self",))
    found = list(free.values_list("pk", "route__name")[:limit])
    Certificate.objects.filter(pk__in=[pk for pk, _name in found]).update(retry_at=None)
    return [name for _pk, name in found]


def named(names: Collection[str]) -> "QuerySet[Certificate]":
    """Those of the names that are still some site's."""
    rows = Certificate.objects.filter(route__name__in=names, route__removed=False, route__backend__removed=False)
    return rows.select_related("route").order_by("route__name")


def arrived(names: Collection[str]) -> None:
    """All edges offer what was issued for these names: from now on renewal is waited for."""
    for row in named(names).filter(retry_at=None, state=State.ISSUED):
        Certificate.objects.filter(pk=row.pk, retry_at=None, state=State.ISSUED).update(retry_at=_renew_at(row))


def let_go(names: Collection[str]) -> None:
    """Their operation ended without having got so far: they are tried again later."""
    trouble = {"code": "acme_stopped", "params": {}}
    for row in named(names).filter(retry_at=None, state__in=(*RESTING, State.ORDERED)):
        Certificate.objects.filter(pk=row.pk, retry_at=None, state=row.state).update(
            state=State.FAILING,
            retry_at=_again(AUTHORITY_AGAIN, row.attempts + 1),
            attempts=F("attempts") + 1,
            trouble=trouble,
        )


@transaction.atomic
def borrow_waiting(limit: int) -> list[Certificate]:
    """Names whose DNS is to be looked at now; for as long as that takes nobody else does."""
    live = Certificate.objects.filter(route__removed=False, route__backend__removed=False, state=State.WAITING)
    rows = live.filter(retry_at__lte=timezone.now()).select_for_update(skip_locked=True, of=("self",))
    found = list(rows.select_related("route").order_by("retry_at")[:limit])
    Certificate.objects.filter(pk__in=[row.pk for row in found]).update(retry_at=timezone.now() + timedelta(minutes=5))
    return found


def looked_at(row: Certificate, dns: Mapping[str, Any], trouble: Mapping[str, Any]) -> None:
    """What the DNS says of a borrowed name: it goes on waiting, or (without trouble) its turn has come."""
    waiting = Certificate.objects.filter(pk=row.pk, state=State.WAITING, retry_at__isnull=False)
    told: dict[str, Any] = {"dns": dns, "dns_at": timezone.now(), "trouble": trouble}
    if trouble:
        waiting.update(retry_at=_again(DNS_AGAIN, row.attempts + 1), attempts=F("attempts") + 1, **told)
    else:
        waiting.update(state=State.DUE, retry_at=timezone.now(), attempts=0, **told)


# --- what became of it ----------------------------------------------------------------------------------------------

#: Claimed, and not overtaken by a removal.
_CLAIMED = Q(retry_at=None, state__in=(*RESTING, State.ORDERED))


def note_dns(row: Certificate, dns: Mapping[str, Any]) -> None:
    """What the DNS says of it now."""
    Certificate.objects.filter(pk=row.pk).update(dns=dns, dns_at=timezone.now())


def wait_for_dns(row: Certificate, trouble: Mapping[str, Any]) -> None:
    """The name does not lead here (or a CAA record forbids): asked again soon, and ever later."""
    wait = _again(DNS_AGAIN, row.attempts + 1 if row.state == State.WAITING else 1)
    attempts = F("attempts") + 1 if row.state == State.WAITING else 1
    claimed = Certificate.objects.filter(_CLAIMED, pk=row.pk)
    claimed.update(state=State.WAITING, trouble=trouble, attempts=attempts, retry_at=wait)


def ordered(row: Certificate, order: Order, key_pem: str, challenge: Challenge | None) -> bool:
    """The authority has an order for it (None: it need not look at the name again). False when it was overtaken."""
    changes: dict[str, Any] = {"order_url": order.url, "order_key_pem": key_pem, "ordered_at": timezone.now()}
    token, answer, url = (challenge.token, challenge.key_authorization, challenge.url) if challenge else ("", "", "")
    if token != row.token:
        changes |= {"token": token, "key_authorization": answer, "challenge_url": url}
        changes["challenge_revision"] = F("challenge_revision") + 1
    return bool(Certificate.objects.filter(_CLAIMED, pk=row.pk).update(state=State.ORDERED, **changes))


@transaction.atomic
def issued(row: Certificate, chain_pem: str) -> bool:
    """The order has become a certificate: edges are to offer it, which ``arrived`` tells. False when the order is not
    the present one."""
    lock_names(Route.objects.filter(pk=row.route_id))
    mine = Certificate.objects.filter(_CLAIMED, pk=row.pk, order_url=row.order_url)
    changed = mine.update(
        state=State.ISSUED,
        source=CertificateSource.ACME,
        chain_pem=chain_pem,
        key_pem=row.order_key_pem,
        attempts=0,
        trouble={},
        revision=F("revision") + 1,
        **no_order(),
        **{**facts(chain_pem), "retry_at": None},
    )
    if changed and not row.is_offered:
        certificate_changed(row.route)
    return bool(changed)


def failed(row: Certificate, trouble: Mapping[str, Any]) -> None:
    """The authority said no, or could not see the name: tried again later, with a new order."""
    claimed = Certificate.objects.filter(_CLAIMED, pk=row.pk)
    attempts = row.attempts + 1 if row.state != State.WAITING else 1
    wait = _again(AUTHORITY_AGAIN, attempts)
    claimed.update(state=State.FAILING, trouble=trouble, attempts=attempts, retry_at=wait, **no_order())


def postponed(row: Certificate, until: datetime, code: str) -> None:
    """It is not the name's fault: later, with the same order if there is one."""
    wait = until + timedelta(seconds=random.uniform(1, 30))  # noqa: S311 (not all at once)
    state = State.DUE if not row.order_url and row.state in (State.DUE, State.WAITING) else State.FAILING
    state = State.ISSUED if row.state == State.ISSUED else state
    trouble = {"code": code, "params": {}}
    Certificate.objects.filter(_CLAIMED, pk=row.pk).update(state=state, trouble=trouble, retry_at=wait)


# --- the end --------------------------------------------------------------------------------------------------------


def leaving() -> "QuerySet[Certificate]":
    """Certificates to be revoked now."""
    return Certificate.objects.filter(state=State.LEAVING, retry_at__lte=timezone.now()).order_by("retry_at")


@transaction.atomic
def revoked(row: Certificate) -> None:
    """The authority has taken it back, or it has ended: nothing of it is kept. A name that is still some site's gets
    another one."""
    gone: dict[str, Any] = {**_NOTHING_OFFERED, "attempts": 0, "trouble": {}, "revision": F("revision") + 1}
    lock_names(Route.objects.filter(pk=row.route_id))
    mine = Certificate.objects.filter(pk=row.pk, state=State.LEAVING)
    live = Q(route__removed=False, route__backend__removed=False)
    if mine.filter(live).exists():
        mine.update(state=State.DUE, retry_at=timezone.now(), **gone)
        certificate_changed(row.route)
    else:
        mine.update(state=State.REVOKED, retry_at=None, **gone)


def not_revoked(row: Certificate, trouble: Mapping[str, Any], until: datetime | None = None) -> None:
    """Tried again later."""
    wait = until or _again(AUTHORITY_AGAIN, row.attempts + 1)
    mine = Certificate.objects.filter(pk=row.pk, state=State.LEAVING)
    mine.update(retry_at=wait, trouble=trouble, attempts=F("attempts") + (0 if until else 1))


@transaction.atomic
def drop_ended() -> list[str]:
    """Certificates that have ended protect nobody: their names are served by HTTP again. Which names.

    A name whose member had brought it gets another one by itself.
    """
    ended = Certificate.objects.exclude(chain_pem="").filter(not_after__lte=timezone.now(), route__removed=False)
    locked = lock_names(Route.objects.filter(certificate__in=ended))
    rows = list(ended.filter(route__in=locked).select_for_update(of=("self",)).select_related("route"))
    for row in rows:
        anew = {"state": State.DUE, "retry_at": timezone.now(), **_NOTHING_OFFERED} if row.is_kept else {}
        gone = {"chain_pem": "", "key_pem": "", "source": "", **anew}
        Certificate.objects.filter(pk=row.pk).update(revision=F("revision") + 1, **gone)
        certificate_changed(row.route)
    return [row.route.name for row in rows]


def adopt_for_acme() -> int:
    """What the panel's own authority signed before there was another is to be replaced. Returns how many."""
    local = Certificate.objects.filter(source=CertificateSource.LOCAL, state=State.ISSUED, retry_at__isnull=False)
    return local.update(state=State.DUE, retry_at=timezone.now())


def with_certificate() -> Exists:
    """For querysets of Route: whether edges offer a certificate for the name."""
    return Exists(Certificate.objects.filter(route=OuterRef("pk")).exclude(chain_pem=""))


# --- pieces ---------------------------------------------------------------------------------------------------------


def _begin(row: Certificate) -> None:
    """A name that is new, or back."""
    kept = row.state == State.LEAVING and row.not_after is not None and row.not_after > timezone.now()
    row.state = State.ISSUED if kept else State.DUE
    row.attempts, row.trouble = 0, {}
    row.revision += 1
    row.retry_at = _renew_at(row) if kept else timezone.now() + AT_THE_LATEST
    if not kept:
        row.chain_pem = row.key_pem = row.source = row.issuer = ""
        row.not_after = row.issued_at = None
    row.save()


def no_order() -> dict[str, Any]:
    """What an order under way leaves behind when nothing more is to come of it."""
    return {**_EMPTY_ORDER, "challenge_revision": F("challenge_revision") + 1}


def facts(chain_pem: str) -> dict[str, Any]:
    """What the row says of a certificate."""
    leaf = x509.load_pem_x509_certificates(chain_pem.encode())[0]
    start, end = leaf.not_valid_before_utc, leaf.not_valid_after_utc
    names = [*leaf.issuer.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)]
    names += leaf.issuer.get_attributes_for_oid(NameOID.COMMON_NAME)
    issuer = str(names[0].value) if names else leaf.issuer.rfc4514_string()
    return {"issuer": issuer[:200], "issued_at": start, "not_after": end, "retry_at": renewal(start, end)}


def renewal(start: datetime, end: datetime) -> datetime:
    """When a certificate of that life is renewed: with a third of it left, a little spread."""
    part = RENEW_AT * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 (no secret)
    return end - (end - start) * part


def _renew_at(row: Certificate) -> datetime | None:
    return renewal(row.issued_at, row.not_after) if row.issued_at and row.not_after else None


def _again(span: tuple[timedelta, timedelta], attempts: int) -> datetime:
    """When to try again: twice as late each time, a little spread."""
    first, longest = span
    wait: timedelta = min(longest, first * 2 ** min(attempts - 1, 20))
    return timezone.now() + wait * random.uniform(0.9, 1.1)  # noqa: S311 (no secret)
