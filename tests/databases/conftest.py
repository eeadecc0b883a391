import pytest

from controlpanel.fleet import channel
from controlpanel.fleet.models import Host
from tests.fleet.hosts import running

from .lab import LabDatabase, has_servers, set_up_servers


@pytest.fixture(autouse=True, scope="module")
def _no_channel_outlives_its_module():
    yield
    channel.close_all()


@pytest.fixture(scope="module")
def database_hosts() -> list[Host]:
    """Two database hosts whose servers run."""
    hosts = running("database")[:2]
    if len(hosts) < 2:
        pytest.skip("no two database hosts are running")
    if not all(has_servers(host) for host in hosts):
        set_up_servers(hosts, running("web"))
    return hosts


@pytest.fixture(scope="module")
def clients() -> list[Host]:
    """Web hosts, which may reach databases."""
    return running("web")


@pytest.fixture(params=["mariadb", "postgresql"])
def database(request, database_hosts, clients):
    """A database that serves, on the first host."""
    made = LabDatabase(request.param, database_hosts[0], clients)
    made.make()
    yield made
    made.throw_away()


@pytest.fixture
def table(database) -> LabDatabase:
    """The same with a table that numbers its rows, and a few rows in it."""
    kind = "BIGINT AUTO_INCREMENT" if database.engine == "mariadb" else "BIGSERIAL"
    said = database.sql(f"CREATE TABLE w(id {kind} PRIMARY KEY, n INT, t TEXT);")
    assert "ERROR" not in said + database.sql("INSERT INTO w(n) VALUES (-1), (-2);")
    return database
