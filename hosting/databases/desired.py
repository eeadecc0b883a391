"""What database hosts and the gates of web hosts should hold, from the rows of databases."""

from collections.abc import Iterable

from django.db.models import Prefetch, Q, QuerySet

from controlpanel.fleet.choices import Role
from controlpanel.fleet.desired import Resource, provider
from controlpanel.fleet.models import Host

from ..choices import DatabaseState
from ..models import Database, DatabaseUser
from . import servers

#: States in which nobody should be able to reach a database.
GONE = (DatabaseState.DELETING, DatabaseState.DELETED, DatabaseState.PURGING)
_CHUNK = 500


@provider(Role.DATABASE)
def database_resources(host: Host) -> Iterable[Resource]:
    """Everything of one database host."""
    yield server_resource(host)
    here = Q(host=host) | Q(moving_to=host) | Q(copy_host=host)
    ips = servers.clients()
    for database in _live().filter(here).order_by("id").iterator(_CHUNK):
        yield database_resource(database, host.pk, ips)


@provider(Role.WEB)
def gate_resources(host: Host) -> Iterable[Resource]:
    """The ways to all databases: any site may be on any web host a second from now."""
    yield gate_resource()
    for database in _live().select_related("host").exclude(host=None).order_by("id").iterator(_CHUNK):
        yield route_resource(database)


def _live() -> QuerySet[Database]:
    undone = Q(state=DatabaseState.FAILED, placed=False)
    users = Prefetch("users", DatabaseUser.objects.order_by("id"))
    return Database.objects.exclude(state__in=GONE).exclude(undone).prefetch_related(users)


def server_resource(host: Host) -> Resource:
    """The servers themselves: certificate, and who may come."""
    revision, spec = servers.server_spec(host)
    return Resource("database_server", "base", revision, spec)


def gate_resource() -> Resource:
    """The gate itself."""
    base = servers.gate_base()
    return Resource("database_gate", "base", base.revision, {"ca_pem": base.ca_pem})


def state_on(database: Database, host_id: int) -> str:
    """What a database is on that host: never "serving" on two at once, for ``host`` is one.

    While connections wait in a move, the source is closed by a mark that the host keeps, whatever is said here.
    """
    if host_id == database.host_id:
        unfilled = database.state == DatabaseState.RESTORING and not database.placed
        return "locked" if unfilled or database.suspended else "serving"
    return "locked" if host_id == database.moving_to_id else "copy"


def database_resource(
    database: Database, host_id: int, clients: list[str] | None = None, *, revision: int = 0, state: str = ""
) -> Resource:
    """One database on one host. ``revision`` and ``state`` are those that a step is just about to bring about."""
    spec = {
        "engine": database.engine,
        "charset": "",
        "connections": database.connections,
        "state": state or state_on(database, host_id),
        "clients": servers.clients() if clients is None else clients,
        "users": [
            {
                "name": user.name,
                "verifier": user.verifier,
                "access": user.access,
                "connections": database.connections,
            }
            for user in database.users.all()
        ],
        "quota_full": database.full,
    }
    return Resource("database", database.name, revision or database.revision, spec)


def absent_resource(database: Database, revision: int = 0) -> Resource:
    """The database off a host. Its data must have been dropped, or kept as a dump, before."""
    return Resource("database", database.name, revision or database.revision, {}, False)


def route_resource(
    database: Database, present: bool = True, *, host: Host | None = None, revision: int = 0, hold: bool | None = None
) -> Resource:
    """The way to one database, on any web host. ``host``, ``revision``, ``hold`` are those that a step is about to
    bring about. A hold is told by the revision that began it, so that gates can tell one hold from the next."""
    revision = revision or database.revision
    where = host or database.host
    if not present or where is None:
        return Resource("database_route", database.name, revision, {}, False)
    held = database.frozen if hold is None else hold
    spec = {
        "address": database.address,
        "port": database.port,
        "host": where.address,
        "hold": revision if held else 0,
    }
    return Resource("database_route", database.name, revision, spec)
