"""Reads, scoped to who asks; nobody sees nothing."""

from django.db.models import Q, QuerySet

from hosting import selectors as hosting
from members.models import Login
from members.selectors import Actor

from .models import Delivery, Webhook


def webhooks_for(actor: Actor) -> QuerySet[Webhook]:
    """Those of members and orders that the actor administers; all for staff."""
    if not isinstance(actor, Login) or not actor.is_active:
        return Webhook.objects.none()
    if actor.is_staff:
        return Webhook.objects.all()
    return Webhook.objects.filter(Q(member__in=actor.member_ids()) | Q(order__in=hosting.orders_for(actor)))


def deliveries_for(actor: Actor, webhook: Webhook) -> QuerySet[Delivery]:
    """What was sent there, newest first."""
    return Delivery.objects.filter(webhook=webhook, webhook__in=webhooks_for(actor)).order_by("-id")
