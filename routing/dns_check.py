"""Where a public name leads, asked before an authority is: it counts every validation that fails."""

import ipaddress
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import dns.exception
import dns.resolver
from django.conf import settings
from django.utils.translation import gettext_lazy as _
from dns.rdatatype import RdataType

from controlpanel.fleet.models import Host
from controlpanel.operations.errors import add_messages

from . import packet_filter, selectors
from .models import Shield

add_messages(
    {
        "dns_no_record": _("%(name)s has no address in the DNS yet."),
        "dns_elsewhere": _("%(name)s leads to %(addresses)s, which is not here."),
        "dns_partly": _("%(name)s leads here, but also to %(addresses)s, which is not here. Remove those records."),
        "dns_silent": _("The DNS servers of %(name)s do not answer, or not properly."),
        "dns_caa": _(
            "A CAA record of %(domain)s allows only other authorities to issue certificates. Remove it, or add one"
            " that allows “%(authority)s”."
        ),
    }
)

#: Seconds for one question, whatever has to be asked for it.
LIFETIME = 8.0
#: Names that are asked for at once.
_AT_ONCE = 10
#: Addresses of a name that are kept.
_MOST = 20


@dataclass(frozen=True)
class Found:
    """What the DNS says of a name."""

    addresses: tuple[str, ...] = ()
    #: The name that it is only an alias of (CNAME); empty when it is none.
    alias: str = ""
    #: The servers did not answer, or said that something is broken.
    silent: bool = False
    #: The closest CAA records: of which name, and whom they let issue.
    caa_domain: str = ""
    caa_issuers: tuple[str, ...] = field(default=())

    def as_row(self) -> dict[str, Any]:
        """For ``Certificate.dns``."""
        return {"addresses": list(self.addresses), "alias": self.alias}


@dataclass(frozen=True)
class Record:
    """A DNS record to set, and what there is now (addresses, or nothing)."""

    name: str
    type: str
    value: str
    now: tuple[str, ...]

    @property
    def is_right(self) -> bool:
        return self.value in self.now


def edge_addresses() -> list[str]:
    """Where public names should lead."""
    if settings.EDGE_PUBLIC_ADDRESSES:
        return [str(ipaddress.ip_address(text)) for text in settings.EDGE_PUBLIC_ADDRESSES]
    return [edge.address for edge in selectors.edges()]


def our_addresses() -> frozenset[str]:
    """Everything that is answered by an edge: those, the edges' own, and the shielded ones."""
    own = Host.objects.filter(pk__in=selectors.edges()).values_list("address", flat=True)
    found = [*edge_addresses(), *own, *packet_filter.shielded_addresses()]
    return frozenset(str(ipaddress.ip_address(address)) for address in found)


class Targets:
    """Where the names of sites should lead: read once, for any number of sites."""

    def __init__(self) -> None:
        self._edges = edge_addresses()
        self._shielded = packet_filter.shielded_addresses()
        own = Shield.objects.filter(own_addresses=True, removed=False) if self._shielded else Shield.objects.none()
        self._shielded_sites = frozenset(own.values_list("site_id", flat=True))

    def records(self, name: str, site_id: int, dns: Mapping[str, Any]) -> list[Record]:
        """What to set for a name of a site so that it leads here. ``dns``: as in ``Certificate.dns``."""
        found = []
        for address in self._shielded if site_id in self._shielded_sites else self._edges:
            version = ipaddress.ip_address(address).version
            now = [each for each in dns.get("addresses", ()) if ipaddress.ip_address(each).version == version]
            found.append(Record(name, "AAAA" if version == 6 else "A", address, tuple(now)))
        return found


def look(names: Iterable[str]) -> dict[str, Found]:
    """What the DNS says of each name. It never raises for what it finds. No database is used."""
    names = list(names)
    with ThreadPoolExecutor(max_workers=max(1, min(_AT_ONCE, len(names)))) as pool:
        return dict(zip(names, pool.map(_look, names), strict=True))


def verdict(name: str, found: Found, ours: frozenset[str], identities: Callable[[], list[str]]) -> dict[str, Any]:
    """The trouble (``{"code", "params"}``) that keeps an authority from validating the name; empty when nothing does.

    ``identities``: by which names CAA records may allow the authority; asked only when there are such records.
    """
    if found.silent:
        return {"code": "dns_silent", "params": {"name": name}}
    if not found.addresses:
        return {"code": "dns_no_record", "params": {"name": name}}
    others = [address for address in found.addresses if address not in ours]
    if others:
        code = "dns_partly" if len(others) < len(found.addresses) else "dns_elsewhere"
        return {"code": code, "params": {"name": name, "addresses": ", ".join(others)}}
    if found.caa_domain and (allowed := identities()) and not set(allowed) & set(found.caa_issuers):
        return {"code": "dns_caa", "params": {"name": name, "domain": found.caa_domain, "authority": allowed[0]}}
    return {}


def _look(name: str) -> Found:
    resolver = _resolver()
    addresses: list[str] = []
    alias = ""
    for kind in (RdataType.A, RdataType.AAAA):
        try:
            answer = resolver.resolve(f"{name}.", kind)
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            continue
        except (dns.exception.DNSException, OSError):
            return Found(silent=True)
        addresses += [str(ipaddress.ip_address(row.address)) for row in answer]
        target = answer.canonical_name.to_text(omit_final_dot=True).lower()
        alias = target if target != name else alias
    if not addresses:
        return Found(alias=alias)
    domain, issuers = _caa(resolver, name)
    return Found(tuple(sorted(addresses)[:_MOST]), alias[:253], False, domain, issuers)


def _caa(resolver: dns.resolver.Resolver, name: str) -> tuple[str, tuple[str, ...]]:
    """The closest CAA records towards the root (RFC 8659): whose they are, and whom they let issue."""
    labels = name.split(".")
    for at in range(len(labels)):
        domain = ".".join(labels[at:])
        try:
            answer = resolver.resolve(f"{domain}.", RdataType.CAA)
        except dns.exception.DNSException:
            continue  # none; or no answer, and then the authority will say so
        except OSError:
            continue
        issuers = [row.value.decode("ascii", "replace") for row in answer if row.tag.lower() == b"issue"]
        if issuers:
            return domain, tuple(each.partition(";")[0].strip().lower() for each in issuers)
        return "", ()  # records that say nothing about issuing allow everybody
    return "", ()


def _resolver() -> dns.resolver.Resolver:
    wanted = [text.strip() for text in settings.DNS_RESOLVERS if text.strip()]
    resolver = dns.resolver.Resolver(configure=not wanted)
    if wanted:
        places = [_place(text) for text in wanted]
        resolver.nameservers = [address for address, _port in places]
        resolver.nameserver_ports = dict(places)
    resolver.lifetime, resolver.timeout = LIFETIME, 3.0
    return resolver


def _place(text: str) -> tuple[str, int]:
    """Address and port of ``192.0.2.1``, ``192.0.2.1:53``, ``[2001:db8::1]:53`` or ``2001:db8::1``."""
    if text.startswith("["):
        address, _, port = text[1:].partition("]")
        return address, int(port.lstrip(":") or 53)
    if text.count(":") == 1:
        address, _, port = text.partition(":")
        return address, int(port)
    return text, 53
