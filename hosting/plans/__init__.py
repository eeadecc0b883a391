"""Operations of hosting as stages, one topic a module. Importing this registers them all."""

from . import scale as scale
from . import sites as sites
