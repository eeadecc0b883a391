"""Edge rules of a site: what an order's administrators may set at once, whatever else is done with the site."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from django.db import transaction

from controlpanel.operations.locks import lock_resources
from controlpanel.operations.models import Operation
from controlpanel.operations.signals import operation_finished
from routing import edge_rules
from routing.certificate_plans import IssueCertificates, OfferCertificates, RevokeCertificates, UseOwnCertificates

from .. import intents, selectors
from ..edge_rules import checks, doors
from ..edge_rules import redirects as redirect_checks
from ..edge_rules.doors import NewPassword
from ..errors import HostingError, RulesChanged, raise_all
from ..models import Site

KIND = "hosting.set_edge_rules"
CERTIFICATES_CHANGE = tuple(
    plan.kind for plan in (IssueCertificates, OfferCertificates, RevokeCertificates, UseOwnCertificates)
)


def set_edge_rules(
    actor: "selectors.Actor",
    site: Site | int,
    *,
    https: Mapping[str, Any] | None = None,
    redirects: Iterable[Mapping[str, Any]] | None = None,
    addresses: Iterable[Mapping[str, Any]] | None = None,
    protected: Iterable[Mapping[str, Any]] | None = None,
    notice: Mapping[str, Any] | None = None,
    revision: int | None = None,
    idempotency_key: str = "",
    requested_from: str | None = None,
) -> tuple[Site, Operation, list[NewPassword]]:
    """Replace the sections that are given; the rest stays. The third is the passwords that are new: nowhere kept.

    What each section holds: ``hosting/edge_rules/``. ``revision`` is what the change was made from. A repeated key
    gives no passwords. Raises Site.DoesNotExist and HostingError (RulesChanged when there is a newer revision).
    """
    site = selectors.site_for(actor, site if isinstance(site, int) else site.pk)
    given = {"https": https, "addresses": addresses, "notice": notice}
    fresh: list[NewPassword] = []

    def make() -> Operation:
        lock_resources([f"edge_rules:{site.pk}"])
        locked = intents.lock_existing(site.pk)
        now = edge_rules.locked(site.pk)
        if revision is not None and revision != now.revision:
            raise RulesChanged
        changes = _checked(given)
        if redirects is not None:
            names = [*locked.served_names, *locked.redirect_names]
            changes["redirects"] = redirect_checks.check(redirects, names)
        if protected is not None:
            changes["protected"], new = doors.check(site.pk, protected, now.protected)
            fresh.extend(new)
        edge_rules.set_rules(site.pk, **changes)
        return intents.start(KIND, locked, actor, idempotency_key, requested_from)

    changed, operation = intents.changed(actor, site, KIND, idempotency_key, make)
    return changed, operation, fresh


def follow_certificates(names: Collection[str] | None = None) -> list[Operation]:
    """Tell the edges of sites whose certificates have come or gone since they were last told: of all sites, or of those
    with one of these names. Certificates also end by themselves, so it comes round by the clock, too."""
    started = []
    for pk in edge_rules.behind_certificates(names):
        with transaction.atomic():
            lock_resources([f"edge_rules:{pk}"])
            site = Site.objects.select_related("order").select_for_update(of=("self",)).filter(pk=pk).first()
            if site is not None and edge_rules.follow_names(pk):
                started.append(intents.start(KIND, site, None, "", None))
    return started


def _certificates_changed(operation: Operation, **_: object) -> None:
    if operation.kind in CERTIFICATES_CHANGE:
        names = operation.params["names"]
        transaction.on_commit(lambda: follow_certificates(names), robust=True)


operation_finished.connect(_certificates_changed, dispatch_uid="hosting.edge_rules")


def _checked(given: Mapping[str, Any]) -> dict[str, Any]:
    """The sections that need nothing of the site, all their problems at once."""
    problems: list[HostingError] = []
    clean: dict[str, Any] = {}
    for name, check in (("https", checks.https), ("addresses", checks.addresses), ("notice", checks.notice)):
        if given[name] is None:
            continue
        try:
            clean |= check(given[name])
        except HostingError as error:
            problems += error.problems
    raise_all(problems)
    return clean
