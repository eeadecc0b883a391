"""``certificate`` "route-12": a TLS certificate with its key, given to the running HAProxy without a reload."""

from __future__ import annotations

import os
import re
import ssl
from typing import TYPE_CHECKING, Any, Dict, List

from .. import fields
from ..errors import Invalid
from ..haproxy import drift, paths, rows
from ..haproxy.changes import changes_of
from .base import File, Item, Kind

if TYPE_CHECKING:
    from ..transaction import Transaction

#: A public name's; "site-12" is how an earlier release called those of a whole site, and may still have to go.
_ID = re.compile(r"\A(?:route|site)-[1-9][0-9]{0,18}\Z")


class Certificate(Kind):
    """Spec: ``{"names": [domain names it is for], "pem": chain, leaf first, and key}``.

    HAProxy offers it for ``names`` only, whatever else stands in the certificate: a member may have brought it.
    """

    name = "certificate"
    roles = frozenset({"edge"})
    order = 20
    secrets = frozenset({"pem"})

    def validate(self, id: str, spec: Dict[str, Any]) -> Dict[str, Any]:
        if not _ID.match(id):
            raise Invalid("not the id of a certificate")
        fields.only(spec, ("names", "pem"))
        names = fields.list_of(spec, "names", fields.domain_name, min=1, max=1000)
        # At most what one command can carry (tune.bufsize).
        pem = fields.pem(spec, "pem", ("CERTIFICATE", "PRIVATE KEY"), max=15000)
        _check_pair(pem)
        return {"names": names, "pem": pem}

    def files(self, id: str, spec: Dict[str, Any]) -> List[File]:
        return [File(paths.certificate_path(id), spec["pem"].encode(), 0o600)]

    def apply(self, tx: "Transaction", items: List[Item]) -> None:
        super().apply(tx, items)  # before the list: HAProxy does not start with a list that names a missing file
        changes = changes_of(tx)
        changes.edit(rows.merge(rows.of_certificate(item.id, item.spec) for item in items))
        for item in items:
            changes.certificate(paths.certificate_path(item.id))

    def remove(self, tx: "Transaction", items: List[Item]) -> None:
        changes = changes_of(tx)
        changes.edit(rows.merge(rows.of_certificate(item.id, None) for item in items))
        for item in items:
            if _ID.match(item.id):
                tx.remove(paths.certificate_path(item.id))
                changes.certificate(paths.certificate_path(item.id))

    def observe_all(self, specs: Dict[str, Dict[str, Any]]) -> Dict[str, str]:
        return drift.of_certificates(specs)


def _check_pair(pem: str) -> None:
    """Refuse what OpenSSL does not read, and a key of another certificate: HAProxy would not start with it."""
    fd = os.memfd_create("pem")  # never on a disk
    try:
        os.write(fd, pem.encode())
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain("/proc/self/fd/%d" % fd)
    except (ssl.SSLError, OSError):
        raise Invalid("pem: no certificate with its key") from None
    finally:
        os.close(fd)
