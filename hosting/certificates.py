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
        return COLOURS.get(self.row.state, "neutral")

    @property
    def trouble(self) -> str:
        return explain(self.row.trouble)

    @property
    def under_way(self) -> bool:
        return self.row.retry_at is None and self.row.state != CertificateState.ISSUED

    @property
    def may_retry(self) -> bool:
        return not self.under_way and self.row.state in (
            CertificateState.WAITING, CertificateState.FAILING, CertificateState.DUE,
        )  # fmt: skip


def of_site(site: Site) -> list[NameCertificate]:
    """The site's names in the order of its page, each with its certificate."""
    rows = {row.route.name: row for row in selectors.certificates_of(site.pk).defer("key_pem", "order_key_pem")}
    names = [name for name in (*site.served_names, *site.redirect_names) if name in rows]
    to_set = records_of(site.pk, [rows[name] for name in names])
    return [NameCertificate(name, rows[name], to_set.get(name, [])) for name in names]


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
