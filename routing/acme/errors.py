"""What can go wrong with an authority, as far as it makes a difference to what is done next."""

from datetime import datetime


class AuthorityAway(Exception):
    """It does not answer, or answers nonsense; ``until``: when it said that it might be back."""

    def __init__(self, reason: str, until: datetime | None = None) -> None:
        super().__init__(reason)
        self.until = until


class RateLimited(Exception):
    """It wants fewer requests: none before ``until``. ``detail`` is its own text."""

    def __init__(self, detail: str, until: datetime) -> None:
        super().__init__(detail)
        self.detail = detail
        self.until = until

    def is_about(self, name: str) -> bool:
        """Whether the limit is one of this name or its domain, not of the account: others may go on then."""
        labels = name.split(".")
        domains = [".".join(labels[at:]) for at in range(max(1, len(labels) - 1))]
        words = {word.strip("\"'.,:;()[]<>") for word in self.detail.lower().split()}
        return any(domain in words for domain in domains)


class AccountLost(Exception):
    """It does not know our account (any more)."""


class Rejected(Exception):
    """It understood, and said no to this one request. ``code`` is ACME's (``caa``, ``rejectedIdentifier``, …)."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail
