"""Mail before a certificate ends that its owners brought: the panel cannot renew it."""

from collections.abc import Iterable

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.urls import reverse
from django.utils import formats, timezone
from django.utils.translation import override

from members import mail
from members.choices import Role
from members.models import Login
from routing import own_certificates
from routing.models import Certificate

from ..models import Site
from ..validators import readable


@transaction.atomic
def send() -> int:
    """Tell the administrators of each site whose turn it is, in their language; returns how many certificates."""
    due = own_certificates.to_remind()
    sites = Site.objects.select_related("order").in_bulk([row.route.backend.site_id for row in due])
    for row in due:
        if site := sites.get(row.route.backend.site_id):
            _tell(site, row)
    return len(due)


def _tell(site: Site, row: Certificate) -> None:
    assert row.not_after is not None  # noqa: S101 (they end soon)
    for login in _administrators(site):
        with override(login.language or settings.LANGUAGE_CODE):
            context = {
                "name": login.name or login.username,
                "domain": readable(row.route.name),
                "day": formats.date_format(timezone.localtime(row.not_after), "DATE_FORMAT"),
                "address": settings.PANEL_URL.rstrip("/") + reverse("hosting:own_certificate", args=[site.pk]),
            }
        mail.write(login.email, "own_certificate_ends", context, login.language)


def _administrators(site: Site) -> Iterable[Login]:
    of_member = Q(accesses__role=Role.MEMBER_ADMIN, accesses__member=site.order.member_id)
    of_order = Q(accesses__role=Role.ORDER_ADMIN, accesses__order_id=site.order_id)
    admins = Login.objects.filter(of_member | of_order, is_active=True).exclude(email="")
    return admins.distinct().order_by("pk")
