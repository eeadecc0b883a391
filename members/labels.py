"""What the admin calls members, logins and what logins may do (``controlpanel.labels``)."""

from axes.models import AccessAttempt
from django.apps import apps
from django.utils.translation import gettext_lazy as _

from controlpanel.labels import name

from .models import Access, Login, Mail, Member, PosixId, Token
from .visit_models import Impersonation

name(Member, _("member"), _("members"), state_since=_("in this standing since"))
name(Login, _("login"), _("logins"), last_login=_("last login"))
name(Access, _("access"), _("accesses"))
name(Token, _("API token"), _("API tokens"), created=_("created"), last_used=_("last used"))
name(Impersonation, _("visit in somebody’s name"), _("visits in somebody’s name"), began=_("began"))
name(
    PosixId,
    _("unix id"),
    _("unix ids"),
    number=_("number"),
    owner=_("whose"),
    wanted=_("in the directory"),
)
name(
    Mail,
    _("mail"),
    _("mail"),
    to=_("to"),
    subject=_("subject"),
    template=_("text"),
    created=_("created"),
    due=_("tried next"),
    attempts=_("attempts"),
    sent=_("sent"),
    given_up=_("given up"),
    trouble=_("trouble"),
)
name(
    AccessAttempt,
    _("failed login"),
    _("failed logins"),
    username=_("user name"),
    ip_address=_("from"),
    failures_since_start=_("how often"),
    attempt_time=_("last"),
    path_info=_("page"),
    user_agent=_("browser"),
)
apps.get_app_config("axes").verbose_name = _("Failed logins")  # its own name says nothing to people
