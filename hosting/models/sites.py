"""What members order: hosting orders, sites, domains."""

from django.db import models
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from controlpanel.fleet.models import Host
from members.models import Member
from storage.models import Volume

from ..choices import DomainKind, Importance, SiteKind, SiteState
from ..validators import readable

#: What every site may use up unless staff give it more or less; the agent has the same (``agent/web/limits.py``).
DEFAULT_MEMORY_MB, DEFAULT_CPU_WEIGHT, DEFAULT_TASKS = 1024, 100, 256


class HostingOrder(models.Model):
    """A package of a member: one or more sites with their volumes, within its limits."""

    member = models.ForeignKey(Member, on_delete=models.PROTECT, related_name="orders")
    name = models.CharField(max_length=120)
    max_sites = models.PositiveIntegerField(default=20)
    site_size_bytes = models.BigIntegerField(default=5 * 1024**3)
    #: Whose sites come first when many have to be moved or brought back.
    importance = models.PositiveSmallIntegerField(choices=Importance, default=Importance.NORMAL)
    max_databases = models.PositiveIntegerField(default=20)
    database_size_bytes = models.BigIntegerField(default=1024**3)
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("hosting:order", args=[self.pk])

    @property
    def scopes(self) -> list[str]:
        return [f"member:{self.member_id}", f"order:{self.pk}"]


class Site(models.Model):
    """A web site. What it should be stands here; where it runs is ``host``, and moves without its names changing."""

    order = models.ForeignKey(HostingOrder, on_delete=models.PROTECT, related_name="sites")
    kind = models.CharField(max_length=10, choices=SiteKind)
    state = models.CharField(max_length=12, choices=SiteState, default=SiteState.CREATING)
    host = models.ForeignKey(Host, null=True, on_delete=models.PROTECT, related_name="sites")
    volume = models.OneToOneField(Volume, null=True, on_delete=models.PROTECT, related_name="site")
    uid = models.BigIntegerField(default=0)
    #: Raised by every change of intent; hosts refuse an older one.
    revision = models.PositiveBigIntegerField(default=1)
    #: Intent: answer visitors, or say that the site is disabled.
    enabled = models.BooleanField(default=True)
    #: Intent: switched off along with all that its member has, whatever ``enabled`` says (``suspension.py``).
    suspended = models.BooleanField(default=False)
    #: Intent: no network, no processes, no visitors, because it is compromised (``quarantine.py``).
    quarantined = models.BooleanField(default=False)
    #: Intent, while it is quarantined: those who hold the secret of its clean room see it.
    room_open = models.BooleanField(default=False)
    #: Intent: visitors get the page that says that it is being worked on; it runs on behind the edges.
    maintenance = models.BooleanField(default=False)
    #: Observed: its host confirmed that it has the site (whatever became of later changes).
    placed = models.BooleanField(default=False)
    #: Processes that answer PHP requests, at most.
    php_workers = models.PositiveSmallIntegerField(default=4)
    #: What somebody chose of ``hosting.php_settings``; the rest has its default.
    php_settings = models.JSONField(default=dict, blank=True)
    #: What it may use up on each of its hosts: memory (MB), its share of the CPU among others, processes of any kind.
    memory_mb = models.PositiveIntegerField(default=DEFAULT_MEMORY_MB)
    cpu_weight = models.PositiveSmallIntegerField(default=DEFAULT_CPU_WEIGHT)
    tasks = models.PositiveSmallIntegerField(default=DEFAULT_TASKS)
    #: Intent: no other site is placed on its hosts.
    dedicated = models.BooleanField(default=False)
    created = models.DateTimeField(auto_now_add=True)
    #: Of a deleted site: when its data goes too.
    purge_after = models.DateTimeField(null=True, blank=True)
    #: Of a deleted site: the names it had, ``{"served": […], "redirects": […]}``; they are free for others meanwhile.
    former_names = models.JSONField(default=dict, blank=True)

    class Meta:
        ordering = ("id",)

    def __str__(self) -> str:
        return _("site %(number)s") % {"number": self.pk}  # its name would be a query more for each line of a list

    def get_absolute_url(self) -> str:
        return reverse("hosting:site", args=[self.pk])

    @property
    def scopes(self) -> list[str]:
        """Who sees operations about it."""
        return [*self.order.scopes, f"site:{self.pk}"]

    @property
    def identity(self) -> str:
        """Its unix user and group, in the directory."""
        return f"site{self.pk}"

    @property
    def host_names(self) -> list[str]:
        """The web hosts that it is on or is to be on, the main one first; not those that it leaves."""
        further = sorted(one.host.name for one in self.placements.all() if not one.leaving)
        return ([self.host.name] if self.host else []) + further

    @property
    def path(self) -> str:
        """Its directory on every host; no member, domain or host name in it."""
        return f"/srv/sites/{self.pk}"

    @property
    def runs_php(self) -> bool:
        return self.kind != SiteKind.STATIC

    # The names are few and usually prefetched, so they are sorted here and not by queries.

    def _names(self, kind: DomainKind) -> list[str]:
        return [domain.name for domain in self.domains.all() if domain.kind == kind]

    @property
    def primary(self) -> str:
        """Its main name; empty when it has none (a deleted site)."""
        return next(iter(self._names(DomainKind.PRIMARY)), "")

    @property
    def served_names(self) -> list[str]:
        """The names that it answers to, the main one first."""
        return self._names(DomainKind.PRIMARY) + self._names(DomainKind.ALIAS)

    @property
    def redirect_names(self) -> list[str]:
        """The names that lead to the main one."""
        return self._names(DomainKind.REDIRECT)

    @property
    def name(self) -> str:
        """What people call it: its main name, or the one it had, in readable form."""
        return readable(self.primary or next(iter(self.former_names.get("served", [])), "")) or f"site {self.pk}"

    @property
    def open(self) -> bool:
        """Whether its programs are to run: its owners want it, and its member is not switched off."""
        return self.enabled and not self.suspended

    @property
    def answers(self) -> bool:
        """Whether it is to run and answer the edges. (In maintenance it does; its visitors get a page all the same.)"""
        return self.open and not self.quarantined

    @property
    def mode(self) -> str:
        """What edges do with its visitors, a ``routing.choices.Mode``."""
        if self.quarantined:
            return "quarantine"
        return "disabled" if not self.open else "maintenance" if self.maintenance else "normal"

    @property
    def restorable(self) -> bool:
        """Deleted, and its data is still kept."""
        return self.state == SiteState.DELETED and self.purge_after is not None and self.purge_after > timezone.now()


class Domain(models.Model):
    """A name of a site."""

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="domains")
    name = models.CharField(max_length=253, unique=True)  # punycode, lower case, no final dot
    kind = models.CharField(max_length=10, choices=DomainKind, default=DomainKind.ALIAS)

    class Meta:
        ordering = ("id",)
        constraints = [
            models.UniqueConstraint(
                fields=["site"], condition=models.Q(kind=DomainKind.PRIMARY), name="domain_one_primary_per_site"
            )
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def display_name(self) -> str:
        """The name as people read it: punycode decoded."""
        return readable(self.name)


class WebBase(models.Model):
    """One row: the edges as web hosts were last told of them, with the revision that goes along."""

    edges = models.JSONField(default=list)
    revision = models.PositiveBigIntegerField(default=1)

    def __str__(self) -> str:
        return f"edges, revision {self.revision}"
