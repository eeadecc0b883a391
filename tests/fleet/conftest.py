from collections.abc import Callable
from typing import Any

import paramiko
import pytest

from controlpanel.fleet import channel, contacts
from controlpanel.fleet.models import Host
from tests.factories import HostFactory


@pytest.fixture(autouse=True)
def _nothing_outlives_its_test():
    yield
    channel.close_all()
    contacts._noted.clear()


@pytest.fixture
def panel_key(settings, tmp_path) -> str:
    """A key of the panel's own; for tests without hosts that would know the lab's."""
    path = tmp_path / "panel_key"
    paramiko.ECDSAKey.generate().write_private_key_file(str(path))
    settings.PANEL_SSH_KEY_FILE = str(path)
    return str(path)


@pytest.fixture
def away(db, panel_key) -> Callable[..., Host]:
    """Hosts where nobody listens: every call is refused at once."""
    made: list[Host] = []

    def make(name: str, *roles: str, **fields: Any) -> Host:
        made.append(
            HostFactory(name=name, address=f"127.7.7.{len(made) + 1}", port=9, roles=list(roles) or ["mail"], **fields)
        )
        return made[-1]

    return make
