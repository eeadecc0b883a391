"""A transaction changes the host as a whole, or not at all."""

import os
import stat
from pathlib import Path

import pytest

from controlpanel.agent.errors import Failed, Rejected
from controlpanel.agent.kinds.base import File
from controlpanel.agent.transaction import Transaction

from .toy import program

FAILS = program("import sys; print('line 3: unknown word'); sys.exit(1)")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path.resolve()


def run(tx: Transaction) -> list[str]:
    """Commit as the engine does: roll back when it raises; what could not be undone."""
    try:
        tx.commit()
    except Exception:
        return tx.rollback()
    return []


def picture(folder: Path) -> dict[str, tuple]:
    """Everything below a folder: kind, mode, content."""
    found = {}
    for path in sorted(folder.rglob("*")):
        status = path.lstat()
        content = str(path.readlink()) if path.is_symlink() else path.read_bytes() if path.is_file() else None
        found[str(path.relative_to(folder))] = (stat.S_IFMT(status.st_mode), stat.S_IMODE(status.st_mode), content)
    return found


def test_write_creates_changes_and_leaves_alone(folder):
    file = File(str(folder / "a.conf"), b"one", 0o640)
    tx = Transaction()
    assert tx.write(file)
    tx.commit()
    assert (folder / "a.conf").read_bytes() == b"one"
    assert stat.S_IMODE((folder / "a.conf").stat().st_mode) == 0o640
    before = (folder / "a.conf").stat().st_ino
    tx = Transaction()
    assert not tx.write(file) and not tx.changed
    tx.commit()
    assert (folder / "a.conf").stat().st_ino == before
    tx = Transaction()
    assert tx.write(File(file.path, b"one", 0o600)), "a changed mode is a change"
    assert [path.name for path in folder.iterdir()] == ["a.conf"], "nothing is left beside it"


def change_everything(tx: Transaction, folder: Path) -> None:
    tx.write(File(str(folder / "changed"), b"new", 0o600))
    tx.write(File(str(folder / "made"), b"new"))
    tx.write(File(str(folder / "link"), b"was a link"))
    tx.remove(str(folder / "removed"))
    tx.mkdir(str(folder / "new-folder"), 0o700)
    tx.write(File(str(folder / "new-folder" / "inside"), b"x"))
    tx.mkdir(str(folder / "folder"), 0o700)
    tx.rmdir(str(folder / "empty"))


@pytest.fixture
def furnished(folder):
    (folder / "changed").write_bytes(b"old")
    (folder / "removed").write_bytes(b"was here")
    (folder / "removed").chmod(0o604)
    (folder / "link").symlink_to("changed")
    (folder / "folder").mkdir(mode=0o755)
    (folder / "empty").mkdir(mode=0o711)
    return folder


def test_a_failing_check_puts_everything_back_and_reloads_nothing(furnished):
    before = picture(furnished)
    reloads = []
    tx = Transaction()
    change_everything(tx, furnished)
    assert picture(furnished) != before
    tx.check("nginx", FAILS)
    tx.reload("nginx", lambda: reloads.append(1))
    with pytest.raises(Rejected) as raised:
        tx.commit()
    assert "line 3: unknown word" in raised.value.output
    assert tx.rollback() == []
    assert picture(furnished) == before
    assert reloads == []


def test_a_failing_confirmation_puts_everything_back_and_reloads_again(furnished):
    before = picture(furnished)
    loaded = []
    tx = Transaction()
    change_everything(tx, furnished)
    tx.check("ok", program(""))
    tx.reload("web", lambda: loaded.append((furnished / "changed").read_bytes()))

    def confirm():
        raise Failed("it does not answer")

    tx.confirm(confirm)
    with pytest.raises(Failed, match="does not answer"):
        tx.commit()
    assert tx.rollback() == []
    assert loaded == [b"new", b"old"], "the running program has the old configuration again"
    assert picture(furnished) == before


