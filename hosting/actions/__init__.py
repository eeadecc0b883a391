"""Steps of hosting, one topic a module. Importing this registers them all."""

from . import applications as applications
from . import database_dumps as database_dumps
from . import database_held as database_held
from . import database_moves as database_moves
from . import database_switch as database_switch
from . import databases as databases
from . import evacuation as evacuation
from . import files as files
from . import gates as gates
from . import move_edges as move_edges
from . import moves as moves
from . import quarantine as quarantine
from . import recovery as recovery
from . import scale as scale
from . import sites as sites
from . import suspension as suspension
