"""Sends what is due. One thread of each worker looks after it; a few others wait for receivers.

A receiver that hangs takes one of those threads for ten seconds and holds up only its own next message: of one webhook
only one message is under way. A message is claimed by its next try, so two workers do not send it twice at once, and
what a worker was sending that died is tried again.
"""

import threading
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta

import structlog
from django.conf import settings
from django.db import InterfaceError, OperationalError, close_old_connections, connection
from django.db.models import F
from django.utils import timezone

from controlpanel.fleet.choices import Role
from controlpanel.fleet.models import Host
from controlpanel.operations.recovery import alongside
from members import mail

from . import sending, signing
from .choices import DeliveryState
from .models import Delivery, Webhook

log = structlog.get_logger()

#: Messages under way at once, of one worker.
AT_ONCE = 16
#: How long a message is tried, and waits between tries: doubled each time, from the first to the second of these.
PATIENCE = timedelta(days=1)
FIRST_WAIT, LONGEST_WAIT = timedelta(seconds=15), timedelta(hours=4)
#: A webhook at which nothing arrived for this long is switched off.
GIVE_UP_AFTER = timedelta(days=7)
#: Seconds between two looks at what is due.
EVERY = 0.5


class Sender:
    """What one worker has under way."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="webhook")
        self._under_way: dict[Future[sending.Outcome], Delivery] = {}

    def turn(self) -> int:
        """Take in what has come back, and send what is due, as far as there is room. Returns how many were begun."""
        for future in [future for future in self._under_way if future.done()]:
            delivery = self._under_way.pop(future)
            if error := future.exception():
                log.error("sending failed", delivery=delivery.pk, exc_info=error)
            settle(delivery, sending.Outcome(trouble="unreachable") if error else future.result())
        begun = 0
        for delivery in self._due()[: AT_ONCE - len(self._under_way)]:
            if self._claim(delivery):
                self._under_way[self._send(delivery)] = delivery
                begun += 1
        return begun

    @property
    def idle(self) -> bool:
        return not self._under_way

    def stop(self) -> None:
        """Begin nothing more; who is under way ends by itself."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _due(self) -> list[Delivery]:
        busy = [delivery.webhook_id for delivery in self._under_way.values()]
        due = Delivery.objects.filter(state=DeliveryState.WAITING, due__lte=timezone.now()).exclude(webhook__in=busy)
        first_of_each = due.order_by("webhook_id", "due", "id").distinct("webhook_id").select_related("webhook")
        return sorted(first_of_each, key=lambda delivery: delivery.due)

    def _claim(self, delivery: Delivery) -> bool:
        wait = min(FIRST_WAIT * 2**delivery.attempts, LONGEST_WAIT)
        mine = Delivery.objects.filter(pk=delivery.pk, state=DeliveryState.WAITING, due=delivery.due)
        return bool(mine.update(due=timezone.now() + wait, attempts=F("attempts") + 1))

    def _send(self, delivery: Delivery) -> "Future[sending.Outcome]":
        webhook = delivery.webhook
        headers = signing.headers(webhook.secret, delivery.message, timezone.now(), delivery.body)
        return self._pool.submit(sending.post, webhook.url, headers, delivery.body, _own_addresses())


def settle(delivery: Delivery, outcome: sending.Outcome) -> None:
    """Write down what came of a try."""
    now = timezone.now()
    known = {"status": outcome.status, "trouble": outcome.trouble, "took_ms": outcome.took_ms}
    mine = Delivery.objects.filter(pk=delivery.pk, state=DeliveryState.WAITING)
    webhook = Webhook.objects.filter(pk=delivery.webhook_id)
    if not outcome.trouble:
        mine.update(**known, state=DeliveryState.DELIVERED, ended=now)
        webhook.exclude(failing_since=None).update(failing_since=None)
        return
    log.info("webhook not delivered", delivery=delivery.pk, webhook=delivery.webhook_id, trouble=outcome.trouble)
    if delivery.created < now - PATIENCE or delivery.kind == "test":
        mine.update(**known, state=DeliveryState.FAILED, ended=now)
    else:
        mine.update(**known)
    webhook.filter(failing_since=None).update(failing_since=now)
    if webhook.filter(active=True, failing_since__lt=now - GIVE_UP_AFTER).update(active=False, given_up=True):
        _tell_owner(Webhook.objects.select_related("created_by").get(pk=delivery.webhook_id))


def _tell_owner(webhook: Webhook) -> None:
    owner = webhook.created_by
    log.warning("webhook switched off", webhook=webhook.pk)
    if owner is not None and owner.is_active and owner.email:
        context = {"webhook": webhook, "address": settings.PANEL_URL.rstrip("/") + webhook.get_absolute_url()}
        mail.write(owner.email, "webhook_off", context, owner.language)


def _own_addresses() -> frozenset[str]:
    """Of our servers, but for those that visitors reach anyway: whatever listens there is not for members."""
    return frozenset(
        str(a) for a in Host.objects.exclude(roles__contains=[Role.EDGE]).values_list("address", flat=True)
    )


@alongside
def run(stopping: threading.Event) -> None:
    """Until the worker stops."""
    sender = Sender()
    while not stopping.wait(EVERY):
        try:
            close_old_connections()
            sender.turn()
        except (OperationalError, InterfaceError) as error:  # PostgreSQL restarts: what was claimed is tried again
            log.warning("database away", error=str(error))
            connection.close()
    sender.stop()
    connection.close()
