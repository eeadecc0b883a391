"""Certificates that members bring along, as rows: a ``Certificate`` with the source ``own``. What is right was checked.

While it is kept, no authority is asked about its name. When somebody wants an automatic one again it goes on being
offered until that is there. With its name, or at its end, it is erased together with its key.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from . import selectors
from .certificates import KEPT, certificate_changed, facts, lock_names, no_order
from .choices import CertificateSource, CertificateState
from .models import Certificate, Route

#: Before its end, this long, its owners are told; the last mark that has come counts.
MARKS = (timedelta(days=30), timedelta(days=14), timedelta(days=7), timedelta(days=1))
#: From when on it needs a look.
SOON = MARKS[0]
_OWN = Q(source=CertificateSource.OWN) & ~Q(chain_pem="")


def own() -> QuerySet[Certificate]:
    """All of them that are offered, also those that an automatic one is to follow."""
    return selectors.certificates().filter(_OWN)


def is_ending(now: datetime | None = None) -> Q:
    """The condition on a certificate: its owner uploaded it, and it ends soon."""
    return _OWN & Q(not_after__lt=(now or timezone.now()) + SOON)


def ending(now: datetime | None = None) -> QuerySet[Certificate]:
    """Those that end soon, the first first."""
    return selectors.certificates().filter(is_ending(now)).order_by("not_after", "pk")


@transaction.atomic
def lock(site_id: int, names: Iterable[str]) -> list[Certificate]:
    """The rows of these names of the site, for a change in this transaction; without names that it no longer has."""
    rows = selectors.certificates_of(site_id).filter(route__name__in=list(names))
    lock_names(Route.objects.filter(certificate__in=rows))
    gone = (CertificateState.LEAVING, CertificateState.REVOKED)
    locked = rows.select_for_update(of=("self",)).order_by("route__name")
    return [row for row in locked if row.state not in gone]


def put(rows: Iterable[Certificate], chain_pem: str, key_pem: str) -> None:
    """Offer this one for these (locked) names, whatever there was and whoever is at it."""
    known = facts(chain_pem)
    for row in rows:
        had = row.is_offered
        # Looked at next when it ends. (None would say that an operation is at it.)
        Certificate.objects.filter(pk=row.pk).update(
            state=CertificateState.ISSUED,
            source=CertificateSource.OWN,
            chain_pem=chain_pem,
            key_pem=key_pem,
            attempts=0,
            trouble={},
            reminded=timezone.now(),
            revision=F("revision") + 1,
            **no_order(),
            **{**known, "retry_at": known["not_after"]},
        )
        if not had:
            certificate_changed(row.route)


def give_up(row: Certificate) -> bool:
    """An automatic one is to follow it. False when it is none that is kept."""
    kept = Certificate.objects.filter(KEPT, pk=row.pk)
    return bool(kept.update(state=CertificateState.DUE, retry_at=timezone.now(), attempts=0, trouble={}))


@transaction.atomic
def to_remind(now: datetime | None = None) -> list[Certificate]:
    """Those whose owners are to be told now that they end, each once a mark, also by several workers at once."""
    now = now or timezone.now()
    found = []
    for row in ending(now).select_for_update(skip_locked=True, of=("self",)).defer("key_pem", "order_key_pem"):
        assert row.not_after is not None  # noqa: S101 (it is filtered by it)
        mark = max(row.not_after - each for each in MARKS if row.not_after - each <= now)
        if row.not_after > now and (row.reminded is None or row.reminded < mark):
            found.append(row)
    Certificate.objects.filter(pk__in=[row.pk for row in found]).update(reminded=now)
    return found
