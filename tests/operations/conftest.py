from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction

from controlpanel.operations import services
from controlpanel.operations.models import Operation

from .plans import World


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.fixture
def start(world: World) -> Callable[..., Operation]:
    def start(
        kind: str = "test.undoing", actor: Any = None, key: str = "", scopes: Any = (), **params: Any
    ) -> Operation:
        with transaction.atomic():
            return services.start(
                kind, {"world": str(world.path), **params}, scopes=list(scopes), actor=actor, idempotency_key=key
            )

    return start
