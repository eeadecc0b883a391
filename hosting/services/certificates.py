"""Certificates of sites: what their owners may ask for. They are got, renewed and revoked by themselves, unless owners
bring their own."""

from collections.abc import Callable, Iterable

from controlpanel.operations import services as operations
from controlpanel.operations.models import Operation
from routing import issuing, own_certificates
from routing.models import Certificate

from .. import intents, selectors
from ..errors import HostingError, KeyReused, raise_all
from ..models import Site
from ..own_certificates import checks
from ..own_certificates.checks import OwnCertificate
from ..own_certificates.errors import NotCovered, NotOfThisSite
from ..validators import normalize, readable

_OWN = "routing.use_own_certificates"
#: So many names of a certificate are told.
_TOLD = 20


def retry_certificate(
    actor: "selectors.Actor",
    certificate: Certificate | int,
    *,
    idempotency_key: str = "",
    requested_from: str | None = None,
) -> tuple[Certificate, Operation]:
    """Try again now to get a name's certificate, because its DNS has been set right.

    Raises Certificate.DoesNotExist (also for another member's) and issuing.NothingToRetry.
    """
    return _ask(issuing.try_again, actor, certificate, idempotency_key, requested_from)


def automatic_certificate(
    actor: "selectors.Actor",
    certificate: Certificate | int,
    *,
    idempotency_key: str = "",
    requested_from: str | None = None,
) -> tuple[Certificate, Operation]:
    """Back to automatic certificates for a name: its owners' own one is offered until the other is there.

    Raises as ``retry_certificate`` does.
    """
    return _ask(issuing.go_back, actor, certificate, idempotency_key, requested_from)


def _ask(
    ask: Callable[..., Operation],
    actor: "selectors.Actor",
    certificate: Certificate | int,
    idempotency_key: str,
    requested_from: str | None,
) -> tuple[Certificate, Operation]:
    row = selectors.certificates_for(actor).get(pk=certificate if isinstance(certificate, int) else certificate.pk)
    site = Site.objects.select_related("order").prefetch_related("domains").get(pk=row.route.backend.site_id)

    def make() -> Operation:
        return ask(
            row,
            name=site.name,
            scopes=site.order.scopes,
            actor=intents.login_of(actor),
            idempotency_key=intents.stored_key(idempotency_key),
            requested_from=requested_from,
        )

    operation = operations.once(intents.login_of(actor), intents.stored_key(idempotency_key), make)
    if row.route.name not in operation.params.get("names", ()):
        raise KeyReused
    return selectors.certificates_for(actor).get(pk=row.pk), operation


def use_own_certificate(
    actor: "selectors.Actor",
    site: Site | int,
    *,
    chain: str,
    key: str,
    names: Iterable[str] = (),
    idempotency_key: str = "",
    requested_from: str | None = None,
) -> tuple[Site, Operation]:
    """Serve these names of a site (none: all that it covers) with this certificate, from all edges.

    ``chain`` and ``key`` are PEM as somebody pasted them. Raises Site.DoesNotExist and HostingError.
    """
    site = selectors.site_for(actor, site if isinstance(site, int) else site.pk)
    own = checks.read(chain, key)
    wanted = _wanted(site, own, names)

    def make() -> Operation:
        intents.lock_existing(site.pk)
        rows = own_certificates.lock(site.pk, wanted)
        known = {row.route.name for row in rows}
        raise_all([NotOfThisSite("names", name=readable(name)) for name in wanted if name not in known])
        return issuing.use_own(
            rows,
            own.chain_pem,
            own.key_pem,
            site_id=site.pk,
            name=site.name,
            fingerprint=own.fingerprint,
            scopes=site.scopes,
            actor=intents.login_of(actor),
            idempotency_key=intents.stored_key(idempotency_key),
            requested_from=requested_from,
        )

    changed, operation = intents.changed(actor, site, _OWN, idempotency_key, make)
    if (operation.params["fingerprint"], operation.params["names"]) != (own.fingerprint, sorted(wanted)):
        raise KeyReused
    return changed, operation


def _wanted(site: Site, own: OwnCertificate, names: Iterable[str]) -> list[str]:
    """The names that it is for; all that is wrong with them at once."""
    mine = [*site.served_names, *site.redirect_names]
    problems: list[HostingError] = []
    wanted: list[str] = []
    for text in list(names)[: 2 * len(mine) + 10]:
        try:
            name = normalize(text, "names")
        except HostingError as error:
            problems.append(error)
            continue
        if name not in mine:
            problems.append(NotOfThisSite("names", name=readable(name)))
        elif name not in wanted:
            wanted.append(name)
    raise_all(problems)
    missing = [name for name in wanted if not own.covers(name)]
    found = wanted or [name for name in mine if own.covers(name)]
    if missing or not found:
        told = ", ".join(map(checks.shortened, own.names[:_TOLD])) + (" …" if len(own.names) > _TOLD else "")
        lacking = ", ".join(readable(name) for name in missing or mine[:_TOLD])
        raise NotCovered("names", missing=lacking, covered=told)
    return found
