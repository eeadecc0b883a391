"""From an operation's end to the receiver: what is told, to whom, how it is signed, and what comes of it."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from controlpanel.operations import events
from controlpanel.operations.models import Operation
from members.models import Mail
from tests import factories as make
from tests.webhooks.receiver import Receiver, receiver
from webhooks import sender, sending, services
from webhooks.models import Delivery, Webhook

pytestmark = pytest.mark.django_db


def end(operation: Operation, state: str = "succeeded") -> None:
    Operation.objects.filter(pk=operation.pk).update(state=state)
    operation.refresh_from_db()
    events.record(operation, "operation", {"state": state})


def send_all(within: float = 5) -> None:
    """Until nothing is under way."""
    one, deadline = sender.Sender(), time.monotonic() + within
    while (one.turn() or not one.idle) and time.monotonic() < deadline:
        time.sleep(0.02)
    one.turn()
    one.stop()


@pytest.fixture
def here(settings: Any) -> Iterator[Receiver]:
    settings.WEBHOOK_ALLOWED_NETWORKS = ["127.0.0.0/8"]
    with receiver() as one:
        yield one


# --- what is told ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", ["succeeded", "failed", "cancelled"])
def test_whoever_it_concerns_is_told_that_an_operation_has_ended(state: str) -> None:
    order = make.HostingOrderFactory()
    concerned = [
        make.WebhookFactory(member=order.member),
        make.WebhookFactory(member=None, order=order),
        make.WebhookFactory(member=None),  # staff's
        make.WebhookFactory(member=order.member, kinds=["tests.nothing"]),
    ]
    make.WebhookFactory()
    make.WebhookFactory(member=None, order=make.HostingOrderFactory(member=order.member))
    make.WebhookFactory(member=order.member, active=False)
    make.WebhookFactory(member=order.member, kinds=["hosting.create_site"])

    end(make.OperationFactory(scopes=order.scopes, params={"site": 7}), state)

    assert sorted(Delivery.objects.values_list("webhook", flat=True)) == sorted(one.pk for one in concerned)
    body = json.loads(Delivery.objects.all()[0].body)
    assert (body["type"], body["data"]["state"], body["data"]["site"]) == (f"operation.{state}", state, 7)


def test_nobody_is_told_of_what_goes_on() -> None:
    operation = make.OperationFactory(scopes=[])
    make.WebhookFactory(member=None)
    events.record(operation, "operation", {"state": "running"})
    events.record(operation, "step", {"state": "succeeded"})
    assert not Delivery.objects.exists()


# --- how it arrives ----------------------------------------------------------------------------------------------


def test_it_arrives_signed(here: Receiver) -> None:
    webhook = make.WebhookFactory(member=None, url=here.url)
    end(make.OperationFactory())

    send_all()

    (headers, body), delivery = here.seen[0], Delivery.objects.get()
    key = base64.b64decode(webhook.secret.removeprefix("whsec_"))
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.{body}".encode()
    assert headers["webhook-signature"] == "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
    assert (headers["webhook-id"], body) == (delivery.message, delivery.body)
    assert (delivery.state, delivery.status, delivery.attempts, delivery.trouble) == ("delivered", 204, 1, "")


def test_one_that_fails_is_tried_again_for_a_day(here: Receiver) -> None:
    here.status = 500
    webhook = make.WebhookFactory(member=None, url=here.url)
    delivery = make.DeliveryFactory(webhook=webhook)

    send_all()
    delivery.refresh_from_db()
    assert (delivery.state, delivery.status, delivery.trouble) == ("waiting", 500, "status")
    assert delivery.due > timezone.now()
    send_all()
    assert len(here.seen) == 1  # not before it is due

    Delivery.objects.update(due=timezone.now(), created=timezone.now() - timedelta(days=1, minutes=1))
    send_all()
    delivery.refresh_from_db()
    assert (delivery.state, delivery.attempts) == ("failed", 2)


def test_waits_become_longer_and_add_up_to_a_day() -> None:
    waits = [min(sender.FIRST_WAIT * 2**tries, sender.LONGEST_WAIT) for tries in range(16)]
    assert waits == sorted(waits)
    assert sum(waits, timedelta()) > sender.PATIENCE


def test_redirections_are_not_followed(here: Receiver) -> None:
    with receiver() as other:
        here.status, here.answer = 307, {"Location": other.url}
        make.DeliveryFactory(webhook=make.WebhookFactory(url=here.url))
        send_all()
        assert not other.seen
    assert Delivery.objects.get().trouble == "redirect"


def test_a_receiver_that_hangs_holds_up_no_other(here: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "LIMIT", 1.0)
    here.hangs = True
    with receiver() as quick:
        hanging = make.WebhookFactory(url=here.url)
        for _ in range(40):
            make.DeliveryFactory(webhook=hanging)
        make.DeliveryFactory(webhook=make.WebhookFactory(url=quick.url))
        one = sender.Sender()
        assert one.turn() == 2  # of one webhook only one is under way
        while not quick.seen:
            time.sleep(0.01)
        assert not Delivery.objects.exclude(trouble="").exists()  # the other is still waited for
        Delivery.objects.filter(webhook=hanging, attempts=0).delete()
        while not one.idle:
            one.turn()
            time.sleep(0.02)
        one.stop()
    assert Delivery.objects.filter(state="delivered").count() == 1
    assert Delivery.objects.get(webhook=hanging).trouble == "too_slow"


def test_nothing_is_sent_to_an_address_inside(here: Receiver, settings: Any) -> None:
    settings.WEBHOOK_ALLOWED_NETWORKS = []
    make.DeliveryFactory(webhook=make.WebhookFactory(url=here.url))

    send_all()

    assert not here.seen
    assert Delivery.objects.get().trouble == "refused_address"


def test_two_workers_send_it_once(here: Receiver) -> None:
    make.DeliveryFactory(webhook=make.WebhookFactory(url=here.url))
    first, second = sender.Sender(), sender.Sender()
    due = second._due()
    assert first.turn() == 1
    assert not second._claim(due[0])
    first.stop()


# --- when nothing arrives ----------------------------------------------------------------------------------------


def test_after_a_week_it_is_switched_off_and_its_owner_is_told() -> None:
    owner = make.LoginFactory(language="es")
    webhook = make.WebhookFactory(created_by=owner, failing_since=timezone.now() - timedelta(days=7, minutes=1))

    sender.settle(make.DeliveryFactory(webhook=webhook), sending.Outcome(trouble="unreachable"))

    webhook.refresh_from_db()
    assert (webhook.active, webhook.given_up) == (False, True)
    mail = Mail.objects.get()
    assert mail.to == owner.email and webhook.url in mail.body and f"/webhooks/{webhook.pk}/" in mail.body


def test_one_that_arrives_ends_the_count() -> None:
    webhook = make.WebhookFactory(failing_since=timezone.now() - timedelta(days=6))
    sender.settle(make.DeliveryFactory(webhook=webhook), sending.Outcome(status=200))
    assert Webhook.objects.get().failing_since is None


def test_a_test_is_tried_once(here: Receiver) -> None:
    here.status = 500
    webhook = make.WebhookFactory(url=here.url)
    services.send_test(make.StaffFactory(), webhook)
    send_all()
    assert Delivery.objects.get().state == "failed"
    assert json.loads(here.seen[0][1])["type"] == "test"
