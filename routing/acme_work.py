"""What is done with an authority for a batch of names, in a thread of its own: ordering, validating, revoking.

Each name's outcome is written as soon as it is known, by one conditional UPDATE of ``certificates.py``: a worker that
is killed in the middle loses at most one request, and whoever repeats the step goes on from the rows.
"""

import time
from collections.abc import Callable, Collection
from datetime import timedelta
from typing import Any

import structlog
from django.db.models import Q
from django.utils import timezone

from . import acme_accounts, certificates
from .acme.authority import AcmeAuthority, new_key
from .acme.errors import AccountLost, AuthorityAway, RateLimited, Rejected
from .choices import CertificateState as State
from .models import AcmeAccount, Certificate

log = structlog.get_logger()

#: Seconds that a batch is waited for until it is validated and signed; what is not then is gone on with later.
PATIENCE = 60.0
#: Seconds between two looks at the orders that are open: first, and at most.
_LOOK, _LONGEST_LOOK = 0.2, 2.0


class Batch:
    """Names, one after the other; the first trouble that is the account's ends it for all that are left."""

    def __init__(self, names: Collection[str], asked: bool = False) -> None:
        """``asked``: by a person, who may try an authority that did not answer; not one that wants fewer requests."""
        self.names = names
        self.account: AcmeAccount = acme_accounts.current()
        self.speaker: AcmeAuthority = acme_accounts.authority(self.account)
        self.done: list[str] = []
        #: The first trouble, for the step: ``{"code", "params"}``.
        self.trouble: dict[str, Any] = {}
        self._code = (self.account.trouble or {}).get("code", "acme_away")
        self._until = None if asked and self._code == "acme_away" else acme_accounts.paused_until()

    # --- ordering ------------------------------------------------------------------------------------------------

    def order(self) -> dict[str, Any]:
        """An order for each name that is claimed; the one that it has is gone on with."""
        left = acme_accounts.orders_left()
        for row in certificates.named(self.names).filter(retry_at=None).exclude(state__in=(State.LEAVING,)):
            if left <= 0 and not row.order_url:
                self._postpone(row, "acme_budget", timezone.now() + timedelta(minutes=10))
            elif self._each(row, lambda row=row: self._order(row)):  # type: ignore[misc]
                left -= 1
        return self._answer()

    def _order(self, row: Certificate) -> None:
        order, key_pem = None, row.order_key_pem
        if row.order_url:
            try:
                order = self.speaker.read_order(row.order_url)
            except Rejected:  # it is long gone
                order = None
        if order is None or order.state == "invalid" or not key_pem:
            key_pem = new_key()
            order = self.speaker.order(row.route.name)
        challenge = self.speaker.challenge(order) if order.state == "pending" else None
        if certificates.ordered(row, order, key_pem, challenge):
            self.done.append(row.route.name)

    # --- validating ----------------------------------------------------------------------------------------------

    def validate(self) -> dict[str, Any]:
        """Let the authority look at each name that is ordered, and fetch what it signs."""
        ordered = Q(retry_at=None, state=State.ORDERED)
        open_orders = list(certificates.named(self.names).filter(ordered))
        for row in open_orders:
            if row.challenge_url:
                self._each(row, lambda row=row: self._present(row))  # type: ignore[misc]
        deadline, pause = time.monotonic() + PATIENCE, 0.0
        while open_orders and time.monotonic() < deadline:
            time.sleep(pause)
            pause = min(_LONGEST_LOOK, pause * 1.5 or _LOOK)
            open_orders = [
                row for row in open_orders
                if self._each(row, lambda row=row: self._advance(row)) is False  # type: ignore[misc]
            ]  # fmt: skip
        for row in open_orders:
            self._postpone(row, "acme_away", timezone.now() + timedelta(minutes=5))
        return self._answer()

    def _present(self, row: Certificate) -> None:
        """Edges answer by now: let it look."""
        try:
            self.speaker.answer_at(row.challenge_url, row.key_authorization)
        except Rejected as error:  # it has looked already; the order says what it saw
            log.info("challenge was answered before", name=row.route.name, reason=str(error))

    def _advance(self, row: Certificate) -> bool:
        """Bring an order further; False while the authority needs more time."""
        name = row.route.name
        order = self.speaker.read_order(row.order_url)
        if order.state == "ready":
            order = self.speaker.finalize(order, name, row.order_key_pem)
        if order.state == "valid":
            if certificates.issued(row, self.speaker.chain(order)):
                self.done.append(name)
            return True
        if order.state == "invalid":
            problem = order.problem or self.speaker.challenge(order).problem
            reason = str(problem.get("detail") or problem.get("type") or "?")[:300]
            self._fail(row, {"code": "acme_invalid", "params": {"name": name, "reason": reason}})
            return True
        return False

    # --- revoking ------------------------------------------------------------------------------------------------

    def revoke(self) -> dict[str, Any]:
        """Take back the certificates of names that were taken off their sites."""
        rows = Certificate.objects.filter(route__name__in=self.names, state=State.LEAVING).select_related("route")
        for row in rows.order_by("route__name"):
            if not row.chain_pem or (row.not_after and row.not_after <= timezone.now()):
                certificates.revoked(row)
                continue
            self._each(row, lambda row=row: self._revoke(row))  # type: ignore[misc]
        return self._answer()

    def _revoke(self, row: Certificate) -> None:
        self.speaker.revoke(row.chain_pem)
        certificates.revoked(row)
        self.done.append(row.route.name)

    # --- pieces --------------------------------------------------------------------------------------------------

    def _each(self, row: Certificate, work: Callable[[], object]) -> object:
        """Do it for one name. What it returns; None when it came to nothing, which is written down."""
        if self._until is not None:
            self._postpone(row, self._code, self._until)
            return None
        try:
            for again in (True, False):
                try:
                    acme_accounts.ensure_registered(self.account, self.speaker)
                    outcome = work()
                    acme_accounts.heard(self.account)
                    return outcome if outcome is not None else True
                except AccountLost:
                    if not again:
                        raise
                    acme_accounts.forget(self.account)
        except RateLimited as error:
            if error.is_about(row.route.name):
                self._postpone(row, "acme_limited", error.until)
            else:
                self._pause(row, error)
        except (AuthorityAway, AccountLost) as error:
            self._pause(row, error)
        except Rejected as error:
            params = {"name": row.route.name, "reason": error.detail}
            self._fail(row, {"code": "acme_refused", "params": params})
        return None

    def _pause(self, row: Certificate, error: AuthorityAway | RateLimited | AccountLost) -> None:
        log.warning("certificate authority", error=type(error).__name__, reason=str(error))
        self._until = acme_accounts.pause(self.account, error)
        self._code = "acme_limited" if isinstance(error, RateLimited) else "acme_away"
        self._postpone(row, self._code, self._until)

    def _postpone(self, row: Certificate, code: str, until: Any) -> None:
        self.trouble = self.trouble or {"code": code, "params": {}}
        if row.state == State.LEAVING:
            certificates.not_revoked(row, {"code": code, "params": {}}, until)
        else:
            certificates.postponed(row, until, code)

    def _fail(self, row: Certificate, trouble: dict[str, Any]) -> None:
        self.trouble = self.trouble or trouble
        (certificates.not_revoked if row.state == State.LEAVING else certificates.failed)(row, trouble)

    def _answer(self) -> dict[str, Any]:
        """For the step: how it went. Names only, no secret."""
        return {"done": self.done, "trouble": self.trouble, "requests": self.speaker.network.requests}
