"""Rows to test with. They are what services leave behind, but nothing is started and no host is spoken to.

``SiteFactory()`` makes everything that a working site has: order, member, web host, volume with its attachment, main
domain, backend and route. ``LoginFactory(staff=True)``, ``LoginFactory(administers=member)`` and
``LoginFactory(administers_order=order)`` give the access that goes with it.
"""

import hashlib
import secrets
from datetime import timedelta
from typing import Any

import factory
from django.utils import timezone

from controlpanel.fleet.choices import Role as HostRole
from controlpanel.fleet.models import DriftReport, Host
from controlpanel.operations.choices import OperationState
from controlpanel.operations.models import Event, Operation, Step
from hosting.choices import DatabaseEngine, DatabaseState, DomainKind, SiteKind, SiteState
from hosting.databases import verifiers
from hosting.models import Database, DatabaseDump, DatabaseUser, Domain, HostingOrder, Quarantine, Site
from hosting.models.databases import address_of
from members.choices import Role
from members.models import Access, Invitation, Login, LoginSession, Member, Token
from members.narrowing import Limit
from routing.choices import CertificateSource, CertificateState
from routing.models import AcmeAccount, Authority, Backend, Certificate, Route
from storage.choices import VolumeState
from storage.models import Attachment, Pool, Volume
from webhooks.models import Delivery, Webhook
from webhooks.signing import new_secret


class MemberFactory(factory.django.DjangoModelFactory[Member]):
    class Meta:
        model = Member

    name = factory.Sequence(lambda n: f"Collective {n}")


class LoginFactory(factory.django.DjangoModelFactory[Login]):
    class Meta:
        model = Login
        skip_postgeneration_save = True

    username = factory.Sequence(lambda n: f"login{n}")
    name = factory.LazyAttribute(lambda login: login.username.title())
    email = factory.LazyAttribute(lambda login: f"{login.username}@example.org")
    member = factory.SubFactory(MemberFactory)

    @factory.post_generation
    def staff(self: Any, create: bool, extracted: bool | None, **kwargs: Any) -> None:
        if create and extracted:
            Access.objects.create(login=self, role=Role.STAFF)

    @factory.post_generation
    def administers(self: Any, create: bool, extracted: Member | None, **kwargs: Any) -> None:
        if create and extracted:
            Access.objects.create(login=self, role=Role.MEMBER_ADMIN, member=extracted)

    @factory.post_generation
    def administers_order(self: Any, create: bool, extracted: HostingOrder | None, **kwargs: Any) -> None:
        if create and extracted:
            Access.objects.create(login=self, role=Role.ORDER_ADMIN, order_id=extracted.pk)


class StaffFactory(LoginFactory):
    """Somebody of the cooperative's technical staff."""

    member = None
    staff = factory.PostGeneration(lambda login, *_: Access.objects.create(login=login, role=Role.STAFF))


class MemberAdminFactory(LoginFactory):
    """Somebody who administers everything of their member."""

    administers = factory.PostGeneration(
        lambda login, *_: Access.objects.create(login=login, role=Role.MEMBER_ADMIN, member=login.member)
    )


class AccessFactory(factory.django.DjangoModelFactory[Access]):
    class Meta:
        model = Access

    login = factory.SubFactory(LoginFactory)
    role = Role.MEMBER_ADMIN
    member = factory.LazyAttribute(lambda access: access.login.member if access.role == Role.MEMBER_ADMIN else None)


def _limit_to(one: Any) -> Limit:
    if isinstance(one, Site):
        return Limit(one.order.member_id, one.order_id, one.pk)
    return Limit(one.member_id, one.pk) if isinstance(one, HostingOrder) else Limit(one.pk)


