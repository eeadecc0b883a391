"""What a site's page and the API say of the certificates of its names."""

from dataclasses import dataclass
from typing import Any

from controlpanel.operations.errors import explain
from routing import dns_check, selectors
from routing.choices import CertificateState
from routing.models import Certificate

from .models import Site

#: Colour classes of the chips.
COLOURS: dict[str, str] = {
    CertificateState.ISSUED: "good",
    CertificateState.DUE: "active",
    CertificateState.ORDERED: "active",
    CertificateState.WAITING: "warning",
    CertificateState.FAILING: "bad",
}
#: Troubles that the owner of the name mends in the DNS.
OF_DNS = frozenset({"dns_no_record", "dns_elsewhere", "dns_partly", "dns_silent"})


@dataclass(frozen=True)
class NameCertificate:
    """One name of a site, for its page."""

    name: str
    row: Certificate
    #: What to set in the DNS, while that is what keeps it.
    records: list[dns_check.Record]

    @property
    def colour(self) -> str:
        return COLOURS.get(self.row.told_state, "neutral")

    @property
    def state(self) -> str:
        """In the reader's language."""
        return str(CertificateState(self.row.told_state).label)

    @property
    def trouble(self) -> str:
        return explain(self.row.trouble)

    @property
    def may_retry(self) -> bool:
        return self.row.told_state in (CertificateState.WAITING, CertificateState.FAILING, CertificateState.DUE)


def of_site(site: Site) -> list[NameCertificate]:
    """The site's names, those that only lead to others last, each with its certificate."""
    rows = list(selectors.certificates_of(site.pk).defer("key_pem", "order_key_pem"))
    rows.sort(key=lambda row: (bool(row.route.redirect_to), row.route.name))
    to_set = records_of(site.pk, rows)
    return [NameCertificate(row.route.name, row, to_set.get(row.route.name, [])) for row in rows]


def records_of(site_id: int, rows: list[Certificate]) -> dict[str, list[dns_check.Record]]:
    """By name: the DNS records to set, for those whose DNS keeps them from a certificate."""
    kept = [row for row in rows if row.trouble.get("code") in OF_DNS]
    if not kept:
        return {}
    found: dict[str, list[dns_check.Record]] = {}
    known: dict[str, dict[str, Any]] = {row.route.name: row.dns for row in kept}
    for record in dns_check.records(list(known), site_id, known):
        found.setdefault(record.name, []).append(record)
    return found
