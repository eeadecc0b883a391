"""What the admin calls operations and their steps (``controlpanel.labels``)."""

from django.utils.translation import gettext_lazy as _

from controlpanel.labels import name

from .models import Operation, Step

name(
    Operation,
    _("operation"),
    _("operations"),
    kind=_("kind"),
    state=_("state"),
    requested_by=_("asked for by"),
    impersonated_by=_("by which of the staff, in their name"),
    requested_from=_("from"),
    idempotency_key=_("idempotency key"),
    created=_("created"),
    started=_("started"),
    finished=_("finished"),
    undoing=_("taken back"),
    outcome=_("ends as"),
    cancel_requested=_("is to stop"),
    lease_holder=_("worker"),
    lease_expires=_("held by the worker until"),
    wake_at=_("tried again"),
)
name(
    Step,
    _("step"),
    _("steps"),
    stage=_("stage"),
    position=_("number"),
    host=_("host"),
    attempts=_("attempts"),
    started=_("started"),
    finished=_("finished"),
)
