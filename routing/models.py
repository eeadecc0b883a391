"""Public names and where they lead. Edges are fleet hosts with the role edge."""

from typing import Any

from django.db import models
from django.utils.translation import gettext as _

from controlpanel.encryption import EncryptedTextField
from controlpanel.fleet.models import Host

from .choices import CertificateSource, CertificateState, HttpsPolicy, Mode, ShieldLevel


class Backend(models.Model):
    """One site as the edges see it: the web host that serves it, and its mode."""

    #: Id of the hosting.Site (relations point downward only; hosting owns the row through routing.services).
    site_id = models.BigIntegerField(unique=True)
    host = models.ForeignKey(Host, null=True, on_delete=models.PROTECT, related_name="backends")
    #: Names of further web hosts that serve it too, sorted: visitors are spread over all that are healthy.
    more = models.JSONField(default=list)
    mode = models.CharField(max_length=12, choices=Mode, default=Mode.NORMAL)
    revision = models.PositiveBigIntegerField(default=1)
    #: The site is gone from the edges. The row stays: its revision must go on rising if the site comes back.
    removed = models.BooleanField(default=False)

    def __str__(self) -> str:
        return _("site %(number)s → %(host)s") % {"number": self.site_id, "host": self.host or "–"}


class Route(models.Model):
    """A public name. It serves its backend, or redirects to another name of the same backend.

    A name that was taken off its site stays as ``removed``, so that edges are told, and so that its revision goes on
    rising with whichever site takes it next.
    """

    name = models.CharField(max_length=253, unique=True)  # punycode, lower case
    backend = models.ForeignKey(Backend, on_delete=models.CASCADE, related_name="routes")
    redirect_to = models.CharField(max_length=253, blank=True)
    revision = models.PositiveBigIntegerField(default=1)
    removed = models.BooleanField(default=False)

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name


class Certificate(models.Model):
    """The TLS certificate of one public name: what is offered, and how far the next one is.

    One a name, so that a name that cannot be validated is no other name's trouble. Kept by ``certificates.py``.
    """

    route = models.OneToOneField(Route, on_delete=models.CASCADE, related_name="certificate")
    state = models.CharField(max_length=10, choices=CertificateState, default=CertificateState.DUE)
    #: When it is looked at next: first, again, or for renewal. None: an operation is at it, or nothing is to be done.
    retry_at = models.DateTimeField(null=True, blank=True, db_index=True)
    #: Tries in a row that came to nothing, and what was wrong with the last: ``{"code", "params"}`` of errors.py.
    attempts = models.PositiveIntegerField(default=0)
    trouble = models.JSONField(default=dict, blank=True)
    #: What the DNS last said: ``{"addresses": [...], "alias": name or ""}``.
    dns = models.JSONField(default=dict, blank=True)
    dns_at = models.DateTimeField(null=True, blank=True)

    #: What edges offer; empty when there is none.
    source = models.CharField(max_length=5, choices=CertificateSource, blank=True)
    chain_pem = models.TextField(blank=True)
    key_pem = EncryptedTextField(blank=True)
    issuer = models.CharField(max_length=200, blank=True)
    issued_at = models.DateTimeField(null=True, blank=True)
    not_after = models.DateTimeField(null=True, blank=True)
    #: When people were last told that one of their own ends (or that it was uploaded).
    reminded = models.DateTimeField(null=True, blank=True)
    revision = models.PositiveBigIntegerField(default=1)

    #: The order under way at the authority: its address, and the key of the certificate to come.
    order_url = models.CharField(max_length=500, blank=True)
    order_key_pem = EncryptedTextField(blank=True)
    ordered_at = models.DateTimeField(null=True, blank=True)
    #: What edges answer to the authority's question meanwhile.
    challenge_url = models.CharField(max_length=500, blank=True)
    token = models.CharField(max_length=128, blank=True)
    key_authorization = models.CharField(max_length=256, blank=True)
    challenge_revision = models.PositiveBigIntegerField(default=1)

    class Meta:
        ordering = ("route__name",)

    def __str__(self) -> str:
        return _("certificate of %(name)s") % {"name": self.route}

    @property
    def name(self) -> str:
        return self.route.name

    @property
    def resource_id(self) -> str:
        """Its name on the edges: file names are too short for domain names."""
        return f"route-{self.route_id}"

    @property
    def is_offered(self) -> bool:
        """Whether edges are to offer one; they all do once nobody is at it any more."""
        return bool(self.chain_pem)

    @property
    def is_kept(self) -> bool:
        """Whether its member brought it, and nobody has asked for an automatic one: nothing replaces it."""
        return (self.source, self.state) == (CertificateSource.OWN, CertificateState.ISSUED)

    @property
    def told_state(self) -> str:
        """As people are told: while an operation is at it, it is being issued, whatever was before."""
        at_it = self.retry_at is None and self.state not in (CertificateState.LEAVING, CertificateState.REVOKED)
        return str(CertificateState.ORDERED if at_it else self.state)


