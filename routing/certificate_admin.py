"""Staff's view of certificates: what is due, what fails and why; trying again, replacing, revoking. Never a key."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from controlpanel.admin import Card, ReadOnlyAdmin, actor, changelist, deed, label, link, on_dashboard
from controlpanel.operations.errors import explain
from controlpanel.operations.models import Operation

from . import acme_accounts, issuing, own_certificates
from .choices import CertificateState
from .models import AcmeAccount, Certificate

LABELS: dict[str, str] = {
    CertificateState.ISSUED: "success",
    CertificateState.ORDERED: "info",
    CertificateState.WAITING: "warning",
    CertificateState.FAILING: "danger",
    CertificateState.LEAVING: "warning",
}
#: A certificate that ends sooner should have been renewed by now.
SOON = timedelta(days=20)


def _live() -> QuerySet[Certificate]:
    return Certificate.objects.filter(route__removed=False, route__backend__removed=False)


def _ending() -> Q:
    """Those that end soon."""
    return ~Q(chain_pem="") & Q(not_after__lt=timezone.now() + SOON)


#: Names that have trouble other than their own DNS.
_FAILING = Q(state=CertificateState.FAILING)


class NeedsFilter(admin.SimpleListFilter):
    """What needs a look."""

    title = _("needs a look")
    parameter_name = "needs"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [
            ("failing", _("failing")),
            ("ending", _("ends soon")),
            ("own", _("uploaded, and ends soon")),
            ("due", _("due now")),
            ("none", _("has no certificate")),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Certificate]) -> QuerySet[Certificate]:
        wanted = {
            "failing": lambda: queryset.filter(_FAILING, pk__in=_live().values("pk")),
            "ending": lambda: queryset.filter(_ending(), pk__in=_live().values("pk")),
            "own": lambda: queryset.filter(pk__in=own_certificates.ending().values("pk")),
            "due": lambda: queryset.filter(retry_at__lte=timezone.now()),
            "none": lambda: queryset.filter(chain_pem="", route__removed=False),
        }.get(self.value() or "")
        return wanted() if wanted else queryset


@admin.register(Certificate)
class CertificateAdmin(ReadOnlyAdmin):
    """The chain is public; keys are not loaded at all."""

    list_display = ("shown_name", "shown_state", "source", "not_after", "issuer", "retry_at", "shown_trouble")
    list_select_related = ("route__backend__host",)
    list_filter = (NeedsFilter, "state", "source")
    search_fields = ("route__name", "=route__backend__site_id", "issuer")
    fields = (
        "shown_name", "shown_backend", "shown_state", "source", "issuer", "issued_at", "not_after", "reminded",
        "retry_at", "attempts", "shown_trouble", "shown_dns", "dns_at", "ordered_at", "chain_pem", "revision",
    )  # fmt: skip
    readonly_fields = ("shown_name", "shown_backend", "shown_state", "shown_trouble", "shown_dns")
    actions_detail = ("retry", "replace", "revoke")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Certificate]:
        return super().get_queryset(request).defer("key_pem", "order_key_pem")

    def resources(self, obj: Certificate) -> list[str]:
        return [f"certificate:{obj.route_id}"]

    def recorded(self, obj: Certificate) -> str:
        return f"hosting.site:{obj.route.backend.site_id}"

    @admin.display(description=_("name"), ordering="route__name")
    def shown_name(self, certificate: Certificate) -> str:
        return certificate.route.name

    @admin.display(description=_("for"))
    def shown_backend(self, certificate: Certificate) -> str:
        return link(certificate.route.backend)

    @admin.display(description=_("state"), ordering="state")
    def shown_state(self, certificate: Certificate) -> str:
        return label(certificate.get_state_display(), LABELS.get(certificate.state, ""))

    @admin.display(description=_("trouble"))
    def shown_trouble(self, certificate: Certificate) -> str:
        return explain(certificate.trouble) or "–"

    @admin.display(description=_("the DNS says"))
    def shown_dns(self, certificate: Certificate) -> str:
        return ", ".join(certificate.dns.get("addresses", [])) or "–"

    @deed(description=_("Try again now"), icon="refresh", question=_("Try again now to get the %(object)s?"))
    def retry(self, request: HttpRequest, certificate: Certificate) -> Operation:
        return issuing.try_again(certificate, scopes=[], actor=actor(request))

    @deed(description=_("Replace"), icon="autorenew", question=_("Get a new %(object)s, with a new key?"))
    def replace(self, request: HttpRequest, certificate: Certificate) -> Operation:
        return issuing.replace(certificate, actor(request))

    @deed(
        description=_("Revoke"),
        icon="block",
        question=_("Revoke the %(object)s? Until it has a new one, the name is served by HTTP only."),
        sensitive=True,
    )
    def revoke(self, request: HttpRequest, certificate: Certificate) -> Operation:
        return issuing.revoke(certificate, actor(request))


@admin.register(AcmeAccount)
class AcmeAccountAdmin(ReadOnlyAdmin):
    """The panel's account at a certificate authority; never its key."""

    list_display = ("directory", "paused_until", "shown_trouble")
    fields = ("directory", "url", "created", "paused_until", "silences", "shown_trouble")
    readonly_fields = ("shown_trouble",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[AcmeAccount]:
        return super().get_queryset(request).defer("key_pem")

    @admin.display(description=_("trouble"))
    def shown_trouble(self, account: AcmeAccount) -> str:
        return explain(account.trouble) or "–"


@on_dashboard(50)
def certificates_panel() -> Iterable[Card]:
    counts = _live().aggregate(
        total=Count("pk", filter=~Q(chain_pem="")),
        soon=Count("pk", filter=_ending()),
        bad=Count("pk", filter=_FAILING),
        waiting=Count("pk", filter=Q(state=CertificateState.WAITING)),
        own=Count("pk", filter=own_certificates.is_ending()),
    )
    total, soon, bad, waiting, own = (counts[name] for name in ("total", "soon", "bad", "waiting", "own"))
    yield Card(_("Certificates"), total, changelist(Certificate), "warning" if soon else "",
               _("%(count)d end soon") % {"count": soon} if soon else "")  # fmt: skip
    yield Card(_("Uploaded certificates that end soon"), own, changelist(Certificate, needs="own"),
               "warning" if own else "", _("their owners are told") if own else "")  # fmt: skip
    until = acme_accounts.paused_until() if acme_accounts.is_configured() else None
    note = _("the authority is left alone for a while") if until else ""
    yield Card(_("Certificates failing"), bad, changelist(Certificate, needs="failing"),
               "danger" if bad or until else "", note)  # fmt: skip
    yield Card(_("Names that wait for their DNS"), waiting,
               changelist(Certificate, state__exact=CertificateState.WAITING), "", "")  # fmt: skip
