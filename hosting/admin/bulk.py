"""What staff do to several sites at once."""

from typing import Any

from django.utils.translation import gettext_lazy as _

from controlpanel.bulk import BulkDeed
from controlpanel.operations.models import Operation
from routing.choices import ShieldLevel

from .. import services
from ..models import Site


def _shield(actor: Any, site: Site) -> Operation:
    return services.shield_site(actor, site, level=ShieldLevel.LIMIT)[1]


def _begin_maintenance(actor: Any, site: Site) -> Operation:
    return services.begin_maintenance(actor, site)[1]


def _end_maintenance(actor: Any, site: Site) -> Operation:
    return services.end_maintenance(actor, site)[1]


def _disable(actor: Any, site: Site) -> Operation:
    return services.disable_site(actor, site)[1]


def _enable(actor: Any, site: Site) -> Operation:
    return services.enable_site(actor, site)[1]


def _delete(actor: Any, site: Site) -> Operation:
    return services.delete_site(actor, site)[1]


OF_SITES = (
    BulkDeed(
        "shield",
        _("Shield"),
        _("Limit what one visitor may ask of these sites?"),
        _("Visitors who ask too much too fast are asked to wait; nobody else notices."),
        _shield,
    ),
    BulkDeed(
        "begin-maintenance",
        _("Begin maintenance"),
        _("Show visitors of these sites that they are being worked on?"),
        _("They run on behind that page."),
        _begin_maintenance,
    ),
    BulkDeed(
        "end-maintenance",
        _("End maintenance"),
        _("Show visitors these sites again?"),
        _("They get the sites as they are now."),
        _end_maintenance,
    ),
    BulkDeed(
        "disable",
        _("Disable"),
        _("Stop these sites?"),
        _("Visitors then see that they are disabled. Their data and names stay."),
        _disable,
    ),
    BulkDeed("enable", _("Enable"), _("Let these sites answer again?"), _("They have all that they had."), _enable),
    BulkDeed(
        "delete",
        _("Delete"),
        _("Delete these sites?"),
        _("Their data is kept for a while, and can be restored until then."),
        _delete,
        sensitive=True,
    ),
)