class AcmeAccount(models.Model):
    """The panel's account at one certificate authority."""

    directory = models.URLField(max_length=500, unique=True)
    #: The account's address there; empty until it is registered.
    url = models.CharField(max_length=500, blank=True)
    key_pem = EncryptedTextField()
    created = models.DateTimeField(auto_now_add=True)
    #: Nothing is asked of it before: it said so, or it does not answer.
    paused_until = models.DateTimeField(null=True, blank=True)
    #: Times in a row that it did not answer.
    silences = models.PositiveIntegerField(default=0)
    trouble = models.JSONField(default=dict, blank=True)

    class Meta:
        verbose_name = "ACME account"

    def __str__(self) -> str:
        return self.directory


class Authority(models.Model):
    """The local certificate authority that signs until ACME does."""

    certificate_pem = models.TextField()
    key_pem = EncryptedTextField()
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name_plural = "authorities"

    def __str__(self) -> str:
        return _("authority %(number)s") % {"number": self.pk}


class EdgeBase(models.Model):
    """What all edges have in common, besides sites: the web hosts. One row, kept by ``services.edge_base``."""

    #: ``[{"name", "address"}]`` as edges were last told.
    backends = models.JSONField(default=list)
    revision = models.PositiveBigIntegerField(default=1)
    #: The newest revision that an operation was started for to tell all edges.
    announced = models.PositiveBigIntegerField(default=0)

    def __str__(self) -> str:
        return _("edges, revision %(revision)s") % {"revision": self.revision}


class Shield(models.Model):
    """How a site is protected at the edges, or all sites (``site_id`` 0). Kept by ``shields.py``."""

    site_id = models.BigIntegerField(unique=True)
    level = models.CharField(max_length=10, choices=ShieldLevel, default=ShieldLevel.OFF)
    #: Of one visitor: requests in 10 seconds, and requests under way at a time.
    requests = models.PositiveIntegerField()
    connections = models.PositiveIntegerField()
    #: Networks that are refused, and networks that are neither limited nor challenged.
    blocked = models.JSONField(default=list)
    trusted = models.JSONField(default=list)
    #: Beginnings of paths that are never challenged.
    open_paths = models.JSONField(default=list)
    #: Its names are to lead to the shielded addresses of the edges.
    own_addresses = models.BooleanField(default=False)
    revision = models.PositiveBigIntegerField(default=0)
    removed = models.BooleanField(default=False)
    changed = models.DateTimeField(null=True, blank=True)
    #: Since when it has had far more requests than usual; with how many a second, and how many are usual.
    suggested = models.DateTimeField(null=True, blank=True)
    rate = models.FloatField(default=0)
    usual = models.FloatField(default=0)
    quiet_until = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("site_id",)

    def __str__(self) -> str:
        return _("shield of site %(number)s") % {"number": self.site_id} if self.site_id else _("shield of all sites")

    @property
    def resource_id(self) -> str:
        """Its name on the edges."""
        return str(self.site_id) if self.site_id else "all"

    @property
    def spec(self) -> dict[str, Any]:
        """As edges are told."""
        return {
            "level": str(self.level),
            "requests": self.requests,
            "connections": self.connections,
            "blocked": self.blocked,
            "trusted": self.trusted,
            "open_paths": self.open_paths,
        }


class ShieldKey(models.Model):
    """One row: the secret with which edges make the tasks of visitors' browsers."""

    key = EncryptedTextField()
    revision = models.PositiveBigIntegerField(default=1)

    def __str__(self) -> str:
        return f"key of shields, revision {self.revision}"


