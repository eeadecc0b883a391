"""Steps and operations on volumes, one topic a module. Importing this registers them all.

Other apps put ``storage.provision``, ``revoke``, ``trash`` and ``snapshot`` into their own plans.
"""

from . import batches as batches
from . import fencing as fencing
from . import snapshots as snapshots
from . import usage as usage
from .volumes import Provision, Purge, Revoke, Trash

__all__ = ["Provision", "Purge", "Revoke", "Trash"]
