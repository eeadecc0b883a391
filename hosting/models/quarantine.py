"""Quarantines of compromised sites, with what was found."""

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext as _

from controlpanel.encryption import EncryptedTextField
from storage.models import Snapshot

from .sites import Site


class Quarantine(models.Model):
    """One isolation of a site, from the click until its release. At most one of a site is open."""

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="quarantines")
    #: Written by staff, read by the site's owners.
    reason = models.TextField(max_length=2000)
    #: SSH keys and tokens of those who may change the site are blocked as long as it lasts.
    block_logins = models.BooleanField(default=False)
    began = models.DateTimeField(auto_now_add=True)
    began_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    ended = models.DateTimeField(null=True)
    ended_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    #: The files as they were when its processes had been stopped.
    snapshot = models.ForeignKey(Snapshot, null=True, on_delete=models.SET_NULL, related_name="+")
    #: What opens the clean room; empty while it is closed. Shown in the panel only.
    room_secret = EncryptedTextField(blank=True)
    room_until = models.DateTimeField(null=True)
    #: Raised whenever the room is opened or closed; edges refuse an older one.
    room_revision = models.PositiveBigIntegerField(default=0)

    class Meta:
        ordering = ("-id",)
        constraints = [
            models.UniqueConstraint(
                fields=["site"], condition=models.Q(ended=None), name="quarantine_one_open_per_site"
            )
        ]

    def __str__(self) -> str:
        return _("quarantine %(number)s of %(site)s") % {"number": self.pk, "site": self.site}

    @property
    def cause(self) -> str:
        """What the blocks of logins say why they are there."""
        return f"quarantine:{self.pk}"

    @property
    def room_is_open(self) -> bool:
        return bool(self.room_secret) and self.room_until is not None and self.room_until > timezone.now()


class Evidence(models.Model):
    """What the site was doing on a host when it was isolated: one row a collection, of at most a megabyte.

    In the database, not on the volume: it survives the host, the volume and the site's owner, and is in the panel's
    backups. Encrypted, for there may be secrets on a command line; shown with what looks like one masked.
    """

    quarantine = models.ForeignKey(Quarantine, on_delete=models.CASCADE, related_name="evidence")
    #: Name of the host; the host itself may be gone one day.
    host = models.CharField(max_length=63)
    collected = models.DateTimeField()
    #: How many of each there are: ``{"processes", "connections", "logs", "packets_stopped"}``.
    counts = models.JSONField(default=dict)
    size_bytes = models.PositiveIntegerField(default=0)
    #: JSON, as the agent told it.
    content = EncryptedTextField()

    class Meta:
        ordering = ("id",)
        verbose_name_plural = "evidence"

    def __str__(self) -> str:
        return f"evidence {self.pk} from {self.host}"
