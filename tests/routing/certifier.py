"""An authority of the tests' own."""

from typing import Any

from routing import authority
from routing.models import Authority

from .edges import present


class Certifier:
    """Signs like the panel's authority, but lives in memory: edges trust nobody, so any will do."""

    def __init__(self) -> None:
        self.pem, key = authority.make()
        self._row = Authority(certificate_pem=self.pem, key_pem=key)

    def certificate(self, site: int, *names: str) -> dict[str, Any]:
        issued = authority.issue(self._row, list(names))
        pem = issued.chain_pem + issued.key_pem
        return present("certificate", f"route-{site}", {"names": list(names), "pem": pem})
