"""Operations of hosting as stages, one topic a module. Importing this registers them all."""

from . import sites as sites
