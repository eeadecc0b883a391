import pytest

from controlpanel.fleet import channel


@pytest.fixture(autouse=True)
def _no_channel_outlives_its_test():
    yield
    channel.close_all()
