"""Operations on sites with an application in them."""

from typing import Any

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from controlpanel.operations.models import Operation
from controlpanel.operations.registry import Params, PlannedStep, Reserve, Stages, register
from controlpanel.operations.services import NotPossible
from routing import plans as routing

from ..actions.gates import gate_steps
from ..choices import DatabaseState
from ..databases import placement
from ..databases.errors import NoDatabaseCapacity
from ..models import Application, Database, Site
from .databases import on_host
from .sites import CreateSite, SitePlan, _load, _on_web, _probes, _provision_steps


@register
class CreateWordpress(CreateSite):
    """The site and its database side by side, then the program; nobody is sent there before it is installed."""

    kind = "hosting.create_wordpress"
    title = _("Create the WordPress site %(name)s")

    def reservations(self, params: Params) -> list[Reserve]:
        return [*super().reservations(params), Reserve(f"database:{params['database']}")]

    def stages(self, params: Params) -> Stages:
        site = _load(params)
        database = Database.objects.select_related("host").get(pk=params["database"])
        return [
            [*_provision_steps(site, undo="trash"), *on_host("hosting.put_database", database, database.host)],
            [*_on_web("hosting.place_on_web", site), *gate_steps("hosting.open_gate", database)],
            _on_main_host("hosting.install_application", site),
            routing.publish_steps(site.pk),
            _probes(site),
        ]

    def on_success(self, operation: Operation) -> None:
        super().on_success(operation)
        self._settle_database(operation, DatabaseState.ACTIVE)
        applications = Application.objects.filter(site=operation.params["site"])
        applications.update(installed=timezone.now(), password_hash="", database_password="")

    def on_failure(self, operation: Operation) -> None:
        super().on_failure(operation)
        self._settle_database(operation, DatabaseState.FAILED)

    def on_cancel(self, operation: Operation) -> None:
        super().on_cancel(operation)
        self._settle_database(operation, DatabaseState.DELETED, purge_after=timezone.now(), host=None)
        Application.objects.filter(site=operation.params["site"]).delete()

    def on_retry(self, operation: Operation) -> None:
        super().on_retry(operation)
        try:
            host = placement.choose_host()
        except NoDatabaseCapacity as error:
            raise NotPossible(str(error)) from error
        self._settle_database(operation, DatabaseState.CREATING)
        Database.objects.filter(pk=operation.params["database"], placed=False).update(host=host)

    @staticmethod
    def _settle_database(operation: Operation, state: DatabaseState, **fields: Any) -> None:
        rows = Database.objects.filter(pk=operation.params["database"], revision=1)  # nobody has changed it since
        rows.update(state=state, **fields)


@register
class NewWordpressPassword(SitePlan):
    kind = "hosting.new_wordpress_password"
    title = _("New password for WordPress of %(name)s")

    def stages(self, params: Params) -> Stages:
        site = _load(params)
        return [_on_main_host("hosting.set_application_password", site)]

    def on_success(self, operation: Operation) -> None:
        super().on_success(operation)
        Application.objects.filter(site=operation.params["site"]).update(password_hash="")


def _on_main_host(action: str, site: Site) -> list[PlannedStep]:
    return [PlannedStep(action, site.host.name, {"site": site.pk})] if site.host else []
