"""How a host reads and puts away the logs of a site, whose owner may have put anything in their place."""

import gzip
import os
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from controlpanel.agent.errors import Failed
from controlpanel.agent.web import logs, nginx, paths, rotation

NOON = time.mktime((2026, 11, 22, 12, 0, 0, 0, 0, -1))
OWNER = {"7": {"uid": os.getuid(), "gid": os.getgid()}}


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A host with a site: ``sites/7/logs`` (its volume) and ``logs/7`` (nginx's)."""
    (tmp_path / "sites/7/logs").mkdir(parents=True)
    (tmp_path / "logs/7").mkdir(parents=True)
    monkeypatch.setattr(paths, "SITES", str(tmp_path / "sites"))
    monkeypatch.setattr(paths, "LOGS", str(tmp_path / "logs"))
    monkeypatch.setattr(os.path, "ismount", lambda path: Path(path).is_dir())
    monkeypatch.setattr(nginx, "master", lambda: None)
    return tmp_path


def access(host: Path) -> Path:
    return host / "logs/7/access.log"


def php(host: Path) -> Path:
    return host / "sites/7/logs/php-error.log"


# --- reading -----------------------------------------------------------------------------------------------------


def test_the_last_lines_and_then_those_that_follow(host: Path) -> None:
    access(host).write_text("".join(f"line {number}\n" for number in range(10)))
    seen = logs.tail("7", "access", 3)
    assert seen.lines == ["line 7", "line 8", "line 9"]
    with access(host).open("a") as file:
        file.write("line 10\nhalf a l")
    more = logs.follow("7", "access", seen.cursor)
    assert more.lines == ["line 10"]
    with access(host).open("a") as file:
        file.write("ine\n")
    assert logs.follow("7", "access", more.cursor).lines == ["half a line"]


def test_a_search_does_not_mind_the_case(host: Path) -> None:
    access(host).write_text("GET /one\nGET /Two\n")
    assert logs.tail("7", "access", 10, "tWO").lines == ["GET /Two"]


def test_after_a_rotation_the_new_file_is_followed_and_the_old_one_still_shown(host: Path) -> None:
    access(host).write_text("old\n")
    seen = logs.tail("7", "access", 5)
    access(host).rename(host / "logs/7/access.log.1")
    access(host).write_text("new\n")
    assert logs.follow("7", "access", seen.cursor).lines == ["new"]
    assert logs.tail("7", "access", 5).lines == ["old", "new"]


def test_a_log_that_is_not_there_is_empty(host: Path) -> None:
    assert logs.tail("7", "php", 5).lines == []
    assert logs.follow("7", "php", "1-1").lines == []
    assert logs.read("7", "php", "2026-11-22", "volume", 0, 100) == (b"", 0)


def test_whoever_follows_too_slowly_misses_the_middle(host: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "FOLLOWED", 100)
    access(host).write_text("first\n")
    seen = logs.tail("7", "access", 5)
    with access(host).open("a") as file:
        file.writelines(f"line {number}\n" for number in range(100))
    more = logs.follow("7", "access", seen.cursor)
    assert more.skipped
    assert more.lines[-1] == "line 99"
    assert logs.follow("7", "access", more.cursor).lines == []


# --- what its owner may have put there ---------------------------------------------------------------------------


def secret(host: Path) -> Path:
    path = host / "secret"
    path.write_text("root only\n")
    return path


def test_a_link_in_the_place_of_a_log_is_refused(host: Path) -> None:
    php(host).symlink_to(secret(host))
    with pytest.raises(logs.LogReplaced):
        logs.tail("7", "php", 5)
    with pytest.raises(logs.LogReplaced):
        logs.follow("7", "php", "1-1")


def test_a_second_name_of_another_file_is_refused(host: Path) -> None:
    php(host).hardlink_to(secret(host))
    with pytest.raises(logs.LogReplaced):
        logs.tail("7", "php", 5)


@pytest.mark.timeout(20)
def test_a_pipe_is_refused_and_waited_for_by_nobody(host: Path) -> None:
    os.mkfifo(php(host))
    with pytest.raises(logs.LogReplaced):
        logs.tail("7", "php", 5)


def test_a_directory_that_is_a_link_is_refused(host: Path) -> None:
    (host / "sites/7/logs").rmdir()
    (host / "sites/7/logs").symlink_to(host)
    with pytest.raises(logs.LogReplaced):
        logs.tail("7", "php", 5)


def test_an_archive_that_is_a_link_is_neither_read_nor_written(host: Path) -> None:
    victim = secret(host)
    (host / "sites/7/logs/access-2026-11-22.log.gz").symlink_to(victim)
    with pytest.raises(logs.LogReplaced):
        logs.read("7", "access", "2026-11-22", "volume", 0, 100)
    access(host).write_text("a visit\n")
    rotation.tend(OWNER, NOON)
    assert victim.read_text() == "root only\n"
    assert gzip.decompress((host / "logs/7/access-2026-11-22.log.gz").read_bytes()) == b"a visit\n"


def test_a_volume_that_is_not_mounted_has_no_logs(host: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os.path, "ismount", lambda path: False)
    with pytest.raises(Failed):
        logs.tail("7", "php", 5)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=3000))
