"""Managed servers."""

from django.contrib.postgres.fields import ArrayField
from django.core.validators import RegexValidator
from django.db import models
from django.utils.translation import gettext as _

from controlpanel.encryption import EncryptedTextField

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
    #: How long it took to answer the last ping.
    ping_ms = models.FloatField(null=True)
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


#: A program of Debian's fence-agents: its name is all of a path that is ever given.
validate_fence_agent = RegexValidator(r"\Afence_[a-z0-9_]{1,40}\Z", "the name of a fence agent, like fence_ipmilan")


class PowerFence(models.Model):
    """How the panel can switch a host off from outside: a program of Debian's fence-agents, and what it is told."""

    host = models.OneToOneField(Host, on_delete=models.CASCADE, related_name="power_fence")
    agent = models.CharField(max_length=48, validators=[validate_fence_agent])
    #: What the agent reads on its standard input: JSON object of text (ip, username, password, plug, …).
    parameters = EncryptedTextField(default="{}")

    def __str__(self) -> str:
        return _("power switch of %(host)s") % {"host": self.host}


class Sample(models.Model):
    """One measured number. Written and read by ``samples.py`` only; old ones are thinned out by a duty."""

    #: What it is about: "host:web1", "site:12", "edge:edge1".
    subject = models.CharField(max_length=80)
    #: "cpu", "memory", "requests", …
    metric = models.CharField(max_length=40)
    at = models.DateTimeField()
    value = models.FloatField()
    #: Seconds that it stands for: 0 as it was measured, more for an average of what was thinned out.
    span = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["subject", "metric", "at"], name="sample_once")]
        indexes = [models.Index(fields=["span", "at"], name="sample_age")]

    def __str__(self) -> str:
        return f"{self.subject} {self.metric} {self.value}"


class Reading(models.Model):
    """What a host's counters said when they were last looked at: rates need two looks (``samples.collect``)."""

    host = models.OneToOneField(Host, on_delete=models.CASCADE, related_name="reading")
    at = models.DateTimeField()
    boot_id = models.CharField(max_length=36)
    #: Its own counters and levels, as the agent's ``sample`` tells them.
    values = models.JSONField(default=dict)
    sites_at = models.DateTimeField()
    sites = models.JSONField(default=dict)
    #: Requests a second of each of its sites, over the last SITES_EVERY: which matter most when not all fit.
    rates = models.JSONField(default=dict)

    def __str__(self) -> str:
        return f"reading of {self.host}"
