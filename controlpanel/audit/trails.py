"""The record itself."""

from django.utils.translation import gettext_lazy as _

from .models import Entry
from .trail import trails

trails.leave_out("it is the record", Entry)
trails.name("audit.record", _("this record"))
