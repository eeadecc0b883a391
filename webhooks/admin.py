"""Staff's view of webhooks and of what was sent."""

from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from controlpanel.admin import LABELS, ReadOnlyAdmin, actor, changelist, deed, label, link

from . import services
from .models import Delivery, Webhook


@admin.register(Webhook)
class WebhookAdmin(ReadOnlyAdmin):
    """Never the secret."""

    list_display = ("name", "url", "shown_owner", "active", "failing_since", "created")
    list_filter = ("active", "given_up")
    list_select_related = ("member", "order")
    search_fields = ("name", "url", "member__name", "order__name")
    fields = ("name", "url", "shown_owner", "kinds", "active", "failing_since", "given_up", "shown_creator", "created")
    readonly_fields = ("shown_owner", "shown_creator")
    actions_detail = ("send_test", "switch_on", "switch_off")

    def resources(self, obj: Webhook) -> list[str]:
        """Those that it hears of."""
        return [f"member:{obj.member_id}"] if obj.member_id else [f"order:{obj.order_id}"] if obj.order_id else []

    def more_traces(self, obj: Webhook) -> Iterable[tuple[str, Any]]:
        yield changelist(Delivery, webhook__id__exact=obj.pk), _("Its messages")

    @admin.display(description=_("of"))
    def shown_owner(self, webhook: Webhook) -> str:
        return link(webhook.member or webhook.order) if webhook.member or webhook.order else str(_("staff"))

    @admin.display(description=_("made by"))
    def shown_creator(self, webhook: Webhook) -> str:
        return link(webhook.created_by)

    @deed(description=_("Send a test"), icon="send", question=_("Send a test to %(object)s?"))
    def send_test(self, request: HttpRequest, webhook: Webhook) -> Delivery:
        return services.send_test(actor(request), webhook)

    @deed(description=_("Switch on"), icon="toggle_on", question=_("Send messages to %(object)s again?"))
    def switch_on(self, request: HttpRequest, webhook: Webhook) -> str:
        services.change_webhook(actor(request), webhook, active=True)
        return str(_("It is on."))

    @deed(description=_("Switch off"), icon="toggle_off", question=_("Send nothing to %(object)s any more?"))
    def switch_off(self, request: HttpRequest, webhook: Webhook) -> str:
        services.change_webhook(actor(request), webhook, active=False)
        return str(_("It is off."))


@admin.register(Delivery)
class DeliveryAdmin(ReadOnlyAdmin):
    list_display = ("message", "shown_webhook", "kind", "shown_state", "attempts", "status", "took_ms", "created")
    list_filter = ("state", "kind")
    list_select_related = ("webhook",)
    search_fields = ("message", "webhook__name")
    fields = ("message", "shown_webhook", "kind", "shown_operation", "shown_state", "attempts", "status",
              "shown_detail", "took_ms", "due", "created", "ended", "body")  # fmt: skip
    readonly_fields = ("shown_webhook", "shown_operation", "shown_state", "shown_detail")

    def recorded(self, obj: Delivery) -> str:
        return f"webhooks.webhook:{obj.webhook_id}"

    @admin.display(description=_("webhook"), ordering="webhook__name")
    def shown_webhook(self, delivery: Delivery) -> str:
        return link(delivery.webhook)

    @admin.display(description=_("operation"))
    def shown_operation(self, delivery: Delivery) -> str:
        return link(delivery.operation)

    @admin.display(description=_("state"), ordering="state")
    def shown_state(self, delivery: Delivery) -> str:
        return label(delivery.get_state_display(), LABELS.get(delivery.colour, ""))

    @admin.display(description=_("trouble"))
    def shown_detail(self, delivery: Delivery) -> str:
        return delivery.detail or "–"
