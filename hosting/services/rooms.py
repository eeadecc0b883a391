"""Clean rooms: a private address at which a quarantined site can be looked at, by whoever may change it."""

import secrets
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from controlpanel.operations.models import Operation
from members.models import Login

from .. import intents, selectors
from ..choices import SiteState
from ..errors import NotQuarantined
from ..models import Quarantine, Site

#: Where edges let in (``controlpanel/agent/haproxy/rooms.py``).
ENTRANCE = "/.well-known/controlpanel-room/"


def open_room(
    actor: "selectors.Actor",
    site: Site | int,
    *,
    idempotency_key: str = "",
    requested_from: str | None = None,
) -> tuple[Site, Operation]:
    """A new secret address for ROOM_HOURS; one that there was before is good no more.

    For staff and for whoever may change the site. Its network stays cut, but for its own databases. Raises
    NotQuarantined, and what every change of a site raises.
    """
    return _change(actor, site, True, idempotency_key, requested_from)


def close_room(
    actor: "selectors.Actor",
    site: Site | int,
    *,
    idempotency_key: str = "",
    requested_from: str | None = None,
) -> tuple[Site, Operation]:
    """Nobody is let in any more, and its processes end."""
    return _change(actor, site, False, idempotency_key, requested_from)


def close_due() -> list[Operation]:
    """Close the rooms whose time is over (edges have let nobody in since then). Called by the clock."""
    due = Quarantine.objects.filter(ended=None, room_until__lte=timezone.now()).exclude(room_secret="")
    started = []
    for quarantine in due.select_related("site__order")[:50]:
        with transaction.atomic():
            locked = intents.lock(quarantine.site)
            if locked.room_open and locked.state in (SiteState.QUARANTINED, SiteState.FAILED):
                started.append(_write(locked, None, False, "", None))
    return started


def address_of(site: Site, quarantine: Quarantine) -> str:
    """What opens the room, for the eyes of those who may; empty while it is closed."""
    if not quarantine.room_is_open or not site.primary:
        return ""
    return f"https://{site.primary}{ENTRANCE}{quarantine.room_secret}"


def _change(
    actor: "selectors.Actor", site: Site | int, opened: bool, idempotency_key: str, requested_from: str | None
) -> tuple[Site, Operation]:
    site = selectors.site_for(actor, site if isinstance(site, int) else site.pk)
    kind = "hosting.open_room" if opened else "hosting.close_room"

    def make() -> Operation:
        locked = intents.lock(site)
        if not locked.quarantined:
            raise NotQuarantined
        intents.check_changeable(locked, even_suspended=True)
        return _write(locked, actor, opened, idempotency_key, requested_from)

    return intents.changed(actor, site, kind, idempotency_key, make)


def _write(
    site: Site, actor: "Login | selectors.Actor", opened: bool, idempotency_key: str, requested_from: str | None
) -> Operation:
    quarantine = Quarantine.objects.select_for_update().filter(site=site, ended=None).first()
    if quarantine is None:
        raise NotQuarantined
    site.room_open = opened
    intents.intend(site, SiteState.UPDATING, "room_open")
    quarantine.room_secret = secrets.token_urlsafe(32) if opened else ""
    quarantine.room_until = timezone.now() + timedelta(hours=settings.ROOM_HOURS) if opened else None
    # The site's own revision, so that it rises over all its quarantines.
    quarantine.room_revision = site.revision
    quarantine.save(update_fields=["room_secret", "room_until", "room_revision"])
    kind = "hosting.open_room" if opened else "hosting.close_room"
    return intents.start(kind, site, actor, idempotency_key, requested_from)
