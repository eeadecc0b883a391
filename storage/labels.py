"""What the admin calls storage (``controlpanel.labels``)."""

from django.utils.translation import gettext_lazy as _

from controlpanel.labels import name

from .models import Attachment, Pool, Volume

name(Pool, _("storage pool"), _("storage pools"), probed=_("last asked"))
name(
    Volume,
    _("volume"),
    _("volumes"),
    name=_("name"),
    state=_("state"),
    used_at=_("measured"),
    uid=_("user id"),
    gid=_("group id"),
    epoch=_("epoch"),
    created=_("created"),
)
name(Attachment, _("attachment"), _("attachments"), path=_("directory"), granted=_("granted"), mounted=_("mounted"))
