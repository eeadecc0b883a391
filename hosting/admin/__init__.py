"""Hosting in the Django admin, one topic a module. Importing this registers it all."""

from . import capacity as capacity
from . import databases as databases
from . import edge_rules as edge_rules
from . import hosts as hosts
from . import moves as moves
from . import quarantine as quarantine
from . import shields as shields
from . import sites as sites
