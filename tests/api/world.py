"""A member with everything that the API has a collection for."""

from typing import Any

from controlpanel.audit.models import Entry
from tests import factories as make
from tests.api.endpoints import ID_PARAMETER

#: Names in bodies and paths that are ids of rows somebody owns (an "s" behind them: a list of ids).
OWNED = {"member", "order", "login", "site", "volume", "domain", "database", "operation", "host"}

#: Collections of which nobody sees another's rows, staff neither.
OWN_ONLY = {"tokens", "sessions"}


def is_owned_id(name: str, example: Any) -> bool:
    """Whether a field of a body, with that example of a value, names a row or rows that somebody owns."""
    if isinstance(example, list):
        return name.removesuffix("s") in OWNED and all(isinstance(one, int) for one in example)
    return name in OWNED and isinstance(example, int)


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
        self.session = make.LoginSessionFactory(login=self.login)
        self.webhook = make.WebhookFactory(member=self.member)
        self.invitation = make.InvitationFactory(member=self.member, invited_by=self.login)

    def row_of(self, model: Any) -> Any:
        rows: dict[Any, Any] = {
            make.Member: self.member,
            make.Login: self.login,
            make.Access: self.login.accesses.order_by("pk")[0],
            make.Token: self.token,
            make.Invitation: self.invitation,
            make.LoginSession: self.session,
            make.HostingOrder: self.order,
            make.Site: self.site,
            make.Domain: self.site.domains.get(),
            make.Volume: self.site.volume,
            make.Database: self.database,
            make.Route: make.Route.objects.get(backend__site_id=self.site.pk),
            make.Certificate: make.Certificate.objects.get(route__backend__site_id=self.site.pk),
            make.Host: self.site.host,
            make.Operation: self.operation,
            Entry: Entry.objects.filter(about=f"hosting.site:{self.site.pk}").earliest("id"),
            make.Webhook: self.webhook,
        }
        if model not in rows:
            raise AssertionError(f"tests/api/world.py makes no {model.__name__}: add one, so that its scope is tested")
        return rows[model]

    def id_named(self, name: str) -> int:
        """The id of a row by the name that bodies use: "order", "member", "login", "site"…"""
        return int(getattr(self, name).pk)

    def ids_in(self, example: dict[str, Any]) -> dict[str, Any]:
        """The fields of that body that name rows, with the ids of this world's."""
        found: dict[str, Any] = {}
        for name, value in example.items():
            if is_owned_id(name, value):
                pk = self.id_named(name.removesuffix("s"))
                found[name] = [pk] if isinstance(value, list) else pk
        return found

    def url_of(self, path: str) -> str:
        """A path of the schema, about this world's row."""
        if ID_PARAMETER not in path:
            return path
        return path.replace(ID_PARAMETER, str(self.id_named(path.split("/")[3].removesuffix("s"))))
