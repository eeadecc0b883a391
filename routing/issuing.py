"""Starting what gets, renews and revokes certificates: after a site's change, by the clock, or when somebody asks."""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from controlpanel.operations import services as operations
from controlpanel.operations.access import Actor
from controlpanel.operations.choices import UNFINISHED
from controlpanel.operations.models import Operation

from . import acme_accounts, certificate_plans, certificates, dns_check, own_certificates
from .choices import CertificateSource, CertificateState
from .models import Certificate, Route

#: Names of one operation, and such operations at a time: the authority and the edges have other things to do as well.
BATCH, AT_ONCE = 50, 4
#: A failing name is not tried more often by hand: the authority counts.
PATIENCE = timedelta(minutes=2)


class NothingToRetry(operations.NotPossible):
    """The name needs no new try now; ``str()`` says why, in the reader's language."""


@transaction.atomic
def follow(site_id: int, *, name: str, scopes: list[str], actor: Actor | None = None) -> list[Operation]:
    """A site has been created, changed, restored or deleted, and the edges know: get what certificates it needs, and
    revoke those of names that it no longer has. Returns the operations started."""
    if not acme_accounts.is_configured():
        return []
    site = {"site": site_id, "name": name}
    mine = Certificate.objects.filter(route__backend__site_id=site_id)
    started = []
    fresh = mine.filter(route__removed=False, route__backend__removed=False, state=CertificateState.DUE)
    if names := certificates.claim(fresh):
        started.append(_start("routing.issue_certificates", names, site, scopes=scopes, actor=actor))
    if names := certificates.claim(mine.filter(state=CertificateState.LEAVING)):
        started.append(_start("routing.revoke_certificates", names, site, scopes=scopes, actor=actor))
    return started


def renew_due(limit: int = BATCH) -> list[Operation]:
    """One more batch of what is due: names new or to be tried again, renewals, revocations. For a worker's clock."""
    ended = certificates.drop_ended()
    started = [_tell(ended)] if ended else []
    if not acme_accounts.is_configured():
        return started + _sign_due(limit)
    certificates.adopt_for_acme()
    if acme_accounts.paused_until():
        return started
    look_again()
    with transaction.atomic():
        busy = Operation.objects.filter(kind="routing.issue_certificates", state__in=UNFINISHED, scopes=[])
        room = min(limit, acme_accounts.orders_left()) if busy.count() < AT_ONCE else 0
        if room and (names := certificates.claim(certificates.due(), room)):
            started.append(_start("routing.issue_certificates", names))
        if names := certificates.claim(certificates.leaving(), limit):
            started.append(_start("routing.revoke_certificates", names))
    return started


def look_again(limit: int = 200) -> int:
    """Ask the DNS about names that lead elsewhere and whose time has come. No operation: no host has anything to do,
    and there may be many of them for ever. Returns how many lead here now."""
    rows = certificates.borrow_waiting(limit)
    if not rows:
        return 0
    found = dns_check.look([row.route.name for row in rows])
    ours, allowed = dns_check.our_addresses(), certificate_plans.identities()
    right = 0
    for row in rows:
        trouble = dns_check.verdict(row.route.name, found[row.route.name], ours, allowed)
        certificates.looked_at(row, found[row.route.name].as_row(), trouble)
        right += not trouble
    return right


@transaction.atomic
def try_again(
    row: Certificate,
    *,
    scopes: list[str],
    name: str = "",
    actor: Actor | None = None,
    idempotency_key: str = "",
    requested_from: str | None = None,
    force: bool = False,
) -> Operation:
    """Now and not later: for who has set the DNS right. ``force``: also one that is well, which is issued anew.

    Raises NothingToRetry.
    """
    row = certificates.lock(row)
    if row.retry_at is None or row.state == CertificateState.ORDERED:
        raise NothingToRetry(_("It is being tried at this moment."))
    if row.state in (CertificateState.LEAVING, CertificateState.REVOKED):
        raise NothingToRetry(_("The name is no longer one of this site."))
    if row.is_kept:
        raise NothingToRetry(_("It has a certificate of its own. Go back to automatic certificates first."))
    if row.state == CertificateState.ISSUED and not force:
        raise NothingToRetry(_("It has a valid certificate, which is renewed by itself."))
    recent = row.ordered_at and row.ordered_at > timezone.now() - PATIENCE
    if row.state == CertificateState.FAILING and recent and not force:
        raise NothingToRetry(_("It was tried a moment ago. Wait two minutes: the certificate authority counts tries."))
    if not acme_accounts.is_configured():
        certificates.sign(row)
        kind, names = "routing.offer_certificates", [row.route.name]
    else:
        kind, names = "routing.issue_certificates", certificates.claim(Certificate.objects.filter(pk=row.pk))
    return _start(
        kind,
        names,
        {"site": row.route.backend.site_id, "name": name or row.route.name, "asked": True},
        scopes=scopes,
        actor=actor,
        idempotency_key=idempotency_key,
        requested_from=requested_from,
    )


