"""What is audited of webhooks (``controlpanel.audit``)."""

from django.utils.translation import gettext_lazy as _

from controlpanel.audit.trail import Trail, trails

from .models import Delivery, Webhook

trails.add(
    Trail(
        Webhook,
        _("the webhook “%(name)s”"),
        label="r.name",
        scopes=[("member", "r.member_id"), ("order", "r.order_id")],
        named={"member_id": "members.member", "order_id": "hosting.hostingorder", "created_by_id": "members.login"},
        ignored=frozenset({"failing_since"}),
        fields={
            "name": _("name"),
            "url": _("address"),
            "kinds": _("kinds of operations"),
            "active": _("active"),
            "given_up": _("given up"),
            "secret": _("secret"),
            "member_id": _("member"),
            "order_id": _("hosting order"),
            "created_by_id": _("made by"),
            "created": _("created"),
        },
    )
)
trails.leave_out("what was sent, and kept for a while only", Delivery)
