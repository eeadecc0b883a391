"""Writes. What the actor may not do raises PermissionDenied, what is not well-formed ValidationError."""

import json
import secrets
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.db.models import Q
from django.utils import timezone, translation
from django.utils.translation import gettext_lazy as _

from controlpanel.operations.errors import explain
from controlpanel.operations.models import Operation
from controlpanel.operations.registry import known_kinds
from controlpanel.operations.signals import operation_finished
from hosting.models import HostingOrder
from members.models import Login, Member

from . import selectors, signing
from .addresses import check_url
from .choices import DeliveryState
from .models import Delivery, Webhook

#: Most webhooks of one member, order, or of staff.
MOST = 20
#: How long the log of deliveries goes back.
KEPT = timedelta(days=30)


@transaction.atomic
def create_webhook(
    actor: Login,
    *,
    name: str,
    url: str,
    kinds: Iterable[str] = (),
    member: Member | None = None,
    order: HostingOrder | None = None,
) -> tuple[Webhook, str]:
    """A new one and its secret, which cannot be read again later. With neither member nor order: staff's."""
    webhook = Webhook(member=member, order=order, secret=signing.new_secret(), created_by=actor)
    _may_own(actor, webhook)
    if Webhook.objects.filter(member=member, order=order).count() >= MOST:
        raise ValidationError(_("There are %(most)s webhooks already: remove some first."), params={"most": MOST})
    _save(webhook, name=name, url=url, kinds=list(kinds))
    return webhook, webhook.secret


@transaction.atomic
def change_webhook(actor: Login, webhook: Webhook, **changes: Any) -> Webhook:
    """Another ``name``, ``url``, ``kinds``, or ``active``; what is left out stays. Switched on it begins afresh."""
    _may_own(actor, webhook)
    webhook = Webhook.objects.select_for_update().get(pk=webhook.pk)
    if changes.get("active"):
        changes |= {"failing_since": None, "given_up": False}
    elif changes.get("active") is False:
        _drop_waiting(webhook)
    _save(webhook, **changes)
    return webhook


@transaction.atomic
def rotate_secret(actor: Login, webhook: Webhook) -> str:
    """Another secret, from the next message on; the old one signs nothing more."""
    _may_own(actor, webhook)
    secret = signing.new_secret()
    webhook.secret = secret
    webhook.save(update_fields=["secret"])
    return secret


@transaction.atomic
def remove_webhook(actor: Login, webhook: Webhook) -> None:
    """With its log."""
    _may_own(actor, webhook)
    webhook.delete()


@transaction.atomic
def send_test(actor: Login, webhook: Webhook) -> Delivery:
    """A message that says that it is one; also to one that is switched off."""
    _may_own(actor, webhook)
    return _write(webhook, "test", {"text": "This is a test."})


@transaction.atomic
def send_again(actor: Login, delivery: Delivery) -> Delivery:
    """The same message once more, as soon as possible. Raises ValidationError while it is still being tried."""
    _may_own(actor, delivery.webhook)
    again = Delivery.objects.filter(pk=delivery.pk).exclude(state=DeliveryState.WAITING)
    now = timezone.now()
    if not again.update(state=DeliveryState.WAITING, due=now, created=now, attempts=0, ended=None):
        raise ValidationError(_("It is still being tried."))
    delivery.refresh_from_db()
    return delivery


def forget_old() -> None:
    """Deliveries that have ended long ago."""
    Delivery.objects.filter(ended__lt=timezone.now() - KEPT).delete()


# --- what is told ------------------------------------------------------------------------------------------------


def _tell(sender: object, operation: Operation, **kwargs: object) -> None:
    """In the transaction that ends the operation: one message for each webhook that wants to know."""
    ids: dict[str, list[str]] = {"member": [], "order": []}
    for scope in operation.scopes:
        kind, _colon, pk = scope.partition(":")
        if kind in ids and pk.isdecimal():
            ids[kind].append(pk)
    concerned = Q(member=None, order=None) | Q(member__in=ids["member"]) | Q(order__in=ids["order"])
    for webhook in Webhook.objects.filter(concerned, active=True):
        if not webhook.kinds or operation.kind in webhook.kinds:
            _write(webhook, f"operation.{operation.state}", _described(operation), operation)


operation_finished.connect(_tell, dispatch_uid="webhooks")


def _described(operation: Operation) -> dict[str, Any]:
    with translation.override("en"):
        return {
            "id": operation.pk,
            "url": f"{settings.PANEL_URL.rstrip('/')}/api/v1/operations/{operation.pk}/",
            "kind": operation.kind,
            "title": operation.title,
            "state": operation.state,
            "created": operation.created.isoformat(),
            "finished": (operation.finished or timezone.now()).isoformat(),
            "detail": explain(operation.error),
            "site": operation.params.get("site"),
            "database": operation.params.get("database"),
        }


def _write(webhook: Webhook, kind: str, data: dict[str, Any], operation: Operation | None = None) -> Delivery:
    body = {"type": kind, "timestamp": timezone.now().isoformat(), "data": data}
    return Delivery.objects.create(
        webhook=webhook,
        message=f"msg_{secrets.token_hex(16)}",
        operation=operation,
        kind=kind,
        body=json.dumps(body, separators=(",", ":")),
    )


# --- the pieces --------------------------------------------------------------------------------------------------


def _may_own(actor: Login, webhook: Webhook) -> None:
    if actor.is_staff:
        return
    mine = webhook.member_id in actor.member_ids() if webhook.member_id else False
    if not mine and webhook.order_id:
        mine = selectors.hosting.orders_for(actor).filter(pk=webhook.order_id).exists()
    if not (actor.is_active and mine):
        raise PermissionDenied


def _save(webhook: Webhook, **fields: Any) -> None:
    problems = {}
    for name, value in fields.items():
        try:
            setattr(webhook, name, _checked(name, value))
        except ValidationError as error:
            problems[name] = error
    if problems:
        raise ValidationError(problems)
    webhook.full_clean()
    webhook.save()


def _checked(name: str, value: Any) -> Any:
    if name == "url":
        return check_url(value)
    if name == "kinds":
        unknown = sorted(set(value) - set(known_kinds()))
        if unknown:
            text = _("There are no operations of these kinds: %(kinds)s.")
            raise ValidationError(text, params={"kinds": ", ".join(unknown)[:200]})
        return sorted(set(value))
    return " ".join(value.split()) if name == "name" else value


def _drop_waiting(webhook: Webhook) -> None:
    waiting = webhook.deliveries.filter(state=DeliveryState.WAITING)
    waiting.update(state=DeliveryState.FAILED, trouble="switched_off", ended=timezone.now())
