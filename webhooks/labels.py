"""What the admin calls webhooks (``controlpanel.labels``)."""

from django.utils.translation import gettext_lazy as _

from controlpanel.labels import name

from .models import Delivery, Webhook

name(Webhook, _("webhook"), _("webhooks"), failing_since=_("failing since"))
name(
    Delivery,
    _("message of a webhook"),
    _("messages of webhooks"),
    message=_("number"),
    kind=_("kind"),
    body=_("body"),
    state=_("state"),
    attempts=_("attempts"),
    due=_("tried next"),
    status=_("HTTP status"),
    took_ms=_("took (ms)"),
    created=_("created"),
    ended=_("ended"),
)
