"""What staff do when a host dies, from its page: see what would happen, say the word, watch, take it back."""

from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import formats, timezone
from django.utils.safestring import SafeString, mark_safe
from django.utils.timesince import timesince
from django.utils.translation import gettext_lazy as _

from controlpanel.admin import Alarm, actor, deed, label, on_dashboard
from controlpanel.fleet.admin import HostAdmin, offer_on_host
from controlpanel.fleet.alarms import alarms
from controlpanel.fleet.choices import HostState, Role
from controlpanel.fleet.models import Host
from controlpanel.operations.models import Operation

from .. import php_support, recovering, services
from ..actions.recovery import full_report_of

# --- deeds -----------------------------------------------------------------------------------------------------------


def _recovery_facts(request: HttpRequest, host: Host) -> Iterable[SafeString]:
    preview = recovering.preview(host)
    context = {"host": host, "preview": preview, "insist": host.reachable and host.state != HostState.FENCED}
    yield mark_safe(render_to_string("admin/hosting/recovery.html", context, request))  # noqa: S308


@offer_on_host
@deed(
    description=_("It is dead: recover…"),
    icon="emergency",
    url_path="recover",
    question=_("Is %(object)s dead? Then it is cut off, and its sites are brought up on other hosts."),
    sensitive=True,
    facts=_recovery_facts,
)
def recover(page: HostAdmin, request: HttpRequest, host: Host) -> HttpResponse:
    operation = services.recover_host(
        actor(request),
        host,
        force=request.POST.get("force") == "1",
        requested_from=request.META.get("REMOTE_ADDR"),
    )
    return HttpResponseRedirect(operation.get_absolute_url())


def _readmission_facts(request: HttpRequest, host: Host) -> Iterable[SafeString]:
    yield mark_safe(render_to_string("admin/hosting/readmission.html", {"host": host}, request))  # noqa: S308


@offer_on_host
@deed(
    description=_("Readmit…"),
    icon="login",
    url_path="readmit",
    question=_("Take %(object)s back? It is cleaned of what lives elsewhere by now, and may serve again then."),
    sensitive=True,
    facts=_readmission_facts,
)
def readmit(page: HostAdmin, request: HttpRequest, host: Host) -> HttpResponse:
    operation = services.readmit_host(actor(request), host, requested_from=request.META.get("REMOTE_ADDR"))
    return HttpResponseRedirect(operation.get_absolute_url())


# --- alarms ----------------------------------------------------------------------------------------------------------


@on_dashboard(-10)
def alarm_panel() -> Iterable[Alarm]:
    """The panel asks, and a person decides."""
    found = alarms()
    for host in found.silent:
        yield Alarm(
            _("%(host)s does not answer") % {"host": host.name},
            _what_to_do(host) % {"time": timesince(host.last_seen, timezone.now()) if host.last_seen else "–"},
            reverse("admin:fleet_host_recover", args=[host.pk]),
            _("See what would happen"),
        )
    for host in found.returned:
        yield Alarm(
            _("%(host)s is back") % {"host": host.name},
            _("It was given up, and is kept off all sites. Readmit it once it has been restarted."),
            reverse("admin:fleet_host_readmit", args=[host.pk]),
            _("Readmit it"),
            "warning",
        )


def _what_to_do(host: Host) -> str:
    """In a sentence, for what it is."""
    if Role.STORAGE.value in host.roles:
        return str(_("for %(time)s. Sites whose files are on it wait, and go on by themselves when it is back."))
    if Role.WEB.value in host.roles:
        return str(_("for %(time)s. If it is dead, its sites can be brought up on other hosts."))
    return str(_("for %(time)s. If it is dead, see what others can do for it."))


def banner(request: HttpRequest) -> list[Any] | None:
    """Beside the name of the panel on every page of the admin (UNFOLD's ENVIRONMENT)."""
    if not getattr(request.user, "is_staff", False):
        return None
    found = alarms()
    if found.silent:
        return [_("%(hosts)s: no answer") % {"hosts": ", ".join(host.name for host in found.silent)}, "danger"]
    if found.returned:
        return [
            _("%(hosts)s: back, to be readmitted") % {"hosts": ", ".join(h.name for h in found.returned)},
            "warning",
        ]
    return None


# --- its page --------------------------------------------------------------------------------------------------------


def last_recovery(host: Host) -> Operation | None:
    """The newest recovery of the host."""
    return Operation.objects.filter(kind="hosting.recover_host", params__host=host.name).first()


@admin.display(description=_("last recovery"))
def shown_recovery(page: HostAdmin, host: Host) -> SafeString | str:
    operation = last_recovery(host)
    if operation is None:
        return "–"
    context = {"operation": operation, "report": full_report_of(operation)}
    return mark_safe(render_to_string("hosting/recovery_report.html", context))  # noqa: S308


HostAdmin.show_field("shown_recovery", shown_recovery)


@admin.display(description=_("PHP"))
def shown_php(page: HostAdmin, host: Host) -> str:
    """What the sites on a web host run, and until when holes in it are mended."""
    if Role.WEB.value not in host.roles:
        return "–"
    support = php_support.support_of(host.facts)
    if support is None:
        return str(host.facts.get("php", "–"))
    day = formats.date_format(support.until, "DATE_FORMAT")
    text = _("%(version)s, security fixes until %(day)s") % {"version": support.version, "day": day}
    return label(text, "danger" if support.ended else "warning" if support.ends_soon else "success")


HostAdmin.show_field("shown_php", shown_php)
