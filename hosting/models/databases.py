"""Databases of members, their users and dumps, and what database servers and gates were last told."""

import ipaddress

from django.db import models
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from controlpanel.encryption import EncryptedTextField
from controlpanel.fleet.models import Host

from ..choices import DatabaseAccess, DatabaseEngine, DatabaseState
from .sites import HostingOrder, Site

PORTS = {DatabaseEngine.MARIADB: 3306, DatabaseEngine.POSTGRESQL: 5432}
#: Names of databases, as applications know them, end in this.
ZONE = "database.internal"
#: Each database has an address of its own on the loopback of every web host, for ever.
NETWORK = ipaddress.IPv4Network("127.64.0.0/10")
#: From so many percent of its quota on a database's member is warned.
WARN_PERCENT = 90
#: Label of a dump to why it was made.
_WHY = {
    "regular": _("made every day"),
    "asked": _("asked for"),
    "before": _("what it was before it was brought back to an earlier dump"),
    "last": _("what it was when it was deleted"),
}


class Database(models.Model):
    """A database of an order. Applications know it by its stable name; ``host`` is where it is today.

    A move, as fields: ``moving_to`` has a locked copy that follows; then ``frozen`` (nobody writes anywhere), then
    ``host`` is the new one and ``copy_host`` keeps what it was, locked for good, until ``copy_until``. At no time is it
    unlocked on two hosts.
    """

    order = models.ForeignKey(HostingOrder, on_delete=models.PROTECT, related_name="databases")
    #: The site that it is for; several sites of the order may use it all the same.
    site = models.ForeignKey(Site, null=True, blank=True, on_delete=models.SET_NULL, related_name="databases")
    engine = models.CharField(max_length=10, choices=DatabaseEngine)
    state = models.CharField(max_length=10, choices=DatabaseState, default=DatabaseState.CREATING)
    host = models.ForeignKey(Host, null=True, on_delete=models.PROTECT, related_name="databases")
    #: Raised by every change of intent; hosts refuse an older one.
    revision = models.PositiveBigIntegerField(default=1)
    address = models.GenericIPAddressField(null=True, unique=True)
    quota_bytes = models.BigIntegerField(default=1024**3)
    #: Connections at the same time, at most, of all its users.
    connections = models.PositiveIntegerField(default=20)
    created = models.DateTimeField(auto_now_add=True)
    #: Observed: its host confirmed that it has it.
    placed = models.BooleanField(default=False)
    #: Intent: it has reached its quota, so what makes it grow is refused.
    full = models.BooleanField(default=False)

    #: Intent: nobody may connect, because its member is switched off (``suspension.py``).
    suspended = models.BooleanField(default=False)

    # Observed by the clock.
    size_bytes = models.BigIntegerField(null=True)
    open_connections = models.PositiveIntegerField(null=True)
    used_at = models.DateTimeField(null=True)

    moving_to = models.ForeignKey(Host, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    frozen = models.BooleanField(default=False)
    copy_host = models.ForeignKey(Host, null=True, blank=True, on_delete=models.PROTECT, related_name="database_copies")
    copy_until = models.DateTimeField(null=True, blank=True)

    #: Of a deleted one: when its last dump goes too.
    purge_after = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("id",)

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("hosting:database", args=[self.pk])

    @property
    def scopes(self) -> list[str]:
        """Who sees operations about it."""
        return [*self.order.scopes, *([f"site:{self.site_id}"] if self.site_id else [])]

    @property
    def name(self) -> str:
        """Its name on its server, and that of its owner there; no member's, site's or host's name in it."""
        return f"db{self.pk}"

    @property
    def host_name(self) -> str:
        """The name by which applications reach it, wherever it is."""
        return f"{self.name}.{ZONE}"

    @property
    def port(self) -> int:
        return PORTS[DatabaseEngine(self.engine)]

    @property
    def percent(self) -> int:
        """How much of its quota it uses, in whole percent; it may be more than 100."""
        return 100 * (self.size_bytes or 0) // self.quota_bytes

    @property
    def nearly_full(self) -> bool:
        return not self.full and self.percent >= WARN_PERCENT

    @property
    def restorable(self) -> bool:
        """Deleted, and its last dump is still kept."""
        return (
            self.state == DatabaseState.DELETED and self.purge_after is not None and self.purge_after > timezone.now()
        )


def address_of(pk: int) -> str:
    """The loopback address of the database with that id; ValueError when there are more than the network holds."""
    if not 0 < pk < NETWORK.num_addresses - 1:
        raise ValueError("no loopback address is left for a new database")
    return str(NETWORK.network_address + pk)


class DatabaseUser(models.Model):
    """Who may log in to a database. Passwords are shown once and never stored: only what a server checks them by."""

    database = models.ForeignKey(Database, on_delete=models.CASCADE, related_name="users")
    name = models.CharField(max_length=32, unique=True)
    access = models.CharField(max_length=10, choices=DatabaseAccess, default=DatabaseAccess.OWNER)
    verifier = EncryptedTextField()
    #: When the password was last made.
    changed = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("id",)

    def __str__(self) -> str:
        return self.name


class DatabaseDump(models.Model):
    """A dump that a database host keeps. A new one of the same label takes the place of the one before."""

    database = models.ForeignKey(Database, on_delete=models.CASCADE, related_name="dumps")
    #: Where the file is; mostly another host than the database's, so that one fire does not take both.
    host = models.ForeignKey(Host, on_delete=models.PROTECT, related_name="+")
    label = models.CharField(max_length=20)
    path = models.CharField(max_length=255)
    size_bytes = models.BigIntegerField(default=0)
    sha256 = models.CharField(max_length=64)
    made = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ("-made",)
        constraints = [models.UniqueConstraint(fields=["database", "label"], name="dump_once_per_label")]

    def __str__(self) -> str:
        return f"{self.label} dump of {self.database_id}"

    @property
    def what_for(self) -> str:
        """Why it was made, in the reader's language."""
        return str(_WHY.get(self.label, self.label))


class DatabaseServer(models.Model):
    """A database host as it was last told who it is and who may come."""

    host = models.OneToOneField(Host, on_delete=models.CASCADE, related_name="database_server")
    chain_pem = models.TextField()
    key_pem = EncryptedTextField()
    not_after = models.DateTimeField()
    #: ``{"ca_pem", "clients", "peers"}`` as in its resource.
    told = models.JSONField(default=dict)
    revision = models.PositiveBigIntegerField(default=1)
    #: The newest revision that an operation was started for to tell it.
    announced = models.PositiveBigIntegerField(default=0)

    def __str__(self) -> str:
        return f"database server of {self.host}"


class GateBase(models.Model):
    """One row: what web hosts must know to reach databases at all, as they were last told."""

    ca_pem = models.TextField()
    revision = models.PositiveBigIntegerField(default=1)
    announced = models.PositiveBigIntegerField(default=0)

    def __str__(self) -> str:
        return f"gates, revision {self.revision}"
