"""``acme_challenge`` "route-12": what an edge answers to a certificate authority about a name, while it is asked."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Dict, List

from .. import fields
from ..errors import Invalid
from ..haproxy import acme, drift, rows
from ..haproxy.changes import changes_of
from .base import Item, Kind

if TYPE_CHECKING:
    from ..transaction import Transaction

_ID = re.compile(r"\Aroute-[1-9][0-9]{0,18}\Z")


class AcmeChallenge(Kind):
    """Spec: ``{"token", "answer": token, dot, fingerprint of the account's key}``."""

    name = "acme_challenge"
    roles = frozenset({"edge"})
    order = 15

    def validate(self, id: str, spec: Dict[str, Any]) -> Dict[str, Any]:
        if not _ID.match(id):
            raise Invalid("not the id of a public name")
        fields.only(spec, ("token", "answer"))
        token, answer = fields.text(spec, "token", 128), fields.text(spec, "answer", 256)
        if not acme.TOKEN.match(token):
            raise Invalid("token: not a token of ACME")
        if not acme.ANSWER.match(answer) or not answer.startswith(token + "."):
            raise Invalid("answer: not the answer to that token")
        return {"token": token, "answer": answer}

    def apply(self, tx: "Transaction", items: List[Item]) -> None:
        changes_of(tx).edit(rows.merge(rows.of_acme_challenge(item.id, item.spec, item.previous) for item in items))

    def remove(self, tx: "Transaction", items: List[Item]) -> None:
        changes_of(tx).edit(rows.merge(rows.of_acme_challenge(item.id, None, item.previous) for item in items))

    def observe_all(self, specs: Dict[str, Dict[str, Any]]) -> Dict[str, str]:
        return drift.of_rows({id: rows.of_acme_challenge(id, spec) for id, spec in specs.items()})
