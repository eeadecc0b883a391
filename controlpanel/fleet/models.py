"""Managed servers."""

from django.contrib.postgres.fields import ArrayField
from django.core.validators import RegexValidator
from django.db import models

from .choices import HostState, Role

#: RFC 1123 label: it becomes part of file names and configuration on hosts.
validate_host_name = RegexValidator(r"\A[a-z]([a-z0-9-]{0,61}[a-z0-9])?\Z", "lower-case letters, digits and hyphens")


class Host(models.Model):
    """A Debian server that runs our agent. Rows are made by enrolment only (``enrolment.py``)."""

    name = models.CharField(max_length=63, unique=True, validators=[validate_host_name])
    address = models.GenericIPAddressField(unique=True)
    port = models.PositiveIntegerField(default=22, help_text="of its SSH server")
    roles = ArrayField(models.CharField(max_length=10, choices=Role))
    state = models.CharField(max_length=10, choices=HostState, default=HostState.ACTIVE)
    #: Its SSH host key, pinned at enrolment ("ssh-ed25519 AAAA…"); any other key is refused.
    host_key = models.TextField()
    agent_version = models.CharField(max_length=64, blank=True)
    boot_id = models.CharField(max_length=36, blank=True)
    #: What it said of itself: {"os", "cpus", "memory_mb", "disk_mb", …}.
    facts = models.JSONField(default=dict)
    reachable = models.BooleanField(default=True)
    last_seen = models.DateTimeField(null=True)
    #: A change was skipped while it was away: it gets a full resync before it is trusted again.
    needs_resync = models.BooleanField(default=False)
    enrolled = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name


class DriftReport(models.Model):
    """Where a host differs from what the database says it should be, as last compared."""

    host = models.OneToOneField(Host, on_delete=models.CASCADE, related_name="drift")
    checked = models.DateTimeField(auto_now=True)
    #: ``[{"kind", "id", "problem": "missing"|"different"|"unexpected"|"edited", "detail"}]``; empty when all is well.
    differences = models.JSONField(default=list)
    #: Why the comparison failed, if it did.
    error = models.TextField(blank=True)

    def __str__(self) -> str:
        return f"drift of {self.host}"
