"""What an edge does with a site's visitors."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Mode(models.TextChoices):
    NORMAL = "normal", _("Normal")
    DISABLED = "disabled", _("Disabled")
    MAINTENANCE = "maintenance", _("Maintenance")
    HOLD = "hold", _("Hold")
    QUARANTINE = "quarantine", _("Quarantine")


class ShieldLevel(models.TextChoices):
    """How a site is protected from its visitors; each level has all before it."""

    OFF = "off", _("Off")
    CACHE = "cache", _("Cache")
    LIMIT = "limit", _("Limit")
    CHALLENGE = "challenge", _("Challenge")


class HttpsPolicy(models.TextChoices):
    """What becomes of visitors that come over plain HTTP."""

    OFF = "off", _("Both HTTP and HTTPS")
    REDIRECT = "redirect", _("Always HTTPS")
    HSTS = "hsts", _("Always HTTPS, and browsers remember it (HSTS)")


class CertificateState(models.TextChoices):
    """How far a name's certificate is. One that is offered stays offered while the next one is on its way.

    ``waiting`` (the DNS leads elsewhere) and ``failing`` (the authority or the validation) are tried again at
    ``retry_at``, ``due`` is new; all three become ``ordered`` while an authority validates, then ``issued``, which is
    renewed at ``retry_at``. A name that was taken off its site is ``leaving`` until the certificate is ``revoked``.
    """

    WAITING = "waiting", _("Waiting for DNS")
    DUE = "due", _("About to be issued")
    ORDERED = "ordered", _("Being issued")
    ISSUED = "issued", _("Issued")
    FAILING = "failing", _("Failing")
    LEAVING = "leaving", _("To be revoked")
    REVOKED = "revoked", _("Revoked")


class CertificateSource(models.TextChoices):
    """Who signed it, or that it was brought along with its key: that one is ``issued`` until somebody asks for an
    automatic one, and is offered until that is there."""

    LOCAL = "local", _("The panel's own authority")
    ACME = "acme", _("A public authority")
    OWN = "own", _("Uploaded by the site's owners")
