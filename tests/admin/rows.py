"""A row of every model that the admin shows."""

from datetime import timedelta
from typing import Any

from axes.models import AccessAttempt
from django.utils import timezone

from controlpanel.audit.models import Entry
from controlpanel.fleet.models import PowerFence
from members.models import Impersonation, Mail, PosixId
from routing.models import EdgeAddress, EdgeBase, EdgeRules, PacketRules, Shield
from tests import factories as make


def _access_attempt() -> Any:
    return AccessAttempt.objects.create(
        username=make.LoginFactory().username, ip_address="10.77.0.1", failures_since_start=3
    )


def _impersonation() -> Any:
    until = timezone.now() + timedelta(hours=1)
    staff = make.StaffFactory()
    return Impersonation.objects.create(staff=staff, login=make.LoginFactory(), reason="request 12", until=until)


def _edge_rules() -> Any:
    door = {"lock": "0123456789ab", "path": "/x", "realm": "X", "open_paths": [], "users": {"ana": "never-shown"}}
    return EdgeRules.objects.create(site_id=make.SiteFactory().pk, protected=[door], revision=1)


#: How to make one, for models that have no factory.
MAKERS: dict[Any, Any] = {
    AccessAttempt: _access_attempt,
    EdgeBase: lambda: EdgeBase.objects.create(backends=[{"name": "web1", "address": "10.77.0.21"}]),
    EdgeAddress: lambda: EdgeAddress.objects.create(host=make.HostFactory(roles=["edge"]), address="198.51.100.7"),
    PacketRules: lambda: PacketRules.objects.create(blocked=[{"network": "192.0.2.0/24", "until": 4_000_000_000}]),
    Shield: lambda: Shield.objects.create(site_id=make.SiteFactory().pk, requests=100, connections=50, revision=1),
    EdgeRules: _edge_rules,
    Mail: lambda: Mail.objects.create(to="marisol@example.org", subject="Hello", body="never-shown", template="hello"),
    Entry: lambda: Entry.objects.get(object=f"members.member:{make.MemberFactory().pk}"),
    PosixId: lambda: PosixId.objects.create(owner=f"login:{make.LoginFactory().pk}"),
    Impersonation: _impersonation,
    make.Access: lambda: make.AccessFactory(),
    PowerFence: lambda: PowerFence.objects.create(host=make.HostFactory(), agent="fence_ipmilan"),
    make.AcmeAccount: make.AcmeAccountFactory,
    make.Authority: make.AuthorityFactory,
    make.Backend: lambda: make.Backend.objects.get(site_id=make.SiteFactory().pk),
    make.Certificate: make.CertificateFactory,
    make.Database: make.DatabaseFactory,
    make.Domain: lambda: make.SiteFactory().domains.get(),
    make.Host: lambda: make.DriftReportFactory(host=make.SiteFactory().host).host,
    make.HostingOrder: lambda: make.SiteFactory().order,
    make.Login: lambda: make.TokenFactory(login=make.MemberAdminFactory()).login,
    make.Member: lambda: make.LoginFactory().member,
    make.Operation: lambda: make.EventFactory(step=None).operation,
    make.Pool: make.PoolFactory,
    make.Quarantine: make.QuarantineFactory,
    make.Route: lambda: make.Route.objects.get(backend__site_id=make.SiteFactory().pk),
    make.Site: make.SiteFactory,
    make.Token: make.TokenFactory,
    make.Webhook: make.WebhookFactory,
    make.Delivery: make.DeliveryFactory,
    make.Volume: lambda: make.SiteFactory().volume,
}


def a_row_of(model: Any) -> Any:
    if model not in MAKERS:
        raise AssertionError(f"tests/admin/rows.py makes no {model.__name__}: add it, so that its pages are tested")
    return MAKERS[model]()
