"""The record of every change: who, what, when, from where, by which operation, before and after."""

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models

from .choices import Verb, Via


class Entry(models.Model):
    """One change of one row, or one deed that changed none. Written once: the database refuses to change or remove it.

    Triggers write it in the transaction of the change itself (``triggers.py``), so nothing that was rolled back is in
    it, and nothing that was done is missing. People and things stand in it as text: it outlives them.
    """

    time = models.DateTimeField()
    #: The transaction in which it happened: the same for all that was changed with one click.
    transaction = models.BigIntegerField()
    verb = models.CharField(max_length=16, choices=Verb)

    #: Who: id and name of the login, empty for the panel itself.
    actor_id = models.BigIntegerField(null=True)
    actor = models.CharField(max_length=200, blank=True)
    actor_is_staff = models.BooleanField(default=False)
    #: The member of staff who acted as that login.
    impersonator_id = models.BigIntegerField(null=True)
    impersonator = models.CharField(max_length=200, blank=True)
    #: The name of the token that was used, if one was.
    token = models.CharField(max_length=80, blank=True)

    #: From where.
    via = models.CharField(max_length=10, choices=Via, blank=True)
    address = models.GenericIPAddressField(null=True)
    request = models.CharField(max_length=64, blank=True)
    #: The operation whose step did it, or that was asked for.
    operation = models.BigIntegerField(null=True)

    #: What: "hosting.domain:7" and what people call it; and what it is part of, "hosting.site:12", itself if nothing.
    object = models.CharField(max_length=80)
    label = models.CharField(max_length=300, blank=True)
    about = models.CharField(max_length=80)
    about_label = models.CharField(max_length=300, blank=True)
    #: Who may see it: "member:3", "order:5", "login:7". Staff see all.
    scopes = ArrayField(models.CharField(max_length=40), default=list)
    #: Only what changed, by column; what is secret only as that it changed.
    before = models.JSONField(null=True)
    after = models.JSONField(null=True)

    class Meta:
        ordering = ("-id",)
        verbose_name_plural = "entries"
        indexes = [
            GinIndex(fields=["scopes"], name="entry_scopes"),
            models.Index(fields=["about", "-id"], name="entry_about"),
            models.Index(fields=["object", "-id"], name="entry_part", condition=~models.Q(object=models.F("about"))),
            models.Index(fields=["actor_id", "-id"], name="entry_actor"),
            models.Index(fields=["time"], name="entry_time"),
            models.Index(fields=["transaction"], name="entry_operation", condition=models.Q(operation__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"{self.verb} {self.object}"
