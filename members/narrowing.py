"""What a token may be narrowed to: members, hosting orders, sites. It is kept as text, one limit an entry.

A limit names the whole way down (``member:3/order:5/site:7``), so that whether its login may still go there is seen
from the login's accesses alone, without asking the app that knows orders and sites. Those never change hands.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

_FORM = re.compile(r"member:([0-9]{1,18})(?:/order:([0-9]{1,18})(?:/site:([0-9]{1,18}))?)?\Z")


@dataclass(frozen=True, order=True)
class Limit:
    """A member as a whole, one of its orders, or one site of that order."""

    member: int
    order: int = 0
    site: int = 0

    def __str__(self) -> str:
        text = f"member:{self.member}"
        text += f"/order:{self.order}" if self.order else ""
        return text + (f"/site:{self.site}" if self.site else "")

    @property
    def scope(self) -> str:
        """As operations have them: "member:3", "order:5", "site:7"."""
        return str(self).rsplit("/", 1)[-1]


def parse(texts: Iterable[str]) -> list[Limit]:
    """Back from their texts. One that is not well-formed limits to nothing at all: it is left out."""
    found = (_FORM.match(text) for text in texts)
    return [Limit(*(int(number or 0) for number in match.groups())) for match in found if match]
