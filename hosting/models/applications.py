"""Applications that the panel installs into sites."""

from django.db import models

from controlpanel.encryption import EncryptedTextField

from .databases import Database
from .sites import Site


class Application(models.Model):
    """A WordPress in a site, as it was ordered. From its installation on it is its owner's: the panel looks after the
    program (by Debian's package), not after what is in it.

    The secrets are kept until the installation has succeeded, because it may have to be tried again.
    """

    site = models.OneToOneField(Site, on_delete=models.CASCADE, related_name="application")
    database = models.ForeignKey(
        Database, null=True, blank=True, on_delete=models.SET_NULL, related_name="applications"
    )
    title = models.CharField(max_length=200)
    #: As WordPress writes it ("es_ES"); empty is English.
    language = models.CharField(max_length=6, blank=True)
    #: Its administrator, and where WordPress writes to.
    username = models.CharField(max_length=41)
    email = models.EmailField()
    password_hash = EncryptedTextField(blank=True)
    database_password = EncryptedTextField(blank=True)
    installed = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("id",)

    def __str__(self) -> str:
        return f"WordPress of {self.site}"
