"""An organization of any size, as rows: nothing is started and no host is spoken to.

``World(sites=4000).build()`` makes what a cooperative of that many sites has. The member whom the walks look at, and
their first order, have a fixed share or all of it (``mine``), so that both a large cooperative and a large member
can be looked at. Everything is written in bulk: a hundred thousand operations take seconds.
"""

import itertools
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, TypeVar

from django.db import connection, models
from django.utils import timezone

from controlpanel.operations.choices import OperationState, StepState
from controlpanel.operations.models import Event, Operation, Step
from hosting.choices import DatabaseEngine, DatabaseState, DomainKind, SiteKind, SiteState
from hosting.models import Database, DatabaseUser, Domain, HostingOrder, Site
from hosting.models.databases import address_of
from members.choices import Role
from members.models import Access, Login, Member
from routing.models import Backend, Certificate, Route
from storage.choices import VolumeState
from storage.models import Attachment, Pool, Volume
from tests import factories as make
from webhooks.models import Webhook

Row = TypeVar("Row", bound=models.Model)
_BATCH = 2000
_CHANGES = """
INSERT INTO audit_entry (time, transaction, verb, actor_id, actor, actor_is_staff, impersonator, token, via, request,
                         object, label, about, about_label, scopes, before, after)
SELECT now() - (n || ' seconds')::interval, n, 'changed', NULL, '', false, '', '', 'web', '',
       'hosting.site:' || site.id, 'site' || site.id, 'hosting.site:' || site.id, 'site' || site.id,
       ARRAY['member:' || o.member_id, 'order:' || o.id], '{"php_workers": 4}', '{"php_workers": 8}'
FROM generate_series(%s, 1, -1) AS n
JOIN hosting_site AS site ON site.id = (%s::bigint[])[1 + n %% %s]
JOIN hosting_hostingorder AS o ON o.id = site.order_id
"""
_KINDS = ("hosting.create_site", "hosting.edit_site", "hosting.disable_site", "hosting.enable_site")
_numbers = itertools.count(1)