class TokenFactory(factory.django.DjangoModelFactory[Token]):
    """``TokenFactory(login=…).text`` is what goes behind "Bearer"; ``only=[site, order]`` narrows it."""

    class Meta:
        model = Token

    class Params:
        secret = factory.LazyFunction(secrets.token_urlsafe)

    login = factory.SubFactory(LoginFactory)
    name = factory.Sequence(lambda n: f"token {n}")
    digest = factory.LazyAttribute(lambda token: hashlib.sha256(token.secret.encode()).hexdigest())

    @classmethod
    def create(cls, **kwargs: Any) -> Token:
        secret = kwargs.setdefault("secret", secrets.token_urlsafe())
        if "only" in kwargs:
            kwargs["limits"] = [str(_limit_to(one)) for one in kwargs.pop("only")]
        token = super().create(**kwargs)
        token.text = secret
        return token


class LoginSessionFactory(factory.django.DjangoModelFactory[LoginSession]):
    class Meta:
        model = LoginSession

    login = factory.SubFactory(LoginFactory)
    key = factory.LazyFunction(lambda: secrets.token_hex(16))
    address = "192.0.2.1"
    user_agent = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"


class InvitationFactory(factory.django.DjangoModelFactory[Invitation]):
    """Of ``member`` as a whole; ``InvitationFactory(…).secret`` is what its link holds."""

    class Meta:
        model = Invitation

    member = factory.SubFactory(MemberFactory)
    email = factory.Sequence(lambda n: f"guest{n}@example.org")
    role = Role.MEMBER_ADMIN
    invited_by = factory.SubFactory(StaffFactory)
    digest = factory.LazyAttribute(lambda invitation: hashlib.sha256(invitation.secret.encode()).hexdigest())
    ends = factory.LazyFunction(lambda: timezone.now() + timedelta(days=7))

    class Params:
        secret = factory.LazyFunction(secrets.token_urlsafe)

    @classmethod
    def create(cls, **kwargs: Any) -> Invitation:
        secret = kwargs.setdefault("secret", secrets.token_urlsafe())
        invitation = super().create(**kwargs)
        invitation.secret = secret
        return invitation


class WebhookFactory(factory.django.DjangoModelFactory[Webhook]):
    """Of a member, unless told otherwise."""

    class Meta:
        model = Webhook

    member = factory.SubFactory(MemberFactory)
    name = factory.Sequence(lambda n: f"webhook {n}")
    url = "https://receiver.example/hook"
    secret = factory.LazyFunction(new_secret)


class DeliveryFactory(factory.django.DjangoModelFactory[Delivery]):
    class Meta:
        model = Delivery

    webhook = factory.SubFactory(WebhookFactory)
    message = factory.Sequence(lambda n: f"msg_{n:032}")
    kind = "operation.succeeded"
    body = "{}"


class HostFactory(factory.django.DjangoModelFactory[Host]):
    """A web host by default; ``HostFactory(roles=["edge"])`` for others."""

    class Meta:
        model = Host

    name = factory.Sequence(lambda n: f"host{n}")
    address = factory.Sequence(lambda n: f"10.77.{n // 250 % 250}.{n % 250 + 1}")
    roles = factory.LazyFunction(lambda: [HostRole.WEB.value])
    host_key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE5vdEFLZXlBdEFsbEp1c3RGb3JUZXN0aW5nISEh"
    agent_version = "0" * 64
    facts = factory.LazyFunction(lambda: {"os": "debian 13", "cpus": 4, "memory_mb": 8192, "disk_mb": 100_000})
    last_seen = factory.LazyFunction(timezone.now)


class DriftReportFactory(factory.django.DjangoModelFactory[DriftReport]):
    class Meta:
        model = DriftReport

    host = factory.SubFactory(HostFactory)
    differences = factory.LazyFunction(
        lambda: [{"kind": "site", "id": "12", "problem": "edited", "detail": "/etc/nginx/sites/12.conf"}]
    )


class HostingOrderFactory(factory.django.DjangoModelFactory[HostingOrder]):
    class Meta:
        model = HostingOrder

    member = factory.SubFactory(MemberFactory)
    name = factory.Sequence(lambda n: f"Order {n}")


