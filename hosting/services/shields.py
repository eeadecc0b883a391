"""Shields and maintenance: what an order's administrators may do at once when their site is attacked or worked on.

A shield waits for nothing else that is done with the site: it has a reservation of its own.
"""

from collections.abc import Iterable
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import transaction

from controlpanel.operations import services as operations
from controlpanel.operations.locks import lock_resources
from controlpanel.operations.models import Operation
from members.models import Login
from routing import shields
from routing.models import Shield

from .. import intents, protection, selectors
from ..choices import SiteState
from ..models import Site
from ..names import Names


def shield_site(
    actor: "selectors.Actor",
    site: Site | int,
    *,
    level: str | None = None,
    requests: int | None = None,
    connections: int | None = None,
    blocked: Iterable[str] | None = None,
    trusted: Iterable[str] | None = None,
    open_paths: Iterable[str] | None = None,
    own_addresses: bool | None = None,
    idempotency_key: str = "",
    requested_from: str | None = None,
) -> tuple[Site, Operation]:
    """Change a site's shield: what is given, the rest stays.

    ``level`` is a ShieldLevel; ``requests`` of one visitor in 10 s, ``connections`` of one visitor at a time; networks
    as "192.0.2.0/24"; ``open_paths`` begin with "/". Raises Site.DoesNotExist and HostingError.
    """
    site = selectors.site_for(actor, site if isinstance(site, int) else site.pk)
    wanted = {
        "level": level,
        "requests": requests,
        "connections": connections,
        "blocked": blocked,
        "trusted": trusted,
        "open_paths": open_paths,
        "own_addresses": own_addresses,
    }
    clean = protection.check(**wanted)

    def make() -> Operation:
        lock_resources([f"shield:{site.pk}"])
        locked = intents.lock_existing(site.pk)
        now = shields.shield_of(site.pk)
        # A list that stays may clash with one that is new.
        protection.check(blocked=clean.get("blocked", now.blocked), trusted=clean.get("trusted", now.trusted))
        shields.set_shield(site.pk, **clean)
        return intents.start("routing.shield_site", locked, actor, idempotency_key, requested_from)

    return intents.changed(actor, site, "routing.shield_site", idempotency_key, make)


@transaction.atomic
def shield_all(
    actor: "selectors.Actor", level: str, *, requested_from: str | None = None, **values: Any
) -> tuple[Shield, Operation]:
    """The least level of every site, in an attack on everybody. Staff only: PermissionDenied for others."""
    if not isinstance(actor, Login) or not actor.is_staff:
        raise PermissionDenied
    clean = protection.check(level=level, **values)
    lock_resources([f"shield:{shields.EVERY_SITE}"])
    shield = shields.set_shield(shields.EVERY_SITE, **clean)
    operation = operations.start(
        "routing.shield_all", {"site": shields.EVERY_SITE}, scopes=[], actor=actor, requested_from=requested_from
    )
    return shield, operation


def decline_suggestion(actor: "selectors.Actor", site: Site | int) -> None:
    """No suggestion of a shield for this site for some hours. Raises Site.DoesNotExist."""
    site = selectors.site_for(actor, site if isinstance(site, int) else site.pk)
    shields.decline(site.pk)


def begin_maintenance(actor: "selectors.Actor", site: Site | int, **options: Any) -> tuple[Site, Operation]:
    """Visitors get the page that says that the site is being worked on, until ``end_maintenance``; it runs on behind.

    ``options`` are ``revision``, ``idempotency_key`` and ``requested_from``, as for ``disable_site``.
    """
    return _maintain(actor, site, True, **options)


def end_maintenance(actor: "selectors.Actor", site: Site | int, **options: Any) -> tuple[Site, Operation]:
    """Undo ``begin_maintenance``."""
    return _maintain(actor, site, False, **options)


def _maintain(
    actor: "selectors.Actor",
    site: Site | int,
    on: bool,
    *,
    revision: int | None = None,
    idempotency_key: str = "",
    requested_from: str | None = None,
) -> tuple[Site, Operation]:
    site = selectors.site_for(actor, site if isinstance(site, int) else site.pk)
    kind = "hosting.begin_maintenance" if on else "hosting.end_maintenance"

    def make() -> Operation:
        locked = intents.lock(site)
        intents.check_revision(locked, revision)
        intents.check_changeable(locked)
        locked.maintenance = on
        intents.route(locked, Names.of(locked))
        intents.intend(locked, SiteState.UPDATING, "maintenance")
        return intents.start(kind, locked, actor, idempotency_key, requested_from)

    return intents.changed(actor, site, kind, idempotency_key, make)
