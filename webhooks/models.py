"""Who is told when an operation has ended, and what became of telling them."""

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.urls import reverse
from django.utils import timezone

from controlpanel.encryption import EncryptedTextField
from controlpanel.operations.models import Operation
from hosting.models import HostingOrder
from members.models import Member

from .choices import COLOURS, DeliveryState
from .troubles import explain


class Webhook(models.Model):
    """A program of a member (or of staff) that wants to know: its address gets a signed message an operation.

    With ``member`` it hears of all of that member's, with ``order`` of that order's, with neither (staff) of all.
    """

    member = models.ForeignKey(Member, null=True, blank=True, on_delete=models.CASCADE, related_name="webhooks")
    order = models.ForeignKey(HostingOrder, null=True, blank=True, on_delete=models.CASCADE, related_name="webhooks")
    name = models.CharField(max_length=80)
    url = models.CharField(max_length=500)
    #: "whsec_" and base64 of the key (signing.py); shown once.
    secret = EncryptedTextField()
    #: Kinds of operations that it hears of; empty: of all.
    kinds = ArrayField(models.CharField(max_length=64), default=list, blank=True)
    active = models.BooleanField(default=True)
    #: Since when nothing has arrived there; null while it works.
    failing_since = models.DateTimeField(null=True, blank=True)
    #: It was switched off by itself, because nothing arrived for too long.
    given_up = models.BooleanField(default=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("name", "id")
        constraints = [
            models.CheckConstraint(name="webhook_of_one", condition=models.Q(member=None) | models.Q(order=None))
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("webhooks:webhook", args=[self.pk])


class Delivery(models.Model):
    """One message to one webhook: written in the transaction that ends the operation, sent by a worker (sender.py)."""

    webhook = models.ForeignKey(Webhook, on_delete=models.CASCADE, related_name="deliveries")
    #: "msg_…": the same in every try, so that the receiver can tell a repetition.
    message = models.CharField(max_length=40, unique=True)
    operation = models.ForeignKey(Operation, null=True, on_delete=models.SET_NULL, related_name="+")
    #: "operation.succeeded", "operation.failed", "operation.cancelled", "test".
    kind = models.CharField(max_length=40)
    #: The JSON, as it is signed.
    body = models.TextField()
    state = models.CharField(max_length=10, choices=DeliveryState, default=DeliveryState.WAITING)
    attempts = models.PositiveIntegerField(default=0)
    #: When it is tried next.
    due = models.DateTimeField(default=timezone.now)
    #: HTTP status of the last answer; null when there was none.
    status = models.PositiveSmallIntegerField(null=True, blank=True)
    #: Why the last try failed: a code of ``troubles.py``.
    trouble = models.CharField(max_length=40, blank=True)
    took_ms = models.PositiveIntegerField(null=True, blank=True)
    created = models.DateTimeField(auto_now_add=True)
    ended = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-id",)
        verbose_name_plural = "deliveries"
        indexes = [
            models.Index(
                fields=["webhook", "due"], name="delivery_due", condition=models.Q(state=DeliveryState.WAITING)
            )
        ]

    def __str__(self) -> str:
        return self.message

    @property
    def colour(self) -> str:
        return COLOURS.get(self.state, "neutral")

    @property
    def detail(self) -> str:
        """What happened at the last try, in the reader's language."""
        return explain(self.trouble, self.status)
