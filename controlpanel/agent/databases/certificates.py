"""The server's certificate, which is also how this host shows itself to other database hosts."""

from __future__ import annotations

import os
import re
import ssl
from typing import Callable, Tuple

from .. import commands
from ..errors import Failed, Invalid

_BLOCK = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----\n.*?-----END \1-----\n", re.DOTALL)


def split(pem: str) -> Tuple[str, str]:
    """Chain (leaf first) and key of a PEM text that ``fields.pem`` has normalized."""
    blocks = [match.group(0) for match in _BLOCK.finditer(pem)]
    chain = [block for block in blocks if "PRIVATE KEY" not in block.split("\n", 1)[0]]
    keys = [block for block in blocks if "PRIVATE KEY" in block.split("\n", 1)[0]]
    if not chain or len(keys) != 1:
        raise Invalid("certificate_pem: not a chain and one key")
    return "".join(chain), keys[0]


def check_pair(pem: str) -> None:
    """Refuse what OpenSSL does not read, and a key of another certificate."""
    with _in_memory(pem) as path:
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(path)
        except (ssl.SSLError, OSError):
            raise Invalid("certificate_pem: no certificate with its key") from None


def check_purpose(chain: str, ca: str, address: str, run: Callable[..., str] = commands.run) -> None:
    """It must serve clients at that address and be believed by other database hosts. Raises Invalid."""
    with _in_memory(chain) as path, _in_memory(ca) as trusted:
        for purpose, more in (("sslserver", ["-verify_ip", address]), ("sslclient", [])):
            verify = ["openssl", "verify", "-purpose", purpose, *more, "-CAfile", trusted, "-untrusted", path, path]
            try:
                run(verify)
            except Failed as error:
                raise Invalid(f"certificate_pem: not fit as {purpose} of {address}", error.output) from error


class _in_memory:
    """A file that is never on a disk, by its path (also for programs that we start)."""

    def __init__(self, text: str) -> None:
        self._fd = os.memfd_create("pem")
        os.write(self._fd, text.encode())

    def __enter__(self) -> str:
        return "/proc/%d/fd/%d" % (os.getpid(), self._fd)

    def __exit__(self, *_: object) -> None:
        os.close(self._fd)
