"""HTTP with an authority: signed requests, time limits, and every kind of answer made one of our errors."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, cast

import josepy
import requests
from acme import errors as acme_errors
from acme import messages
from acme.client import ClientNetwork

from .errors import AccountLost, AuthorityAway, RateLimited, Rejected

#: Seconds: to connect, and between two reads.
CONNECT, READ = 5.0, 20.0
#: How long to leave it alone when it wants fewer requests and does not say until when; and at most, whatever it says.
PAUSE, LONGEST_PAUSE = timedelta(hours=1), timedelta(days=7)
#: Tries of one request whose nonce it does not like: that is nobody's fault.
NONCES = 5
#: Characters of its texts that are kept.
_TEXT = 300


class Network(ClientNetwork):
    """One conversation; not for several threads at once."""

    def __init__(self, key: josepy.JWK, ca_file: str = "") -> None:
        super().__init__(
            key,
            alg=josepy.ES256,
            # requests takes a file of authorities too.
            verify_ssl=cast(bool, ca_file or True),
            user_agent="controlpanel",
            timeout=cast(int, (CONNECT, READ)),
        )
        self.session.trust_env = False
        #: Requests sent, for those who count.
        self.requests = 0
        self._last: requests.Response | None = None

    def _send_request(self, method: str, url: str, *args: Any, **kwargs: Any) -> requests.Response:
        self.requests += 1
        self._last = None
        self._last = super()._send_request(method, url, *args, **kwargs)
        return self._last

    def ask(self, request: Callable[[], requests.Response]) -> requests.Response:
        """The answer to a request. Raises an error of ``errors.py``, and nothing else."""
        for attempt in range(NONCES):
            try:
                return request()
            except messages.Error as error:
                if error.code == "badNonce" and attempt + 1 < NONCES:
                    continue
                raise self._translated(error) from error
            except (acme_errors.Error, requests.RequestException, josepy.errors.Error, ValueError, KeyError) as error:
                raise self._away(f"{type(error).__name__}: {error}") from error
        raise AuthorityAway("it accepts no nonce")

    def _translated(self, error: messages.Error) -> Exception:
        code = (error.typ or "").rpartition(":")[2]
        detail = str(error.detail or error.title or code)[:_TEXT]
        if code == "rateLimited" or self._status() == 429:
            return RateLimited(detail, self._retry_at() or datetime.now(UTC) + PAUSE)
        if code == "accountDoesNotExist":
            return AccountLost(detail)
        if code in ("serverInternal", "badNonce") or self._status() >= 500:
            return self._away(detail)
        return Rejected(code, detail)

    def _away(self, reason: str) -> Exception:
        if self._status() == 429:  # without a document
            return RateLimited("", self._retry_at() or datetime.now(UTC) + PAUSE)
        return AuthorityAway(reason[:_TEXT], self._retry_at())

    def _status(self) -> int:
        return self._last.status_code if self._last is not None else 0

    def _retry_at(self) -> datetime | None:
        """What its Retry-After says, in either of its forms."""
        text = self._last.headers.get("Retry-After", "") if self._last is not None else ""
        now = datetime.now(UTC)
        try:
            at = now + timedelta(seconds=int(text)) if text.isdigit() else parsedate_to_datetime(text)
            return min(max(at, now), now + LONGEST_PAUSE)
        except (ValueError, TypeError, OverflowError):
            return None
