"""WordPress sites: a PHP site, its database and the program in one order and one operation."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from controlpanel.operations.models import Operation

from .. import intents, selectors, wordpress
from ..choices import DatabaseEngine, SiteKind, SiteState
from ..databases import verifiers
from ..errors import InvalidChoice, InvalidTitle, NoApplication, SiteNotRunning
from ..models import Application, HostingOrder, Site
from . import sites
from .databases import add_database

MOST_TITLE = 200


@dataclass(frozen=True)
class Credentials:
    """How to log in. ``password`` is there once: it is stored nowhere."""

    username: str
    password: str


def create_wordpress(
    actor: "selectors.Actor",
    order: HostingOrder | int,
    domains: Iterable[str],
    *,
    title: str = "",
    language: str = "",
    redirects: Iterable[str] = (),
    php_workers: int = sites.DEFAULT_WORKERS,
    idempotency_key: str = "",
    requested_from: str | None = None,
) -> tuple[Site, Operation, Credentials]:
    """A new site with WordPress in it, ready to log in when the operation has succeeded.

    Without a title it is called by its main name. The same key from the same login gives the same operation, but no
    password. Raises as ``create_site``, and InvalidTitle, InvalidChoice, DatabasesFull, NoDatabaseCapacity.
    """
    title = " ".join(title.split())
    if len(title) > MOST_TITLE or not title.isprintable():
        raise InvalidTitle("title", limit=MOST_TITLE)
    if language not in wordpress.LANGUAGES:
        raise InvalidChoice("language")
    password = ""

    def also(order: HostingOrder, site: Site) -> dict[str, Any]:
        nonlocal password
        database, database_password = add_database(order, DatabaseEngine.MARIADB, site)
        password = verifiers.new_password()
        login = actor if actor is not None and actor.is_authenticated else None
        Application.objects.create(
            site=site,
            database=database,
            title=title or site.name[:MOST_TITLE],
            language=language,
            username=wordpress.username_for(login.username if login else ""),
            email=(login.email if login else "") or f"webmaster@{site.primary}",
            password_hash=wordpress.password_hash(password),
            database_password=database_password,
        )
        return {"database": database.pk}

    site, operation = sites.create_site(
        actor,
        order,
        SiteKind.WORDPRESS,
        domains,
        redirects=redirects,
        php_workers=php_workers,
        idempotency_key=idempotency_key,
        requested_from=requested_from,
        also=also,
    )
    return site, operation, Credentials(site.application.username, password)


def new_wordpress_password(
    actor: "selectors.Actor",
    site: Site | int,
    *,
    idempotency_key: str = "",
    requested_from: str | None = None,
) -> tuple[Site, Operation, Credentials]:
    """Another password for the administrator of the site's WordPress; who is logged in as that is logged out.

    Raises NoApplication, SiteNotRunning, and as ``edit_site``.
    """
    site = selectors.site_for(actor, site if isinstance(site, int) else site.pk)
    application = Application.objects.filter(site=site).exclude(installed=None).first()
    if application is None:
        raise NoApplication
    password = ""

    def make() -> Operation:
        nonlocal password
        locked = intents.lock(site)
        intents.check_changeable(locked)
        if not locked.enabled:
            raise SiteNotRunning
        password = verifiers.new_password()
        Application.objects.filter(pk=application.pk).update(password_hash=wordpress.password_hash(password))
        intents.intend(locked, SiteState.UPDATING)
        return intents.start("hosting.new_wordpress_password", locked, actor, idempotency_key, requested_from)

    changed, operation = intents.changed(actor, site, "hosting.new_wordpress_password", idempotency_key, make)
    return changed, operation, Credentials(application.username, password)
