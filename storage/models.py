"""Pools, volumes and which host holds which volume."""

from django.db import models

from controlpanel.encryption import EncryptedTextField
from controlpanel.fleet.models import Host

from .choices import VolumeState


class Pool(models.Model):
    """Storage of one kind behind one driver, managed through one storage host."""

    name = models.CharField(max_length=40, unique=True)
    driver = models.CharField(max_length=20, default="cephfs")
    host = models.ForeignKey(Host, on_delete=models.PROTECT, related_name="pools")
    capacity_bytes = models.BigIntegerField(default=0)
    used_bytes = models.BigIntegerField(default=0)
    probed = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return self.name


class Volume(models.Model):
    """A piece of network storage with a quota, held by at most one host unless it is declared shared."""

    pool = models.ForeignKey(Pool, on_delete=models.PROTECT, related_name="volumes")
    size_bytes = models.BigIntegerField()
    used_bytes = models.BigIntegerField(default=0)
    used_at = models.DateTimeField(null=True)
    uid = models.BigIntegerField()
    gid = models.BigIntegerField()
    shared = models.BooleanField(default=False)
    state = models.CharField(max_length=10, choices=VolumeState, default=VolumeState.ABSENT)
    #: Raised by every transition of who may use it; storage refuses an older one.
    epoch = models.PositiveBigIntegerField(default=1)
    #: Who may see it, as in operations: "member:3", "order:5".
    scope = models.CharField(max_length=40, blank=True)
    purge_after = models.DateTimeField(null=True)
    created = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.name

    @property
    def name(self) -> str:
        """Its name on the storage side and on hosts: never from what a member typed."""
        return f"v{self.pk}"


class Attachment(models.Model):
    """A volume's place on a host. The credential is of this volume on this host only."""

    volume = models.ForeignKey(Volume, on_delete=models.CASCADE, related_name="attachments")
    host = models.ForeignKey(Host, on_delete=models.PROTECT, related_name="attachments")
    path = models.CharField(max_length=120)
    #: Access was granted on the storage side / the host confirmed the mount.
    granted = models.BooleanField(default=False)
    mounted = models.BooleanField(default=False)
    #: What the host needs to mount it, from the driver (JSON: client, key, …).
    credential = EncryptedTextField(blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["volume", "host"], name="attachment_once")]

    def __str__(self) -> str:
        return f"{self.volume} on {self.host}"
