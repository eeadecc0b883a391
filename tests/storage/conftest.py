import pytest

from controlpanel.fleet import channel
from controlpanel.fleet.models import Host
from tests.fleet.hosts import running

from .lab import LabVolume


@pytest.fixture(autouse=True, scope="module")
def _no_channel_outlives_its_module():
    yield
    channel.close_all()


@pytest.fixture
def store() -> Host:
    return running("storage")[0]


@pytest.fixture
def host() -> Host:
    """The last web host: the one that other tests need least."""
    return running("web")[-1]


@pytest.fixture
def other() -> Host:
    return running("web")[-2]


@pytest.fixture
def volume(store):
    """A volume that nobody has yet."""
    volume = LabVolume(store)
    yield volume
    volume.throw_away()
