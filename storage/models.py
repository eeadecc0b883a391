"""Pools, volumes, their snapshots, and which host holds which volume."""

from django.db import models

from controlpanel.encryption import EncryptedTextField
from controlpanel.fleet.models import Host

from .choices import SnapshotCause, SnapshotState, VolumeState


class Pool(models.Model):
    """Storage of one kind behind one driver, managed through one storage host."""

    name = models.CharField(max_length=40, unique=True)
    driver = models.CharField(max_length=20, default="cephfs")
    host = models.ForeignKey(Host, on_delete=models.PROTECT, related_name="pools")
    capacity_bytes = models.BigIntegerField(default=0)
    used_bytes = models.BigIntegerField(default=0)
    #: When it was last asked how it is; null: never.
    probed = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return self.name

    @property
    def free_bytes(self) -> int:
        return max(0, self.capacity_bytes - self.used_bytes)


class Volume(models.Model):
    """A piece of network storage with a quota, held by at most one host unless it is declared shared.

    Its transitions stand in ``choices.TRANSITIONS``; each is one conditional UPDATE (``transitions.py``).
    """

    pool = models.ForeignKey(Pool, on_delete=models.PROTECT, related_name="volumes")
    size_bytes = models.BigIntegerField()
    used_bytes = models.BigIntegerField(default=0)
    used_at = models.DateTimeField(null=True)
    uid = models.BigIntegerField()
    gid = models.BigIntegerField()
    shared = models.BooleanField(default=False)
    state = models.CharField(max_length=10, choices=VolumeState, default=VolumeState.ABSENT)
    #: Raised by every change of what it is or who may use it; storage refuses an older one.
    epoch = models.PositiveBigIntegerField(default=1)
    #: Who may see it, as in operations: "member:3", "order:5".
    scope = models.CharField(max_length=40, blank=True)
    purge_after = models.DateTimeField(null=True)
    #: No regular snapshot is taken or dropped: those that there are may be evidence, or hold the last good state.
    snapshots_held = models.BooleanField(default=False)
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes = [
            models.Index(fields=["purge_after"], name="volume_purge_due", condition=models.Q(purge_after__isnull=False))
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def name(self) -> str:
        """Its name on the storage side and on hosts: never from what a member typed."""
        return f"v{self.pk}"


class Snapshot(models.Model):
    """A volume as it was at one moment, kept by its storage for nearly nothing until files change."""

    volume = models.ForeignKey(Volume, on_delete=models.CASCADE, related_name="snapshots")
    cause = models.CharField(max_length=12, choices=SnapshotCause, default=SnapshotCause.REGULAR)
    state = models.CharField(max_length=10, choices=SnapshotState, default=SnapshotState.PLANNED)
    created = models.DateTimeField(auto_now_add=True)
    #: When storage confirmed it; null while it is planned.
    taken = models.DateTimeField(null=True)

    class Meta:
        ordering = ("-id",)

    def __str__(self) -> str:
        return f"{self.name} of {self.volume}"

    @property
    def name(self) -> str:
        """Its name on the storage side: never from what a member typed."""
        return f"s{self.pk}"


class Attachment(models.Model):
    """A host that has a volume, or may have it. The credential is of this volume on this host only.

    The row stands from before anything is granted until storage has confirmed that the host can no longer write. As
    long as it stands, nobody else is granted a volume that is not shared.
    """

    volume = models.ForeignKey(Volume, on_delete=models.CASCADE, related_name="attachments")
    host = models.ForeignKey(Host, on_delete=models.PROTECT, related_name="attachments")
    path = models.CharField(max_length=120)
    #: The volume is not shared: no second row may stand beside this one.
    exclusive = models.BooleanField(default=True)
    #: The volume's epoch when this began, or began to end; the host refuses an older one.
    epoch = models.PositiveBigIntegerField(default=1)
    #: Access was granted on the storage side / the host confirmed the mount.
    granted = models.BooleanField(default=False)
    mounted = models.BooleanField(default=False)
    #: The boot of the host that it was mounted in: a later one finds what this one left open (``reaping.py``).
    boot_id = models.CharField(max_length=36, blank=True)
    #: The host is to let go of it.
    leaving = models.BooleanField(default=False)
    #: Storage confirmed that this host is cut off: another may be granted the volume, and then this row goes.
    fenced = models.DateTimeField(null=True)
    #: What the host needs to mount it, from the driver (JSON: client, key, …).
    credential = EncryptedTextField(blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["volume", "host"], name="attachment_once"),
            models.UniqueConstraint(
                fields=["volume"], condition=models.Q(exclusive=True), name="attachment_one_holder_unless_shared"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.volume} on {self.host}"

    @property
    def may_have_access(self) -> bool:
        """Whether storage should let the host in: not once it has let go, nor when it is cut off."""
        return self.fenced is None and not (self.leaving and not self.mounted)