def test_nothing_in_a_line_can_drive_a_terminal(host: Path, raw: bytes) -> None:
    access(host).write_bytes(raw + b"\n")
    for line in logs.tail("7", "access", 500).lines:
        assert line.replace("\t", "").isprintable()
        assert len(line) <= 4 * logs.LONGEST + 1


# --- days --------------------------------------------------------------------------------------------------------


def archive(host: Path, name: str) -> str:
    return gzip.decompress((host / "sites/7/logs" / name).read_bytes()).decode()


def test_the_hours_of_a_day_come_together_in_one_archive_on_the_volume(host: Path) -> None:
    for hour in range(3):
        access(host).write_text(f"hour {hour}\n")
        assert rotation.tend(OWNER, NOON + hour * 3700) == []
        os.utime(host / "logs/7/access.log.1", (NOON + hour * 3700,) * 2)
    assert archive(host, "access-2026-11-22.log.gz") == "hour 0\nhour 1\nhour 2\n"
    assert not access(host).exists()
    assert [day["day"] for day in logs.days("7")] == ["2026-11-22"]


def test_a_small_log_waits_for_its_hour(host: Path) -> None:
    access(host).write_text("one\n")
    rotation.tend(OWNER, NOON)
    os.utime(host / "logs/7/access.log.1", (NOON, NOON))
    access(host).write_text("two\n")
    rotation.tend(OWNER, NOON + 600)
    assert access(host).read_text() == "two\n"


def test_phps_log_is_put_away_once_a_day(host: Path) -> None:
    php(host).write_text("Fatal error\n")
    rotation.tend(OWNER, NOON)
    assert archive(host, "php-2026-11-22.log.gz") == "Fatal error\n"
    assert logs.tail("7", "php", 5).lines == ["Fatal error"]


def test_what_is_closed_just_after_midnight_belongs_to_the_day_before() -> None:
    midnight = time.mktime((2026, 11, 23, 0, 2, 0, 0, 0, -1))
    assert rotation.today(midnight) == "2026-11-22"


def test_after_a_crash_what_was_being_put_away_is_taken_up_again(host: Path) -> None:
    (host / "logs/7/access.log.closing").write_text("before the crash\n")
    rotation.tend(OWNER, NOON)
    assert archive(host, "access-2026-11-22.log.gz") == "before the crash\n"


def test_archives_older_than_30_days_go(host: Path) -> None:
    for day in ("2026-10-22", "2026-10-23", "2026-11-21"):
        (host / f"sites/7/logs/access-{day}.log.gz").write_bytes(gzip.compress(b"x"))
    (host / "sites/7/logs/mine-2026-01-01.log.gz").write_bytes(b"not ours")
    rotation.tend(OWNER, NOON)
    left = sorted(path.name for path in (host / "sites/7/logs").iterdir())
    assert left == ["access-2026-10-23.log.gz", "access-2026-11-21.log.gz", "mine-2026-01-01.log.gz"]


def test_a_full_volume_keeps_no_log_from_being_kept(host: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, full = os.write, True
    on_volume = str(host / "sites")

    def write(fd: int, data: bytes) -> int:
        if full and str(Path(f"/proc/self/fd/{fd}").readlink()).startswith(on_volume):
            raise OSError(122, "Disk quota exceeded")
        return real(fd, data)

    monkeypatch.setattr(os, "write", write)
    access(host).write_text("a visit\n")
    rotation.tend(OWNER, NOON)
    assert gzip.decompress((host / "logs/7/access-2026-11-22.log.gz").read_bytes()) == b"a visit\n"
    full = False
    rotation.tend(OWNER, NOON)
    assert archive(host, "access-2026-11-22.log.gz") == "a visit\n"
    assert not (host / "logs/7/access-2026-11-22.log.gz").exists()


def test_what_waits_on_the_host_is_bounded(host: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rotation, "WAITING", 1000)
    monkeypatch.setattr(os.path, "ismount", lambda path: False)
    for day in ("2026-11-20", "2026-11-21"):
        (host / f"logs/7/access-{day}.log.gz").write_bytes(os.urandom(700))
    rotation.tend(OWNER, NOON)
    assert [path.name for path in (host / "logs/7").iterdir()] == ["access-2026-11-21.log.gz"]


def test_a_site_that_leaves_takes_its_log_along(host: Path) -> None:
    access(host).write_text("the last visit\n")
    rotation.put_away(OWNER, 5)
    today = rotation.today(time.time())
    assert archive(host, f"access-{today}.log.gz") == "the last visit\n"
    assert list((host / "logs/7").iterdir()) == []
