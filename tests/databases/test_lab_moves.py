"""Whole moves between real servers, with a writer, and with somebody who pulls the plug in the middle."""

import threading

import pytest

from controlpanel.fleet import channel
from controlpanel.operations.errors import AnswerLost, HostAway, Refused, StepError
from tests.panel import wait_until

from .lab import LabDatabase, fill, shell
from .moves import LabMove, Writer

pytestmark = pytest.mark.lab


@pytest.fixture
def move(table, database_hosts) -> LabMove:
    return LabMove(table, *database_hosts)


@pytest.fixture
def writer(table, database_hosts):
    """A client that writes to whichever host takes it."""
    writing = Writer(table, table.clients[0], database_hosts)
    wait_until(lambda: table.count("w") > 10, 30)
    yield writing
    writing.stop()


def lost(writer: Writer, database: LabDatabase) -> list[int]:
    """Rows that were acknowledged and are not there."""
    there = {int(line) for line in database.root("SELECT n FROM w;").split()}
    return [number for number in writer.acknowledged if number not in there]


def is_open(database: LabDatabase, host) -> bool:
    return database.sql("SELECT 1;", host) == "1"


def test_nothing_that_was_acknowledged_is_lost_and_the_copy_is_the_same(move, writer, table):
    reader = table.add_reader()
    table.make()
    table.sql("CREATE VIEW v AS SELECT n FROM w; CREATE TABLE keyless(a INT); INSERT INTO keyless VALUES (1), (1);")
    move.whole()
    before = table.count("w")
    wait_until(lambda: table.count("w") > before, 20)
    writer.stop()
    assert len(writer.acknowledged) > 20 and lost(writer, table) == []
    assert move.is_same()
    assert is_open(table, move.target) and not is_open(table, move.source)
    assert table.sql("SELECT COUNT(*) FROM keyless;", user=reader) == "2"
    table.make(move.target)
    assert int(table.sql("SELECT COUNT(*) FROM v;")) >= len(writer.acknowledged)
    assert "ERROR" not in table.sql("INSERT INTO w(n) VALUES (-3); ALTER TABLE w ADD COLUMN more INT;")


def test_the_old_copy_is_never_unlocked_by_a_call(move, table):
    move.whole()
    with pytest.raises(Refused) as refused:
        table.ask(move.source, "unlock")
    assert refused.value.code == "busy"
    assert not is_open(table, move.source)


def test_a_move_that_is_called_off_leaves_the_source_as_it_was(move, writer, table):
    move.prepare()
    move.seed()
    move.follow()
    move.lock()
    move.turn_back()
    before = table.count("w")
    wait_until(lambda: table.count("w") > before, 20)
    writer.stop()
    assert lost(writer, table) == []
    assert not is_open(table, move.target)
    move.at_target("abort")  # again: nothing is there any more
    again = LabMove(table, move.source, move.target)
    table.move_id = "again"
    again.whole()
    assert again.is_same() and lost(writer, table) == []


def test_a_seed_that_was_cut_off_begins_again(move, table):
    fill(table, 4000)
    move.prepare()
    failures: list[StepError] = []

    def seed() -> None:
        try:
            move.seed()
        except StepError as error:
            failures.append(error)

    thread = threading.Thread(target=seed)
    thread.start()
    wait_until(
        lambda: shell(move.target, "cat /var/lib/controlpanel/databases/*.mark.json").count("incoming"), 20, 0.02
    )
    channel.close(move.target.name)  # the panel goes away, and its agent with it
    shell(move.target, "for pid in $(pgrep -f '[a]gent.pyz serve'); do kill -9 $pid; done")
    thread.join(60)
    with pytest.raises(Refused):
        table.ask(move.target, "unlock")  # half a copy
    assert not failures or isinstance(failures[0], (AnswerLost, HostAway))
    wait_until(lambda: came(move.seed), 60)
    move.follow()
    move.switch()
    assert move.is_same()


def came(call) -> bool:
    try:
        call()
    except (AnswerLost, HostAway):
        return False
    return True


def test_every_step_may_be_repeated_by_another_agent(move, table):
    """As after a crash: the agents are killed between any two steps, and each is asked twice."""

    def twice(step) -> None:
        step()
        for host in (move.source, move.target):
            shell(host, "for pid in $(pgrep -f '[a]gent.pyz serve'); do kill -9 $pid; done")
            channel.close(host.name)
        wait_until(lambda: came(step), 60)

    move.prepare()
    for step in (move.seed, move.follow, move.lock, move.catch_up):
        twice(step)
    table.make(move.source, state="copy")
    twice(lambda: table.ask(move.target, "unlock"))
    twice(lambda: move.at_source("forget_source"))
    table.host = move.target
    assert is_open(table, move.target) and not is_open(table, move.source)
    assert table.count("w") == 2