class PoolFactory(factory.django.DjangoModelFactory[Pool]):
    class Meta:
        model = Pool

    name = factory.Sequence(lambda n: f"pool{n}")
    host = factory.SubFactory(HostFactory, roles=[HostRole.STORAGE.value])
    capacity_bytes = 10**12


class VolumeFactory(factory.django.DjangoModelFactory[Volume]):
    class Meta:
        model = Volume

    pool = factory.SubFactory(PoolFactory)
    size_bytes = 5 * 1024**3
    uid = factory.Sequence(lambda n: 200_000 + n)
    gid = factory.LazyAttribute(lambda volume: volume.uid)
    state = VolumeState.ATTACHED


class AttachmentFactory(factory.django.DjangoModelFactory[Attachment]):
    class Meta:
        model = Attachment

    volume = factory.SubFactory(VolumeFactory)
    host = factory.SubFactory(HostFactory)
    path = factory.LazyAttribute(lambda attachment: f"/srv/sites/{attachment.volume.pk}")
    granted = True
    mounted = True
    credential = '{"client": "v0.host0", "key": "secret-key-of-a-volume"}'


class DomainFactory(factory.django.DjangoModelFactory[Domain]):
    """An alias with its route and certificate; ``kind="redirect"`` for one that leads to the main name."""

    class Meta:
        model = Domain
        skip_postgeneration_save = True

    site = factory.SubFactory("tests.factories.SiteFactory")
    name = factory.Sequence(lambda n: f"name{n}.example.org")
    kind = DomainKind.ALIAS

    @factory.post_generation
    def route(self: Any, create: bool, extracted: bool | None, **kwargs: Any) -> None:
        backend = Backend.objects.filter(site_id=self.site_id).first() if create and extracted is not False else None
        if backend:
            main = self.site.domains.filter(kind=DomainKind.PRIMARY).first()
            route = Route.objects.create(
                name=self.name, backend=backend, redirect_to=main.name if self.kind == DomainKind.REDIRECT else ""
            )
            CertificateFactory(route=route)


class SiteFactory(factory.django.DjangoModelFactory[Site]):
    """A working site: ``SiteFactory(order=…, domain="a.test")``."""

    class Meta:
        model = Site
        skip_postgeneration_save = True

    order = factory.SubFactory(HostingOrderFactory)
    kind = SiteKind.STATIC
    state = SiteState.ACTIVE
    host = factory.SubFactory(HostFactory)
    uid = factory.Sequence(lambda n: 200_000 + n)
    volume = factory.SubFactory(
        VolumeFactory,
        uid=factory.SelfAttribute("..uid"),
        scope=factory.LazyAttribute(lambda volume: f"order:{volume.factory_parent.order.pk}"),
    )

    @factory.post_generation
    def domain(self: Any, create: bool, extracted: str | None, **kwargs: Any) -> None:
        if not create:
            return
        if self.volume and self.host:
            AttachmentFactory(volume=self.volume, host=self.host, path=self.path)
        Backend.objects.create(site_id=self.pk, host=self.host)
        DomainFactory(site=self, name=extracted or f"site{self.pk}.example.org", kind=DomainKind.PRIMARY)


class DatabaseFactory(factory.django.DjangoModelFactory[Database]):
    """A working database with its owner: ``DatabaseFactory(order=…, engine="postgresql")``."""

    class Meta:
        model = Database
        skip_postgeneration_save = True

    order = factory.SubFactory(HostingOrderFactory)
    engine = DatabaseEngine.MARIADB
    state = DatabaseState.ACTIVE
    host = factory.SubFactory(HostFactory, roles=[HostRole.DATABASE.value])
    placed = True

    @factory.post_generation
    def owner(self: Any, create: bool, extracted: Any, **kwargs: Any) -> None:
        if create:
            self.address = address_of(self.pk)
            self.save(update_fields=["address"])
            verifier = verifiers.verifier_of(self.engine, "never-shown")
            DatabaseUser.objects.create(database=self, name=self.name, verifier=verifier)


