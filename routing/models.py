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
    mode = models.CharField(max_length=12, choices=Mode, default=Mode.NORMAL)
    revision = models.PositiveBigIntegerField(default=1)

    def __str__(self) -> str:
        return f"site {self.site_id} → {self.host}"


class Route(models.Model):
    """A public name. It serves its backend, or redirects to another name of the same backend."""

    name = models.CharField(max_length=253, unique=True)  # punycode, lower case
    backend = models.ForeignKey(Backend, on_delete=models.CASCADE, related_name="routes")
    redirect_to = models.CharField(max_length=253, blank=True)
    revision = models.PositiveBigIntegerField(default=1)

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
