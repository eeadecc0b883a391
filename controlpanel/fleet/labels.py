"""What the admin calls hosts (``controlpanel.labels``)."""

from django.utils.translation import gettext_lazy as _

from controlpanel.labels import name

from .models import Host, PowerFence

name(
    Host,
    _("host"),
    _("hosts"),
    reachable=_("reachable"),
    last_seen=_("last seen"),
    needs_resync=_("due for a resync"),
    boot_id=_("number of its boot"),
    enrolled=_("enrolled"),
)
name(PowerFence, _("power switch"), _("power switches"))
