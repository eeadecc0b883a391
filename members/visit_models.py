"""How people are here: their sessions, wrong codes of theirs, and support that acts as them."""

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _


class LoginSession(models.Model):
    """A browser in which somebody is logged in. Ending it deletes Django's session with that key too."""

    login = models.ForeignKey("members.Login", on_delete=models.CASCADE, related_name="sessions")
    #: Follows Django's key whenever that is changed (``sessions.py``).
    key = models.CharField(max_length=40, unique=True)
    address = models.GenericIPAddressField(null=True)
    user_agent = models.CharField(max_length=300, blank=True)
    created = models.DateTimeField(auto_now_add=True)
    last_seen = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ("-last_seen", "-id")

    def __str__(self) -> str:
        return f"session {self.pk} of {self.login_id}"


class FailedCode(models.Model):
    """A second factor that was not right, so that nobody guesses for long, from however many addresses."""

    login = models.ForeignKey("members.Login", on_delete=models.CASCADE, related_name="failed_codes")
    created = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes = [models.Index(fields=["login", "created"], name="failed_code_lately")]

    def __str__(self) -> str:
        return f"wrong code of {self.login_id}"


class Impersonation(models.Model):
    """Somebody of the staff acts as somebody else, to see what they see. The person can read of it."""

    staff = models.ForeignKey("members.Login", on_delete=models.CASCADE, related_name="+")
    login = models.ForeignKey("members.Login", on_delete=models.CASCADE, related_name="impersonations")
    reason = models.CharField(max_length=500)
    began = models.DateTimeField(auto_now_add=True)
    #: When it ends by itself.
    until = models.DateTimeField()
    ended = models.DateTimeField(null=True)

    class Meta:
        ordering = ("-id",)
        constraints = [models.CheckConstraint(name="impersonation_of_another", condition=~Q(staff=models.F("login")))]

    def __str__(self) -> str:
        return _("%(staff)s as %(name)s") % {"staff": self.staff_id, "name": self.login_id}
