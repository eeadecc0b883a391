"""Mail before a certificate ends that its owners brought: the panel cannot renew it."""

from collections.abc import Iterable, Sequence
from datetime import datetime

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
from routing.certificate_plans import titled

from ..models import Site
from ..validators import readable


@transaction.atomic
def send() -> int:
    """Tell the administrators of each site whose turn it is, in their language, once of all names that end together.
    Returns how many names."""
    due = own_certificates.to_remind()
    sites = Site.objects.select_related("order").in_bulk([row.route.backend.site_id for row in due])
    together: dict[tuple[int, datetime | None], list[str]] = {}
    for row in due:
        together.setdefault((row.route.backend.site_id, row.not_after), []).append(readable(row.route.name))
    for (site_id, ends), names in together.items():
        if site_id in sites and ends is not None:
            _tell(sites[site_id], names, ends)
    return len(due)


def _tell(site: Site, names: Sequence[str], ends: datetime) -> None:
    for login in _administrators(site):
        with override(login.language or settings.LANGUAGE_CODE):
            context = {
                "name": login.name or login.username,
                "domain": titled(names),
                "day": formats.date_format(timezone.localtime(ends), "DATE_FORMAT"),
                "address": settings.PANEL_URL.rstrip("/") + reverse("hosting:own_certificate", args=[site.pk]),
            }
        mail.write(login.email, "own_certificate_ends", context, login.language)


def _administrators(site: Site) -> Iterable[Login]:
    of_member = Q(accesses__role=Role.MEMBER_ADMIN, accesses__member=site.order.member_id)
    of_order = Q(accesses__role=Role.ORDER_ADMIN, accesses__order_id=site.order_id)
    admins = Login.objects.filter(of_member | of_order, is_active=True).exclude(email="")
    return admins.distinct().order_by("pk")
