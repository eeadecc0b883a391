"""Where messages may go: to the public internet, never into a network that the panel can reach and its members cannot.

A name is looked up at the moment of sending, what it leads to is judged, and that very address is connected to: between
the two nobody can make the name lead elsewhere. One forbidden address among several is enough to refuse.
"""

import socket
from collections.abc import Collection
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import SplitResult, urlsplit

import idna
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

Address = IPv4Address | IPv6Address

#: NAT64 (RFC 6052): an IPv4 address in the last 32 bits.
_NAT64 = ip_network("64:ff9b::/96")


class Refused(Exception):
    """``code`` is a key of ``troubles.py``."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def check_url(text: str) -> str:
    """The address of a receiver, its name as DNS has it. Raises ValidationError."""
    text = text.strip()
    schemes = ("https", "http") if settings.WEBHOOK_ALLOW_HTTP else ("https",)
    if not text.isprintable() or " " in text or "\\" in text or len(text) > 500:
        raise ValidationError(_("This is not an address of a web service."))
    try:
        parts = urlsplit(text)
        port, host = parts.port, parts.hostname or ""
    except ValueError:
        raise ValidationError(_("This is not an address of a web service.")) from None
    if parts.scheme not in schemes:
        raise ValidationError(_("It must begin with %(scheme)s."), params={"scheme": "https://"})
    if parts.username is not None or parts.password is not None or parts.fragment or port == 0 or not host:
        raise ValidationError(_("This is not an address of a web service."))
    try:
        literal: Address | None = ip_address(host)
    except ValueError:
        literal, host = None, _in_ascii(host)
    if literal is not None and not allowed(literal):
        raise ValidationError(_("This address is inside a network. Nothing is sent there."))
    name = f"[{host}]" if literal is not None and literal.version == 6 else host
    place = f"{name}:{port}" if port else name
    return SplitResult(parts.scheme, place, _quoted(parts.path) or "/", _quoted(parts.query), "").geturl()


def allowed(address: Address, own: Collection[str] = ()) -> bool:
    """Whether messages may go there. ``own``: addresses of our servers that serve no visitors."""
    if any(address in ip_network(network) for network in settings.WEBHOOK_ALLOWED_NETWORKS):
        return True
    inner: list[Address | None] = []
    if isinstance(address, IPv6Address):
        inner = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
        if address in _NAT64:
            inner.append(IPv4Address(int(address) & 0xFFFFFFFF))
    if any(one is not None and not allowed(one, own) for one in inner):
        return False
    return address.is_global and not address.is_multicast and str(address) not in own


def resolve(host: str, port: int, own: Collection[str] = ()) -> str:
    """The address to connect to. Raises Refused."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise Refused("unknown_name") from None
    addresses = [str(entry[4][0]).split("%")[0] for entry in found]
    if not addresses:
        raise Refused("unknown_name")
    if not all(allowed(ip_address(address), own) for address in addresses):
        raise Refused("refused_address")
    return addresses[0]


def _in_ascii(host: str) -> str:
    try:
        return idna.encode(host.rstrip("."), uts46=True).decode()
    except idna.IDNAError:
        raise ValidationError(_("This is not an address of a web service.")) from None


def _quoted(text: str) -> str:
    if not text.isascii():
        raise ValidationError(_("Write other characters than letters and digits as %%XX, please."))
    return text
