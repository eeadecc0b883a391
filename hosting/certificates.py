"""What a site's page and the API say of the certificates of its names."""

from dataclasses import dataclass

from cryptography import x509

from controlpanel.operations.errors import explain
from routing import dns_check, selectors
from routing.choices import CertificateSource, CertificateState
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
    def is_own(self) -> bool:
        """Its owners brought it (and another one may be on its way)."""
        return is_own(self.row)

    @property
    def lacks_chain(self) -> bool:
        return lacks_chain(self.row)

    @property
    def may_retry(self) -> bool:
        return self.row.told_state in (CertificateState.WAITING, CertificateState.FAILING, CertificateState.DUE)


def of_site(site: Site) -> list[NameCertificate]:
    """The site's names, those that only lead to others last, each with its certificate."""
    rows = list(selectors.certificates_of(site.pk).defer("key_pem", "order_key_pem"))
    rows.sort(key=lambda row: (bool(row.route.redirect_to), row.route.name))
    targets = dns_check.Targets() if any(lacks_dns(row) for row in rows) else None
    return [NameCertificate(row.route.name, row, records_of(row, targets)) for row in rows]


def is_own(row: Certificate) -> bool:
    """Whether edges offer what the site's members brought."""
    return row.source == CertificateSource.OWN and row.is_offered


def lacks_chain(row: Certificate) -> bool:
    """It was brought alone, and another has signed it: who does not know that one is warned by the browser."""
    if not is_own(row):
        return False
    chain = x509.load_pem_x509_certificates(row.chain_pem.encode())
    return len(chain) == 1 and chain[0].issuer != chain[0].subject


def lacks_dns(row: Certificate) -> bool:
    """Whether it is the name's DNS that keeps it from a certificate."""
    return row.trouble.get("code") in OF_DNS


def records_of(row: Certificate, targets: dns_check.Targets | None) -> list[dns_check.Record]:
    """The DNS records to set for a name whose DNS keeps it from a certificate; none for others."""
    if targets is None or not lacks_dns(row):
        return []
    return targets.records(row.route.name, row.route.backend.site_id, row.dns)
