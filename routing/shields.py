"""Shields of sites, and of all sites at once: rows only. Hosting calls these and starts the operation.

A shield is no mode of a site: it stays as it is while its site is moved, held or disabled, and may be changed
meanwhile.
"""

import base64
import secrets
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from .choices import ShieldLevel
from .models import Shield, ShieldKey

#: Values of a site that nobody has chosen any for: an ordinary page with its pictures stays far below.
REQUESTS, CONNECTIONS = 100, 50
#: What may be set; the agent checks the same.
MOST_REQUESTS, MOST_CONNECTIONS = 100_000, 10_000
MOST_NETWORKS, MOST_PATHS = 500, 100
#: The shield of all sites stands under this number, which no site has.
EVERY_SITE = 0
#: A suggestion that was declined is not made again for this long.
DECLINED = timedelta(hours=6)


def shield_of(site_id: int) -> Shield:
    """The site's shield; one that is off, and not saved, where it never had any."""
    found = Shield.objects.filter(site_id=site_id).first()
    return found or Shield(site_id=site_id, requests=REQUESTS, connections=CONNECTIONS, revision=0)


def shields_on(site_id: int) -> tuple[Shield, Shield | None]:
    """The site's shield, and that of all sites while there is one, in one query."""
    found = {shield.site_id: shield for shield in Shield.objects.filter(site_id__in=(site_id, EVERY_SITE))}
    mine = found.get(site_id) or Shield(site_id=site_id, requests=REQUESTS, connections=CONNECTIONS, revision=0)
    least = found.get(EVERY_SITE)
    return mine, least if least and least.level != ShieldLevel.OFF else None


def shield_of_all() -> Shield:
    """What every site has at least. (Always a row, so that it can be shown and switched.)"""
    values = {"requests": REQUESTS, "connections": CONNECTIONS}
    return Shield.objects.get_or_create(site_id=EVERY_SITE, defaults=values)[0]


@transaction.atomic
def set_shield(site_id: int, **changes: Any) -> Shield:
    """Change what is given (fields of Shield), and raise the revision when that changes anything. Values were checked.

    A site that is shielded by hand needs no suggestion any more.
    """
    shield, created = Shield.objects.select_for_update().get_or_create(
        site_id=site_id, defaults={"requests": REQUESTS, "connections": CONNECTIONS}
    )
    before = (shield.spec, shield.own_addresses, shield.removed)
    for name, value in changes.items():
        setattr(shield, name, value)
    shield.removed = False
    if created or before != (shield.spec, shield.own_addresses, shield.removed):
        shield.revision += 1
        shield.changed = timezone.now()
    if shield.level != ShieldLevel.OFF:
        shield.suggested = None
    shield.save()
    return shield


@transaction.atomic
def decline(site_id: int) -> None:
    """No suggestion for this site for a while."""
    until = timezone.now() + DECLINED
    Shield.objects.filter(site_id=site_id).update(suggested=None, quiet_until=until)


def remove(site_id: int) -> None:
    """The site is gone from the edges. If it comes back, it does so without a shield, and its lists are still known."""
    shields = Shield.objects.filter(site_id=site_id, removed=False)
    shields.update(removed=True, level=ShieldLevel.OFF, revision=F("revision") + 1, suggested=None)


def key() -> ShieldKey:
    """The secret that all edges make their tasks with; made at the first need."""
    found = ShieldKey.objects.filter(pk=1).first()
    if found is None:
        fresh = base64.b64encode(secrets.token_bytes(32)).decode()
        found, _created = ShieldKey.objects.get_or_create(pk=1, defaults={"key": fresh})
    return found
