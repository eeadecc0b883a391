"""Steps that install applications and look after them, on the site's web host."""

from typing import Any

from django.utils.translation import gettext_lazy as _

from controlpanel.fleet.actions import Call, HostAction
from controlpanel.operations.errors import add_messages
from controlpanel.operations.models import Step
from controlpanel.operations.registry import register

from ..models import Application

add_messages(
    {
        "application_failed": _("WordPress could not be installed on %(host)s. Staff can see what it said."),
    }
)

#: Seconds; it takes two or three when the host has nothing else to do.
LONG = 120.0


def _application(step: Step) -> Application:
    return Application.objects.select_related("database").get(site=step.args["site"])


@register
class InstallApplication(HostAction):
    """Args: ``{"site": id}``. Its passwords travel in this call alone."""

    name = "hosting.install_application"
    title = _("Install WordPress on %(host)s")

    def request(self, step: Step) -> Call:
        application = _application(step)
        database = application.database
        assert database is not None  # noqa: S101  # made in the transaction that made the step
        args = {
            "site": str(application.site_id),
            "title": application.title,
            "language": application.language,
            "username": application.username,
            "email": application.email,
            "password_hash": application.password_hash,
            "database": {
                "name": database.name,
                "user": database.name,
                "password": application.database_password,
                "host": database.host_name,
            },
        }
        return Call("application.install", args, timeout=LONG)


@register
class SetApplicationPassword(HostAction):
    """Args: ``{"site": id}``."""

    name = "hosting.set_application_password"
    title = _("Set the password in WordPress on %(host)s")

    def request(self, step: Step) -> Call:
        application = _application(step)
        args: dict[str, Any] = {
            "site": str(application.site_id),
            "username": application.username,
            "password_hash": application.password_hash,
        }
        return Call("application.set_password", args, timeout=LONG)
