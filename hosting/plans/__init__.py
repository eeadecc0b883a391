"""Operations of hosting as ordered steps, one topic a module. Importing this registers them all."""

from ..databases import recovery as _database_recovery  # noqa: F401 (registers its part of a recovery)
from . import applications as applications
from . import database_dumps as database_dumps
from . import database_moves as database_moves
from . import databases as databases
from . import edge_rules as edge_rules
from . import evacuation as evacuation
from . import files as files
from . import maintenance as maintenance
from . import moves as moves
from . import quarantine as quarantine
from . import recovery as recovery
from . import scale as scale
from . import sites as sites
from . import suspension as suspension
