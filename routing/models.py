"""Public names and where they lead. Edges are fleet hosts with the role edge."""

from django.db import models

from controlpanel.encryption import EncryptedTextField
from controlpanel.fleet.models import Host

from .choices import Mode


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
        return f"site {self.site_id} → {self.host}"


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
    """A TLS certificate with its key, for the names of one backend."""

    backend = models.OneToOneField(Backend, on_delete=models.CASCADE, related_name="certificate")
    names = models.JSONField(default=list)
    chain_pem = models.TextField()
    key_pem = EncryptedTextField()
    not_after = models.DateTimeField()
    revision = models.PositiveBigIntegerField(default=1)

    def __str__(self) -> str:
        return f"certificate of site {self.backend.site_id}"


class Authority(models.Model):
    """The local certificate authority that signs until ACME does."""

    certificate_pem = models.TextField()
    key_pem = EncryptedTextField()
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name_plural = "authorities"

    def __str__(self) -> str:
        return f"authority {self.pk}"


class EdgeBase(models.Model):
    """What all edges have in common, besides sites: the web hosts. One row, kept by ``services.edge_base``."""

    #: ``[{"name", "address"}]`` as edges were last told.
    backends = models.JSONField(default=list)
    revision = models.PositiveBigIntegerField(default=1)
    #: The newest revision that an operation was started for to tell all edges.
    announced = models.PositiveBigIntegerField(default=0)

    def __str__(self) -> str:
        return f"edges, revision {self.revision}"
