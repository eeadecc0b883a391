"""What apps above may want to hear of."""

from django.dispatch import Signal

#: An operation has ended: receivers get ``operation``, in the transaction that ends it, so that what they write stands
#: or falls with that. They must be short, and must not fail.
operation_finished = Signal()
