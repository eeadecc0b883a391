"""Kinds, states and roles of people and organizations."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class MemberKind(models.TextChoices):
    ORGANIZATION = "organization", _("Organization")
    PERSON = "person", _("Person")


class MemberState(models.TextChoices):
    GOOD_STANDING = "good_standing", _("Good standing")
    AT_RISK = "at_risk", _("At risk")
    DISABLED = "disabled", _("Disabled")
    INACTIVE = "inactive", _("Inactive")


class Role(models.TextChoices):
    STAFF = "staff", _("Staff")  # everything, everywhere
    MEMBER_ADMIN = "member_admin", _("Member administrator")  # everything of one member
    ORDER_ADMIN = "order_admin", _("Order administrator")  # everything of one hosting order


class TokenScope(models.TextChoices):
    READ = "read", _("Read only")
    WRITE = "write", _("Read and change")


class InvitationState(models.TextChoices):
    OPEN = "open", _("Open")
    ACCEPTED = "accepted", _("Accepted")
    WITHDRAWN = "withdrawn", _("Withdrawn")
    ENDED = "ended", _("Ended")
