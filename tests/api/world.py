"""A member with everything that the API has a collection for."""

from typing import Any

from controlpanel.audit.models import Entry
from tests import factories as make


class World:
    """One member's rows, by model. A new collection has to be added here, or the walks fail and say so."""

    def __init__(self) -> None:
        self.member = make.MemberFactory()
        self.order = make.HostingOrderFactory(member=self.member)
        self.site = make.SiteFactory(order=self.order)
        self.database = make.DatabaseFactory(order=self.order, site=self.site)
        self.login = make.MemberAdminFactory(member=self.member)
        self.operation = make.OperationFactory(scopes=self.order.scopes, requested_by=self.login)
        self.token = make.TokenFactory(login=self.login)
        self.invitation = make.InvitationFactory(member=self.member, invited_by=self.login)

    def row_of(self, model: Any) -> Any:
        rows: dict[Any, Any] = {
            make.Member: self.member,
            make.Login: self.login,
            make.Access: self.login.accesses.order_by("pk")[0],
            make.Token: self.token,
            make.Invitation: self.invitation,
            make.HostingOrder: self.order,
            make.Site: self.site,
            make.Domain: self.site.domains.get(),
            make.Volume: self.site.volume,
            make.Database: self.database,
            make.Route: make.Route.objects.get(backend__site_id=self.site.pk),
            make.Host: self.site.host,
            make.Operation: self.operation,
            Entry: Entry.objects.filter(about=f"hosting.site:{self.site.pk}").earliest("id"),
        }
        if model not in rows:
            raise AssertionError(f"tests/api/world.py makes no {model.__name__}: add one, so that its scope is tested")
        return rows[model]

    def id_named(self, name: str) -> int:
        """The id of a row by the name that bodies use: "order", "member", "login", "site"…"""
        return int(getattr(self, name).pk)
