"""Certificates of sites: what their owners may ask for. They are got, renewed and revoked by themselves."""

from controlpanel.operations import services as operations
from controlpanel.operations.models import Operation
from routing import issuing
from routing.models import Certificate

from .. import intents, selectors
from ..errors import KeyReused
from ..models import Site

_KIND = "routing.issue_certificates"


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
    row = selectors.certificates_for(actor).get(pk=certificate if isinstance(certificate, int) else certificate.pk)
    site = Site.objects.select_related("order").prefetch_related("domains").get(pk=row.route.backend.site_id)

    def make() -> Operation:
        return issuing.try_again(
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