class DatabaseDumpFactory(factory.django.DjangoModelFactory[DatabaseDump]):
    class Meta:
        model = DatabaseDump

    database = factory.SubFactory(DatabaseFactory)
    host = factory.SubFactory(HostFactory, roles=[HostRole.DATABASE.value])
    label = "regular"
    path = factory.LazyAttribute(lambda dump: f"/var/lib/controlpanel/dumps/{dump.database.name}.{dump.label}")
    sha256 = "0" * 64
    size_bytes = 1000


class CertificateFactory(factory.django.DjangoModelFactory[Certificate]):
    class Meta:
        model = Certificate

    route = factory.LazyFunction(lambda: free_route())
    state = CertificateState.ISSUED
    source = CertificateSource.ACME
    issuer = "An authority"
    chain_pem = "-----BEGIN CERTIFICATE-----\n"
    key_pem = "-----BEGIN PRIVATE KEY-----\nnever-shown\n"
    not_after = factory.LazyFunction(lambda: timezone.now() + timedelta(days=90))
    retry_at = factory.LazyFunction(lambda: timezone.now() + timedelta(days=60))


def free_route() -> Route:
    """The name of a new site, which has no certificate."""
    route = Route.objects.get(backend__site_id=SiteFactory().pk)
    Certificate.objects.filter(route=route).delete()
    return route


class AcmeAccountFactory(factory.django.DjangoModelFactory[AcmeAccount]):
    class Meta:
        model = AcmeAccount

    directory = factory.Sequence(lambda number: f"https://acme{number}.example/directory")
    key_pem = "-----BEGIN PRIVATE KEY-----\nnever-shown\n"


class AuthorityFactory(factory.django.DjangoModelFactory[Authority]):
    class Meta:
        model = Authority

    certificate_pem = "-----BEGIN CERTIFICATE-----\n"
    key_pem = "-----BEGIN PRIVATE KEY-----\nnever-shown\n"


class OperationFactory(factory.django.DjangoModelFactory[Operation]):
    """An operation that nobody runs, with two steps; a member sees it by ``OperationFactory(scopes=["order:5"])``."""

    class Meta:
        model = Operation
        skip_postgeneration_save = True

    kind = "tests.nothing"  # no such plan: it is shown as one of an earlier version, and no worker can run it
    state = OperationState.RUNNING
    requested_by = None

    @factory.post_generation
    def step_count(self: Any, create: bool, extracted: int | None, **kwargs: Any) -> None:
        for position in range(2 if extracted is None else extracted) if create else ():
            StepFactory(operation=self, stage=position, position=position)


class StepFactory(factory.django.DjangoModelFactory[Step]):
    class Meta:
        model = Step

    operation = factory.SubFactory(OperationFactory, step_count=0)
    stage = 0
    position = factory.LazyAttribute(lambda step: step.operation.steps.count())
    action = "tests.nothing"
    host = ""


class EventFactory(factory.django.DjangoModelFactory[Event]):
    class Meta:
        model = Event
        skip_postgeneration_save = True

    operation = factory.SubFactory(OperationFactory)
    seq = factory.LazyAttribute(lambda event: event.operation.events.count() + 1)
    kind = "progress"
    data = factory.LazyFunction(lambda: {"text": "half way"})

    @factory.post_generation
    def counted(self: Any, create: bool, extracted: bool | None, **kwargs: Any) -> None:
        """The operation knows the number of its newest event."""
        Operation.objects.filter(pk=self.operation_id, last_seq__lt=self.seq).update(last_seq=self.seq)


class QuarantineFactory(factory.django.DjangoModelFactory[Quarantine]):
    """A site that is isolated, its operation over."""

    class Meta:
        model = Quarantine

    site = factory.SubFactory(SiteFactory, quarantined=True, state=SiteState.QUARANTINED)
    reason = "It sends spam."
