"""Several agent processes share one store: none may pull it from under another's feet."""

import subprocess
import sys
from pathlib import Path

from controlpanel.agent.store import Entry, Store

LOOK = "import sqlite3, sys; print(sqlite3.connect(sys.argv[1]).execute('SELECT count(*) FROM resource').fetchone()[0])"
WRITE = (
    "import sys; sys.path.insert(0, sys.argv[2])\n"
    "from controlpanel.agent.store import Entry, Store\n"
    "Store(sys.argv[1]).finish('', [('route', 'b.test', 1, {}, Entry('route', 'b.test', 1, 'applied'))])"
)


def test_a_second_store_of_one_process_does_not_cost_the_first_its_locks(tmp_path: Path) -> None:
    """Calls that run beside others have a store of their own. Then other processes come and go, and write."""
    path, root = str(tmp_path / "state.db"), str(Path(__file__).parents[2])
    first = Store(path)
    first.finish("", [("route", "a.test", 1, {}, Entry("route", "a.test", 1, "applied"))])
    Store(path).close()
    for script, arguments in ((LOOK, [path]), (WRITE, [path, root])):
        subprocess.run([sys.executable, "-c", script, *arguments], check=True)
    assert {row.id for row in first.rows("route")} == {"a.test", "b.test"}
    first.finish("", [("route", "c.test", 1, {}, Entry("route", "c.test", 1, "applied"))])
    first.close()
    assert {row.id for row in Store(path).rows("route")} == {"a.test", "b.test", "c.test"}


def test_a_store_whose_file_was_wiped_is_opened_anew(tmp_path: Path) -> None:
    """Agents run on when somebody wipes their host; what they note then must be where the next one looks."""
    path = tmp_path / "state.db"
    running, beside = Store(str(path)), Store(str(path))
    running.finish("", [("route", "a.test", 1, {}, Entry("route", "a.test", 1, "applied"))])
    for file in tmp_path.iterdir():
        file.unlink()
    for store, name in ((running, "b.test"), (beside, "c.test")):
        store.renew()
        store.finish("", [("route", name, 1, {}, Entry("route", name, 1, "applied"))])
    running.renew()
    assert {row.id for row in running.rows("route")} == {"b.test", "c.test"}
    running.close()
    assert {row.id for row in Store(str(path)).rows("route")} == {"b.test", "c.test"}