def test_a_failing_reload_is_rolled_back_and_the_others_too(furnished):
    before, loaded = picture(furnished), []
    tx = Transaction()
    change_everything(tx, furnished)
    tx.reload("first", lambda: loaded.append("first"))
    tx.reload("second", program("import sys; sys.exit(3)"))
    tx.reload("third", lambda: loaded.append("third"))
    with pytest.raises(Failed, match="status 3"):
        tx.commit()
    troubles = tx.rollback()
    assert len(troubles) == 1 and "status 3" in troubles[0], "that the second cannot be loaded again is told"
    assert loaded == ["first", "first"]
    assert picture(furnished) == before


def test_no_reload_with_files_that_the_program_refuses_even_after_the_rollback(furnished):
    loaded = []
    marker = furnished / "changed"
    tx = Transaction()
    tx.write(File(str(marker), b"new"))
    # The old file was refused by its program before we came: what is loaded stays loaded.
    tx.check("picky", program("import sys; sys.exit(open(sys.argv[1]).read() != 'new')", str(marker)))
    tx.reload("picky", lambda: loaded.append(1))
    tx.confirm(lambda: (_ for _ in ()).throw(Failed("no")))
    with pytest.raises(Failed):
        tx.commit()
    assert "picky" in tx.rollback()[0]
    assert loaded == [1]


def test_undo_runs_backwards_and_goes_on_after_a_failure(folder):
    undone = []
    tx = Transaction()
    tx.on_rollback(lambda: undone.append("first"))
    tx.on_rollback(lambda: 1 / 0)
    tx.on_rollback(lambda: undone.append("third"))
    troubles = tx.rollback()
    assert undone == ["third", "first"]
    assert len(troubles) == 1 and "ZeroDivisionError" in troubles[0]


def test_checks_and_reloads_run_once_a_key_and_in_order(folder):
    done = []
    tx = Transaction()
    for _ in range(3):
        tx.reload("nginx", lambda: done.append("reload"))
        tx.check("nginx", program("import sys; open(sys.argv[1], 'a').write('x')", str(folder / "checks")))
    tx.confirm(lambda: done.append("confirm"))
    assert run(tx) == []
    assert done == ["reload", "confirm"]
    assert (folder / "checks").read_text() == "x"


def test_a_folder_of_somebody_else_is_refused(folder):
    """Root would follow the link that its owner puts there between our look and our write."""
    shared = folder / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    if os.geteuid() == 0:
        os.chown(shared, 12345, 12345)
    elsewhere = folder / "elsewhere"
    elsewhere.symlink_to("/etc")
    tx = Transaction()
    for path in (shared / "x", elsewhere / "x", folder / "missing" / "x"):
        with pytest.raises(Failed):
            tx.write(File(str(path), b"x"))
    assert list(shared.iterdir()) == [] and not Path("/etc/x").exists()


def test_a_device_or_folder_is_never_replaced(folder):
    (folder / "d").mkdir()
    with pytest.raises(Failed, match="not a file"):
        Transaction().write(File(str(folder / "d"), b"x"))
    with pytest.raises(Failed, match="cannot be removed"):
        (folder / "d" / "x").touch()
        Transaction().rmdir(str(folder / "d"))


def test_programs_have_a_time_limit_and_no_shell(folder):
    tx = Transaction()
    assert tx.run(program("import sys; print(sys.argv[1])", "$(id); `id`")) == "$(id); `id`\n"
    with pytest.raises(Failed, match="took longer than"):
        tx.run(program("import time; time.sleep(60)"), timeout=0.3)
    with pytest.raises(Failed, match="cannot be started"):
        tx.run(["/nonexistent/program"])


def test_a_daemon_that_keeps_the_output_open_is_not_waited_for(folder):
    daemon = "import os,time\nif os.fork() == 0:\n os.setsid(); time.sleep(5); os._exit(0)\nprint('started')"
    assert Transaction().run(program(daemon), timeout=4) == "started\n"


def test_forced_means_that_nothing_is_taken_for_granted(folder):
    (folder / "a").write_bytes(b"same")
    (folder / "a").chmod(0o644)
    tx = Transaction()
    tx.force = True
    assert tx.write(File(str(folder / "a"), b"same")) and tx.remove(str(folder / "b"))
    assert tx.changed == {str(folder / "a"), str(folder / "b")}
