"""Until when the PHP of a web host gets security fixes. Sites cannot choose one: they run what their host has."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.utils import timezone

#: The last day of fixes by the PHP project: https://www.php.net/supported-versions.php, and for what is no longer
#: there https://www.php.net/eol.php. A new release is added here, and until then nothing is said of it.
BY_PHP: Mapping[str, date] = {
    "7.4": date(2022, 11, 28),
    "8.0": date(2023, 11, 26),
    "8.1": date(2025, 12, 31),
    "8.2": date(2026, 12, 31),
    "8.3": date(2027, 12, 31),
    "8.4": date(2028, 12, 31),
    "8.5": date(2029, 12, 31),
}
#: A Debian release to the PHP in it, and the last day of its long-term support: https://wiki.debian.org/LTS.
BY_DEBIAN: Mapping[str, tuple[str, date]] = {
    "11": ("7.4", date(2026, 8, 31)),
    "12": ("8.2", date(2028, 6, 30)),
    "13": ("8.4", date(2030, 6, 30)),
}
#: So long before the end people are told: half a year, for a site's programs may need work.
SOON = timedelta(days=183)


@dataclass(frozen=True)
class Support:
    """Of the PHP on a host."""

    #: "8.4"
    version: str
    #: The last day on which what is found is mended.
    until: date

    @property
    def ended(self) -> bool:
        return self.until < timezone.localdate()

    @property
    def ends_soon(self) -> bool:
        return not self.ended and self.until < timezone.localdate() + SOON


def support_of(facts: Mapping[str, Any]) -> Support | None:
    """As a host's ``facts`` tell ("php" and "os"); None when it has no PHP, or one that is not known here.

    The later of two days counts. Debian mends its own PHP for as long as the release that it came with, also after the
    PHP project has stopped, and its hosts get that without anybody's doing; so the PHP of the host's own Debian is good
    until the end of that Debian's long-term support. Any other PHP was brought by its operator, and is good for as long
    as the PHP project mends it, for whoever packs it does not do more.
    """
    version = str(facts.get("php", ""))
    days = [BY_PHP[version]] if version in BY_PHP else []
    debian = re.search(r"debian\D*(\d+)", str(facts.get("os", "")), re.IGNORECASE)
    own, until = BY_DEBIAN.get(debian[1] if debian else "", ("", date.min))
    if version and version == own:
        days.append(until)
    return Support(version, max(days)) if days else None
