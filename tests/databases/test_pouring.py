"""Programs that pour into each other, marks and dumps: without a server."""

import os
import signal
import sys
import time
from pathlib import Path

import pytest

from controlpanel.agent.databases import dumps, holding, marks, paths, streams
from controlpanel.agent.databases.engines import Engine
from controlpanel.agent.errors import Failed, Invalid, Occupied


@pytest.fixture(autouse=True)
def _places(tmp_path, monkeypatch):
    for name in ("DUMPS", "MARKS", "LOCKS"):
        monkeypatch.setattr(paths, name, str(tmp_path.resolve() / name.lower()))


def python(text: str) -> list[str]:
    return [sys.executable, "-c", text]


WRITES = python("import sys; sys.stdout.buffer.write(b'x' * 10_000_000)")


def test_everything_that_is_said_arrives(tmp_path):
    target = tmp_path / "copy"
    keep = python(f"import shutil, sys; shutil.copyfileobj(sys.stdin.buffer, open({str(target)!r}, 'wb'))")
    assert streams.pour(WRITES, keep, 30) == 10_000_000
    assert target.stat().st_size == 10_000_000


def test_a_source_that_fails_fails_the_whole_and_ends_the_other():
    broken = python("import sys; print('half', flush=True); sys.exit('no more room')")
    with pytest.raises(Failed) as failed:
        streams.pour(broken, python("import sys; sys.stdin.read()"), 30)
    assert "no more room" in failed.value.output


def test_one_that_does_not_take_everything_says_why():
    with pytest.raises(Failed) as failed:
        streams.pour(WRITES, python("import sys; sys.exit('syntax error in line 1')"), 30)
    assert "syntax error" in failed.value.output


def test_what_takes_too_long_is_killed():
    begun = time.monotonic()
    with pytest.raises(Failed, match="longer than"):
        streams.pour(python("import time; time.sleep(60)"), python("import sys; sys.stdin.read()"), 0.3)
    assert time.monotonic() - begun < 20


def test_a_database_stays_held_as_long_as_a_child_lives():
    with holding.held("db1") as fd:
        pid = os.posix_spawn(sys.executable, [sys.executable, "-c", "import time; time.sleep(60)"], {})
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        with streams.Program(python("import time; time.sleep(60)"), [fd]):
            os.close(os.dup(fd))
            with holding.held_if_free("db1") as other:
                assert other is None
    with holding.held_if_free("db1") as other:
        assert other is not None


def test_who_waits_too_long_is_told_to_come_again():
    with holding.held("db1"), pytest.raises(Occupied), holding.held("db1", patience=0.05):
        pass


def test_a_mark_is_what_was_saved_and_nothing_when_there_is_none():
    assert marks.read("db1") == marks.Mark("db1")
    mark = marks.Mark("db1", "move1", "incoming", position={"file": "binlog.000001", "position": 4})
    marks.save(mark)
    assert marks.read("db1") == mark
    marks.drop("db1")
    marks.drop("db1")
    assert marks.read("db1").closed == ""


class Toy(Engine):
    name = "toy"
    loaded = ""

    def __init__(self, folder) -> None:
        self.folder = folder

    def sizes(self):
        return {"db1": 100}

    def dump_command(self, name, source=""):
        return python("print('all of it' * 1000, end='')")

    def load_command(self, name):
        return python(f"import sys; open({str(self.folder / 'loaded')!r}, 'w').write(sys.stdin.read())")


def test_a_dump_is_private_told_of_and_loaded_as_it_was(tmp_path):
    toy = Toy(tmp_path)
    with holding.held("db1") as fd:
        told = dumps.make(toy, "db1", "last", 30, fd, lambda data: None)
        assert Path(told["path"]).stat().st_mode & 0o777 == 0o600
        assert [dump["label"] for dump in dumps.listing()] == ["last"]
        dumps.check("db1", "last")
        dumps.load(toy, "db1", "last", 30, fd)
    assert (tmp_path / "loaded").read_text() == "all of it" * 1000
    assert dumps.label_of("db1", {"dump": told["path"]}) == dumps.label_of("db1", {"dump": "last"}) == "last"
    dumps.drop("db1", "last")
    assert dumps.listing() == [] and not Path(told["path"]).exists()


def test_a_dump_that_failed_leaves_the_one_before(tmp_path):
    toy = Toy(tmp_path)
    with holding.held("db1") as fd:
        dumps.make(toy, "db1", "last", 30, fd, lambda data: None)
        toy.dump_command = lambda name, source: python("print('half'); raise SystemExit(1)")
        with pytest.raises(Failed):
            dumps.make(toy, "db1", "last", 30, fd, lambda data: None)
    dumps.check("db1", "last")
    assert sorted(file.name for file in Path(paths.DUMPS).iterdir()) == ["db1-last.gz", "db1-last.gz.json"]


def test_a_damaged_or_cut_dump_is_not_loaded_as_if_it_were_whole(tmp_path):
    toy = Toy(tmp_path)
    with holding.held("db1") as fd:
        told = dumps.make(toy, "db1", "last", 30, fd, lambda data: None)
        file = Path(told["path"])
        file.write_bytes(file.read_bytes()[:-10])
        with pytest.raises(Failed, match="damaged"):
            dumps.check("db1", "last")
        with pytest.raises(Failed, match="cut off"):
            dumps.load(toy, "db1", "last", 30, fd)


@pytest.mark.parametrize("label", ["../x", "/etc/passwd", "a/b", "", ".hidden", "x" * 100])
def test_a_dump_is_named_by_a_label_or_its_own_path(label):
    with pytest.raises(Invalid):
        dumps.label_of("db1", {"dump": label})
