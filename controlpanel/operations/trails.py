"""Operations are a record of their own; their entries say who asked for them, or stopped them."""

from django.utils.translation import gettext_lazy as _

from controlpanel.audit.trail import trails

from .models import Duty, Event, Operation, Reservation, Step
from .registry import plan_for
from .selectors import operations_for

trails.leave_out("its own record; who asked for it is written by services.start", Operation, Step, Event, Reservation)
trails.leave_out("the clock", Duty)
trails.describe(
    "operations.operation",
    lambda entry: plan_for((entry.after or {}).get("kind", "")).describe((entry.after or {}).get("params", {})),
)
trails.visible_operations = lambda login, ids: set(
    operations_for(login).filter(pk__in=ids).values_list("pk", flat=True)
)
trails.name("operations.operation", _("the operation %(name)s"))