@transaction.atomic
def use_own(
    rows: Sequence[Certificate],
    chain_pem: str,
    key_pem: str,
    *,
    site_id: int,
    name: str,
    fingerprint: str,
    scopes: list[str],
    actor: Actor | None = None,
    idempotency_key: str = "",
    requested_from: str | None = None,
) -> Operation:
    """Offer what a site's members brought for these names (locked by ``own_certificates.lock``), on all edges.

    ``fingerprint`` of the leaf stands in the operation; the key nowhere but in the rows.
    """
    own_certificates.put(rows, chain_pem, key_pem)
    return _start(
        "routing.use_own_certificates",
        [row.route.name for row in rows],
        {"site": site_id, "name": name, "fingerprint": fingerprint},
        scopes=scopes,
        actor=actor,
        idempotency_key=idempotency_key,
        requested_from=requested_from,
    )


@transaction.atomic
def go_back(
    row: Certificate,
    *,
    scopes: list[str],
    name: str,
    actor: Actor | None = None,
    idempotency_key: str = "",
    requested_from: str | None = None,
) -> Operation:
    """Get an automatic certificate in the place of one's own, which is offered until the other is there.

    Raises NothingToRetry for a name that has none of its own, or has asked already.
    """
    row = certificates.lock(row)
    if not own_certificates.give_up(row):
        raise NothingToRetry(_("It has no certificate of its own, or is already on its way back to an automatic one."))
    return try_again(
        row,
        scopes=scopes,
        name=name,
        actor=actor,
        idempotency_key=idempotency_key,
        requested_from=requested_from,
    )


@transaction.atomic
def replace(row: Certificate, actor: Actor | None = None) -> Operation:
    """A new certificate, with a new key, also where the present one is well. For staff."""
    return try_again(row, scopes=[], actor=actor, force=True)


@transaction.atomic
def revoke(row: Certificate, actor: Actor | None = None) -> Operation:
    """Take back the certificate of a name that is still a site's, because its key may be known to others. For staff.

    Raises NothingToRetry when there is none, or it is being replaced at this moment.
    """
    changed = Certificate.objects.filter(
        pk=row.pk, source=CertificateSource.ACME, retry_at__isnull=False, route__removed=False
    ).exclude(chain_pem="").update(state=CertificateState.LEAVING, retry_at=None)  # fmt: skip
    if not changed:
        raise NothingToRetry(_("It has no certificate of a public authority, or is being changed at this moment."))
    return _start("routing.revoke_certificates", [row.route.name], actor=actor)


def _sign_due(limit: int) -> list[Operation]:
    """Renewals of the panel's own authority."""
    with transaction.atomic():
        due = list(certificates.due().values_list("route", flat=True)[:limit])
        free = certificates.lock_names(Route.objects.filter(pk__in=due), skip_locked=True)
        left = certificates.due().filter(route__in=free).select_for_update(skip_locked=True, of=("self",))
        rows = list(left.select_related("route"))
        for row in rows:
            certificates.sign(row)
        return [_tell([row.route.name for row in rows])] if rows else []


@transaction.atomic
def _tell(names: Sequence[str]) -> Operation:
    return _start("routing.offer_certificates", names)


def _start(kind: str, names: Iterable[str], site: "dict[str, Any] | None" = None, **options: Any) -> Operation:
    params = {"names": sorted(names), **(site or {})}
    return operations.start(kind, params, **{"scopes": [], **options})
