"""What enrolment told this host about itself."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Dict, FrozenSet

from . import fields
from .errors import Invalid
from .kinds.registry import ROLES
from .paths import Paths


@dataclass(frozen=True)
class Settings:
    """``name`` is the panel's name for this host."""

    name: str
    roles: FrozenSet[str]

    def as_json(self) -> str:
        return json.dumps({"name": self.name, "roles": sorted(self.roles)}, indent=1) + "\n"


def check(raw: Dict[str, Any]) -> Settings:
    """Settings from what came over the wire. Raises Invalid."""
    roles = fields.list_of(raw, "roles", fields.one_of, ROLES, min=1, max=len(ROLES))
    return Settings(fields.host_name(raw, "name"), frozenset(roles))


def read(paths: Paths) -> Settings:
    """The settings of this host. Raises Invalid when it is not enrolled."""
    try:
        with open(paths.settings, encoding="utf-8") as file:
            return check(json.load(file))
    except (OSError, ValueError) as error:
        raise Invalid(f"{paths.settings} cannot be read ({error}): enrol this host again") from error