@dataclass
class World:
    """How much there is of everything; what is not said follows from the number of sites, as in DOMAIN.md."""

    sites: int
    #: Sites of the member that is looked at, all in one order.
    mine: int = 10
    members: int = 0
    orders: int = 0
    logins: int = 0
    databases: int = 0
    operations: int = 0
    #: Rows of the audit, besides those that building it makes.
    audit: int = 0

    member: Member = field(init=False)
    login: Login = field(init=False)
    staff: Login = field(init=False)
    order: HostingOrder = field(init=False)

    def __post_init__(self) -> None:
        self.mine = min(self.mine, self.sites)
        self.members = self.members or max(2, self.sites // 4)
        self.orders = self.orders or max(self.members, self.sites)
        self.logins = self.logins or max(3, self.sites * 10 // 4)
        self.databases = self.databases or self.sites * 3 // 4
        self.operations = self.operations or self.sites * 25

    def build(self) -> "World":
        """Write it all; the world itself, for chaining."""
        self._people()
        self._orders()
        self._hosts()
        self._sites()
        self._databases()
        self._operations()
        self._webhooks()
        return self

    def of_model(self, model: type[models.Model]) -> Any:
        """A row of that model that belongs to the member who is looked at."""
        rows: dict[Any, Any] = {
            Member: lambda: self.member,
            Login: lambda: self.login,
            HostingOrder: lambda: self.order,
            Site: lambda: self.order.sites.order_by("pk")[0],
            Database: lambda: self.order.databases.order_by("pk")[0],
            Webhook: lambda: Webhook.objects.filter(member=self.member)[0],
            Operation: lambda: Operation.objects.filter(scopes__contains=[f"order:{self.order.pk}"])[0],
        }
        return rows[model]() if model in rows else model._default_manager.order_by("pk").first()

    # --- what it is made of -----------------------------------------------------------------------------------------

    def _people(self) -> None:
        batch = next(_numbers)
        members = _write(Member(name=f"Collective {batch}-{n}") for n in range(self.members))
        logins = _write(
            Login(username=f"p{batch}n{n}", email=f"p{batch}n{n}@example.org", member=members[n % len(members)])
            for n in range(self.logins)
        )
        self.member, self.login = members[0], logins[0]
        self.staff = make.StaffFactory(username=f"staff{batch}")
        _write(Access(login=login, role=Role.MEMBER_ADMIN, member=login.member) for login in logins[: len(members)])
        self._members = members

    def _orders(self) -> None:
        # The first is the one that is looked at; the rest belong to others, spread evenly.
        others = self._members[1:]
        self.order = HostingOrder.objects.create(member=self.member, name="Main order", max_sites=10_000)
        orders = _write(
            HostingOrder(member=others[n % len(others)], name=f"Order {n}", max_sites=10_000)
            for n in range(self.orders - 1)
        )
        self._orders_of_others = orders or [self.order]

    def _hosts(self) -> None:
        self._web = make.HostFactory.create_batch(max(2, self.sites // 60))
        self._database_hosts = make.HostFactory.create_batch(2, roles=["database"])
        make.HostFactory.create_batch(2, roles=["edge"])
        self._pool: Pool = make.PoolFactory()

    def _order_of(self, number: int) -> HostingOrder:
        return self.order if number < self.mine else self._orders_of_others[number % len(self._orders_of_others)]

    def _sites(self) -> None:
        first = (Volume.objects.order_by("-uid").values_list("uid", flat=True).first() or 300_000) + 1
        volumes = _write(
            Volume(
                pool=self._pool,
                size_bytes=5 * 1024**3,
                used_bytes=n * 1024**2,
                used_at=timezone.now(),
                uid=first + n,
                gid=33,
                state=VolumeState.ATTACHED,
                scope=f"order:{self._order_of(n).pk}",
            )
            for n in range(self.sites)
        )
        sites = _write(
            Site(
                order=self._order_of(n),
                kind=SiteKind.PHP,
                state=SiteState.ACTIVE,
                host=self._web[n % len(self._web)],
                volume=volume,
                uid=volume.uid,
                placed=True,
            )
            for n, volume in enumerate(volumes)
        )
        _write(Attachment(volume=s.volume, host=s.host, path=s.path, granted=True, mounted=True) for s in sites)
        names = {site.pk: f"site{site.pk}.example.org" for site in sites}
        _write(Domain(site=site, name=names[site.pk], kind=DomainKind.PRIMARY) for site in sites)
        backends = _write(Backend(site_id=site.pk, host=site.host) for site in sites)
        routes = _write(Route(name=names[backend.site_id], backend=backend) for backend in backends)
        # Every second name leads elsewhere: its owner is told what to set.
        elsewhere = {"code": "dns_elsewhere", "params": {"name": "a.test", "addresses": "192.0.2.1"}}
        _write(
            Certificate(route=route, state="waiting", retry_at=timezone.now(), trouble=elsewhere)
            if n % 2
            else Certificate(
                route=route, state="issued", source="acme", chain_pem="-", not_after=timezone.now() + timedelta(days=60)
            )
            for n, route in enumerate(routes)
        )
        self._made_sites = sites

    def _databases(self) -> None:
        databases = _write(
            Database(
                order=self._order_of(n),
                site=self._made_sites[n],
                engine=DatabaseEngine.MARIADB,
                state=DatabaseState.ACTIVE,
                host=self._database_hosts[n % 2],
                placed=True,
                size_bytes=n * 1024,
                used_at=timezone.now(),
            )
            for n in range(self.databases)
        )
        for database in databases:
            database.address = address_of(database.pk)
        Database.objects.bulk_update(databases, ["address"], batch_size=_BATCH)
        _write(DatabaseUser(database=database, name=database.name, verifier="never-shown") for database in databases)

    def _operations(self) -> None:
        now = timezone.now()
        operations = _write(
            Operation(
                kind=_KINDS[n % len(_KINDS)],
                params={"site": site.pk, "name": f"site{site.pk}.example.org", "revision": 1},
                state=OperationState.FAILED if n % 97 == 0 else OperationState.SUCCEEDED,
                scopes=[f"member:{self._member_of(n)}", f"order:{site.order_id}"],
                requested_by=self.login if n < self.mine else None,
                started=now - timedelta(minutes=n),
                finished=now - timedelta(minutes=n),
                last_seq=2,
            )
            for n, site in zip(range(self.operations), itertools.cycle(self._made_sites), strict=False)
        )
        steps = _write(
            Step(operation=operation, stage=0, position=0, action="hosting.update_on_web", state=StepState.SUCCEEDED)
            for operation in operations
        )
        _write(
            Event(operation=operation, seq=seq, kind="step", data={"state": "succeeded"}, step=step)
            for operation, step in zip(operations, steps, strict=True)
            for seq in (1, 2)
        )

    def _webhooks(self) -> None:
        webhooks = make.WebhookFactory.create_batch(self.mine, member=self.member, created_by=self.login)
        for _ in range(self.mine):
            make.DeliveryFactory(webhook=webhooks[0])

    def _audit(self) -> None:
        """Changes of sites by their member's people, oldest first: the database makes them itself."""
        with connection.cursor() as cursor:
            cursor.execute(_CHANGES, [self.audit, [site.pk for site in self._made_sites], len(self._made_sites)])

    def _member_of(self, number: int) -> int:
        return self._order_of(number % self.sites).member_id


def _write(rows: Iterable[Row]) -> list[Row]:
    made = list(rows)
    if made:
        type(made[0])._default_manager.bulk_create(made, batch_size=_BATCH)
    return made
