"""A member with a bit of everything, in every state that a page has words for: to look at pages, and to walk them."""

from datetime import timedelta
from typing import Any

from django.utils import timezone

from controlpanel.fleet import samples
from controlpanel.fleet.models import Host
from controlpanel.operations.choices import OperationState, StepState
from controlpanel.operations.models import Operation
from hosting.choices import DatabaseState, DomainKind, SiteKind, SiteState
from hosting.models import Application, Database, Evidence, Site
from members.link_models import Invitation
from members.models import Login
from routing.models import Certificate, Shield
from storage.choices import SnapshotCause, SnapshotState
from storage.models import Snapshot
from tests import factories as make
from tests.hosting.own_certificates import a_key, house, pem

#: An SSH key that opens nothing.
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE5vdEFLZXlBdEFsbEp1c3RGb3JUZXN0aW5nUGFnZXMh marisol@example.org"
GIB = 1024**3


class Furnished:
    """Everything is hers: ``member`` signs in as ``login``; ``nobody`` may log in and that is all."""

    def __init__(self) -> None:
        self.staff: Login = make.StaffFactory(username="jamie", name="Jamie")
        self.nobody: Login = make.LoginFactory(username="nobody")
        member = make.MemberFactory(name="Librería La Esquina")
        self.login: Login = make.MemberAdminFactory(username="marisol", member=member, ssh_keys=KEY)
        self.colleague: Login = make.LoginFactory(username="ernesto", member=member)
        self._hosts()
        self.order = make.HostingOrderFactory(member=member, name="Librería La Esquina", max_sites=12)
        self.empty_order = make.HostingOrderFactory(member=member, name="Festival 2027")
        self._sites()
        self._databases()
        self._care()
        self._history()
        self._use()

    def _hosts(self) -> None:
        # Nobody listens there: what a page asks of hosts is answered at once by "it does not answer".
        away: dict[str, Any] = {"port": 9}
        self.web: Host = make.HostFactory(name="web1", address="127.0.0.21", **away)
        self.server: Host = make.HostFactory(name="db1", address="127.0.0.41", roles=["database"], **away)
        for number in (1, 2):
            make.HostFactory(name=f"edge{number}", address=f"127.0.0.1{number}", roles=["edge"], **away)
        self.pool = make.PoolFactory(host=make.HostFactory(name="store1", address="127.0.0.31", roles=["storage"]))

    def site(self, domain: str, *, used: float = 0.3, **fields: Any) -> Site:
        """One of hers, ``used`` of its space full."""
        volume = make.VolumeFactory(pool=self.pool, scope=f"order:{self.order.pk}", used_bytes=int(used * 5 * GIB))
        volume.used_at = timezone.now()
        volume.save()
        given = {"placed": True, "kind": SiteKind.PHP, "host": self.web, "volume": volume, **fields}
        site: Site = make.SiteFactory(order=self.order, domain=domain, **given)
        Snapshot.objects.create(volume=volume, state=SnapshotState.READY, taken=timezone.now() - timedelta(hours=5))
        return site

    def _sites(self) -> None:
        self.shop = self.site("laesquina.example.org", used=0.94)
        make.DomainFactory(site=self.shop, name="www.laesquina.example.org")
        make.DomainFactory(site=self.shop, name="xn--librera-0ya.example.org", kind=DomainKind.REDIRECT)
        self.blog = self.site("blog.laesquina.example.org", kind=SiteKind.WORDPRESS)
        self.static = self.site("a-rather-long-name-of-a-campaign-for-the-neighbourhood.example.org", kind="static")
        self.resting = self.site("verano.example.org", state=SiteState.DISABLED, enabled=False)
        self.mended = self.site("mended.example.org", maintenance=True)
        self.broken = self.site("broken.example.org", state=SiteState.FAILED)
        self.moved = self.site("moved.example.org", state=SiteState.UPDATING)
        self.isolated = self.site("isolated.example.org", state=SiteState.QUARANTINED, quarantined=True)
        self.deleted = self.site(
            "gone.example.org", state=SiteState.DELETED, purge_after=timezone.now() + timedelta(days=9)
        )

    def database(self, used: float, **fields: Any) -> Database:
        """One of hers, ``used`` of its quota full."""
        given = {"host": self.server, "size_bytes": int(used * GIB), "used_at": timezone.now(), **fields}
        return make.DatabaseFactory(order=self.order, open_connections=3, **given)

    def _databases(self) -> None:
        self.data = self.database(0.4, site=self.blog)
        self.reader = make.DatabaseUser.objects.create(
            database=self.data, name=f"{self.data.name}_r1", access="read_only", verifier=""
        )
        self.full = self.database(1.02, engine="postgresql", site=self.shop, full=True)
        self.deleted_data = self.database(
            0, state=DatabaseState.DELETED, purge_after=timezone.now() + timedelta(days=9)
        )
        self.dump = make.DatabaseDumpFactory(database=self.data, host=self.server)
        Application.objects.create(
            site=self.blog, database=self.data, title="Blog", username="marisol", email="marisol@example.org",
            installed=timezone.now() - timedelta(days=40),
        )  # fmt: skip

    def _care(self) -> None:
        now = timezone.now()
        self.snapshot = self.shop.volume.snapshots.get()
        self.certificate = Certificate.objects.filter(route__backend__site_id=self.shop.pk)[0]
        for own in Certificate.objects.filter(route__backend__site_id=self.static.pk).select_related("route"):
            alone = house().leaf(a_key(), own.route.name, ends=timedelta(days=9))  # without its authority's own
            own.source, own.chain_pem, own.not_after = "own", pem(alone), alone.not_valid_after_utc
            own.issuer = "Their own authority"
            own.save()
        self.webhook = make.WebhookFactory(member=self.login.member, created_by=self.login)
        Snapshot.objects.create(
            volume=self.shop.volume, state=SnapshotState.READY, cause=SnapshotCause.MANUAL, taken=now
        )
        self.quarantine = make.QuarantineFactory(
            site=self.isolated, reason="It sends spam: uploads/2026/x.php opens connections to port 25."
        )
        self.evidence = Evidence.objects.create(
            quarantine=self.quarantine, host="web1", collected=now, size_bytes=4000, content='{"processes": []}',
            counts={"processes": 2, "connections": 5, "logs": 1, "packets_stopped": 31},
        )  # fmt: skip
        Shield.objects.create(
            site_id=self.shop.pk, level="limit", requests=100, connections=50, blocked=["192.0.2.0/24"], changed=now
        )
        Shield.objects.create(site_id=self.blog.pk, requests=100, connections=50, suggested=now, rate=212.0, usual=9.0)
        self.invitation = Invitation.objects.create(
            member=self.login.member, email="vecina@example.org", role="order_admin", order_ids=[self.order.pk],
            invited_by=self.login, digest="0" * 64, ends=now + timedelta(days=5),
        )  # fmt: skip
        self.token = make.TokenFactory(login=self.login, name="Deploys from the repository", last_used=now)
        make.TokenFactory(login=self.login, name="Old script", expires=now - timedelta(days=3))

    def operation(self, kind: str, state: str, site: Site, steps: list[str], **fields: Any) -> Operation:
        """One of a site, with steps in those states."""
        params = {"site": site.pk, "name": site.name, "revision": 1}
        now = timezone.now()
        ended = state in (OperationState.SUCCEEDED, OperationState.FAILED, OperationState.CANCELLED)
        operation = make.OperationFactory(
            kind=kind, state=state, scopes=self.order.scopes, params=params, requested_by=self.login, step_count=0,
            started=now - timedelta(seconds=9), finished=now if ended else None, **fields,
        )  # fmt: skip
        for position, step in enumerate(steps):
            trouble = {"code": "away", "params": {"host": "web1"}} if step in ("failed", "waiting") else {}
            make.StepFactory(
                operation=operation, action="routing.set_route", args={"site": site.pk, "name": site.name},
                host=f"edge{position % 2 + 1}", stage=position, position=position, state=step, trouble=trouble,
                started=now - timedelta(seconds=5) if step != StepState.PLANNED else None,
                finished=now if step == StepState.SUCCEEDED else None,
            )  # fmt: skip
        return operation

    def _history(self) -> None:
        self.done = self.operation("hosting.create_site", "succeeded", self.shop, ["succeeded"] * 4)
        self.running = self.operation("hosting.edit_site", "running", self.moved, ["succeeded", "running", "planned"])
        self.waiting = self.operation("hosting.edit_site", "waiting", self.moved, ["succeeded", "waiting", "planned"])
        self.failed = self.operation(
            "hosting.edit_site", "failed", self.broken, ["succeeded", "failed"],
            error={"code": "away", "params": {"host": "web1"}},
        )  # fmt: skip
        self.cancelled = self.operation("hosting.disable_site", "cancelled", self.resting, ["undone"])

    def _use(self) -> None:
        """A month of numbers."""
        now, rows = timezone.now(), []
        for hours in range(24 * 40):
            at, day = now - timedelta(hours=hours), abs(12 - (hours % 24)) / 12
            site = f"site:{self.shop.pk}"
            rows += [
                (site, "requests", at, 2 + 6 * day),
                (site, "requests_per_s", at, 2 + 6 * day),
                (site, "sent", at, 2e4 + 9e4 * day),
                (f"volume:{self.shop.volume_id}", "used", at, 4.7 * GIB - hours * 2**20),
                (f"database:{self.data.pk}", "size", at, 0.4 * GIB - hours * 2**18),
                (f"database:{self.data.pk}", "connections", at, 2.0 + hours % 5),
                (site, "memory", at, (90 + 60 * day) * 2**20),
                (site, "cpu", at, 3 + 9 * day),
            ]
        samples.note(rows)
