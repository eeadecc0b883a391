"""What the admin calls the record of changes (``controlpanel.labels``)."""

from django.utils.translation import gettext_lazy as _

from controlpanel.labels import name

from .models import Entry

name(
    Entry,
    _("entry of the record"),
    _("entries of the record"),
    time=_("time"),
    transaction=_("transaction"),
    verb=_("kind"),
    actor_id=_("number of the login"),
    actor=_("who"),
    actor_is_staff=_("by the staff"),
    impersonator_id=_("number of who acted for them"),
    impersonator=_("who acted for them"),
    token=_("API token"),
    via=_("way"),
    address=_("from"),
    request=_("request"),
    operation=_("operation"),
    object=_("what"),
    about=_("part of"),
    scopes=_("seen by"),
)