class EdgeRules(models.Model):
    """What edges do with requests for a site on its members' behalf. Kept by ``edge_rules.py``; lists as checked there.

    Paths are normal: decoded, "/" before each part and none at the end; "/" is the whole site.
    """

    site_id = models.BigIntegerField(unique=True)
    https = models.CharField(max_length=10, choices=HttpsPolicy, default=HttpsPolicy.OFF)
    #: Seconds that browsers remember that the site has HTTPS; 0 makes them forget it.
    hsts_max_age = models.PositiveIntegerField(default=0)
    hsts_subdomains = models.BooleanField(default=False)
    #: The names that edges were last told to have a certificate: only they are led to HTTPS.
    https_names = models.JSONField(default=list)
    #: ``[{"path", "match": "exact" or "prefix", "target", "status", "keep_path", "keep_query"}]``
    redirects = models.JSONField(default=list)
    #: ``[{"path", "action": "allow" or "deny", "networks": [...]}]``; a visitor must satisfy all that cover a path.
    addresses = models.JSONField(default=list)
    #: ``[{"lock", "path", "realm", "open_paths": [...], "users": {name: digest of the password}}]``
    protected = models.JSONField(default=list)
    #: While it is being worked on: what visitors read, until when, and who sees the site all the same (networks).
    notice_en = models.TextField(blank=True)
    notice_es = models.TextField(blank=True)
    notice_until = models.DateTimeField(null=True, blank=True)
    notice_networks = models.JSONField(default=list)
    revision = models.PositiveBigIntegerField(default=0)
    #: The site is gone from the edges; if it is restored its rules are, too.
    removed = models.BooleanField(default=False)
    changed = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("site_id",)
        verbose_name_plural = "edge rules"

    def __str__(self) -> str:
        return _("edge rules of site %(number)s") % {"number": self.site_id}

    @property
    def spec(self) -> dict[str, Any]:
        """As edges are told."""
        hsts = self.https == HttpsPolicy.HSTS
        https = {
            "names": self.https_names,
            "max_age": self.hsts_max_age if hsts else None,
            "subdomains": hsts and self.hsts_subdomains,
        }
        notice = {
            "en": self.notice_en,
            "es": self.notice_es,
            "until": int(self.notice_until.timestamp()) if self.notice_until else 0,
            "networks": self.notice_networks,
        }
        return {
            "https": https if self.https != HttpsPolicy.OFF else None,
            "redirects": self.redirects,
            "addresses": self.addresses,
            "protected": self.protected,
            "notice": notice if any(notice.values()) else None,
        }


class EdgeRulesKey(models.Model):
    """One row: the secret with which edges look up the passwords of visitors. Another one would undo them all."""

    key = EncryptedTextField()
    revision = models.PositiveBigIntegerField(default=1)

    def __str__(self) -> str:
        return f"key of edge rules, revision {self.revision}"


class EdgeAddress(models.Model):
    """A further address of an edge, for sites under attack. Its operator has configured it on the host."""

    host = models.ForeignKey(Host, on_delete=models.CASCADE, related_name="edge_addresses")
    address = models.GenericIPAddressField(unique=True)

    class Meta:
        ordering = ("address",)

    def __str__(self) -> str:
        return self.address


class PacketRules(models.Model):
    """One row: how strict edges are on those addresses."""

    #: New connections of one source in a second, and at once; connections of one source at a time.
    rate = models.PositiveIntegerField(default=30)
    burst = models.PositiveIntegerField(default=100)
    connections = models.PositiveIntegerField(default=200)
    #: ``[{"network", "until": seconds since 1970}]``
    blocked = models.JSONField(default=list)
    revision = models.PositiveBigIntegerField(default=1)

    class Meta:
        verbose_name_plural = "packet rules"

    def __str__(self) -> str:
        return _("packet rules, revision %(revision)s") % {"revision": self.revision}


class EdgeCount(models.Model):
    """What an edge had counted of sites' visitors when it was last looked at: rates need two looks (``traffic.py``)."""

    host = models.ForeignKey(Host, on_delete=models.CASCADE, related_name="edge_counts")
    #: All sites, now and then; or those that are watched, every few seconds.
    watched = models.BooleanField()
    at = models.DateTimeField()
    #: Of HAProxy: another one has begun to count anew.
    process = models.BigIntegerField()
    sites = models.JSONField(default=dict)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["host", "watched"], name="edge_count_once")]

    def __str__(self) -> str:
        return f"counts of {self.host}"
