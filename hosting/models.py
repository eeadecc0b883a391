"""What members order: hosting orders, sites, domains."""

from django.db import models
from django.urls import reverse

from controlpanel.fleet.models import Host
from members.models import Member
from storage.models import Volume

from .choices import DomainKind, SiteKind, SiteState


class HostingOrder(models.Model):
    """A package of a member: one or more sites with their volumes, within its limits."""

    member = models.ForeignKey(Member, on_delete=models.PROTECT, related_name="orders")
    name = models.CharField(max_length=120)
    max_sites = models.PositiveIntegerField(default=20)
    site_size_bytes = models.BigIntegerField(default=5 * 1024**3)
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
    state = models.CharField(max_length=10, choices=SiteState, default=SiteState.CREATING)
    host = models.ForeignKey(Host, null=True, on_delete=models.PROTECT, related_name="sites")
    volume = models.OneToOneField(Volume, null=True, on_delete=models.PROTECT, related_name="site")
    uid = models.BigIntegerField(default=0)
    #: Raised by every change of intent; hosts refuse an older one.
    revision = models.PositiveBigIntegerField(default=1)
    #: Processes that answer PHP requests, at most.
    php_workers = models.PositiveSmallIntegerField(default=4)
    created = models.DateTimeField(auto_now_add=True)
    purge_after = models.DateTimeField(null=True)

    class Meta:
        ordering = ("id",)

    def __str__(self) -> str:
        return f"site {self.pk}"

    def get_absolute_url(self) -> str:
        return reverse("hosting:site", args=[self.pk])

    @property
    def identity(self) -> str:
        """Its unix user and group, in the directory."""
        return f"site{self.pk}"

    @property
    def path(self) -> str:
        """Its directory on every host; no member, domain or host name in it."""
        return f"/srv/sites/{self.pk}"


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
