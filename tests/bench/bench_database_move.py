"""A database moved to another host while clients write to it, one connection a request, through a web host's gate.

    .venv/bin/python -m tests.bench.bench_database_move [--sizes 10 200 1000] [--engines mariadb postgresql]

It needs a running panel and lab. For each size (MB) and engine: how long the move takes in all, for how long
connections wait (from the first gate that is asked to hold to the last that has gone on), how many requests fail, and
how many rows that were acknowledged are lost. The copy's own time is told too: for at least that long a site is down
when it is done by hand, by dump and restore.
"""

import argparse
import time
from datetime import datetime
from typing import Any

from tests.hosting.live_databases import ENGINES, LiveDatabase, Writer
from tests.panel import Panel, wait_until

from .results import record

#: Bytes of one row of the filling: a page's text.
ROW = 8000
#: Rows that one request writes.
CHUNK = 2000


def fill(database: LiveDatabase, have: int, megabytes: int) -> None:
    """Rows until the database is about that large, when it has been filled with ``have`` MB before."""
    before, rows = (size * 1024 * 1024 // ROW for size in (have, megabytes))
    for first in range(before, rows, CHUNK):
        database.done("fill", first=10**15 + first, rows=min(CHUNK, rows - first), size=ROW)


def at(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def move(database: LiveDatabase) -> dict[str, Any]:
    """One move under load; what came of it."""
    staff = database.panel.api()
    with Writer(database, clients=4, pause=0.01) as writer:
        wait_until(lambda: len(writer.acknowledged) > 20)
        calm, writer.longest = writer.longest, 0.0
        operation = database.move(seconds=1800)
        enough = len(writer.acknowledged) + 20
        wait_until(lambda: len(writer.acknowledged) > enough)
    steps = operation["steps"]
    took = {step["title"]: at(step["finished"]) - at(step["started"]) for step in steps}
    opened = next(step for step in steps if "window_ms" in (step["answer"] or {}))
    lost = writer.acknowledged - database.rows()
    staff.wait(staff.post(f"{database.path}drop-copy/"))
    return {
        "total_s": round(at(operation["finished"]) - at(operation["started"]), 2),
        "hold_s": opened["answer"]["window_ms"] / 1000,
        "copy_s": round(sum(seconds for title, seconds in took.items() if title.startswith("Copy the data")), 2),
        "longest_request_s": round(writer.longest, 3),
        "longest_before_s": round(calm, 3),
        "acknowledged": len(writer.acknowledged),
        "failed": len(writer.failed),
        "lost": len(lost),
        "reasons": sorted(set(writer.failed))[:3],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[10, 200, 1000], metavar="MB")
    parser.add_argument("--engines", nargs="+", default=list(ENGINES))
    parser.add_argument("--moves", type=int, default=3, help="of each size; the hold window is told as the worst")
    options = parser.parse_args()
    panel = Panel.running()
    panel.make_room()
    numbers: dict[str, Any] = {}
    for engine in options.engines:
        database = LiveDatabase.create(panel, engine)
        staff = panel.api()
        staff.wait(staff.patch(database.path, {"quota_bytes": 20 * 1024**3}))
        database.done("make")
        have = 0
        for size in sorted(options.sizes):
            fill(database, have, size)
            have = size
            moves = [move(database) for _ in range(options.moves if size < 500 else 1)]
            numbers[f"{engine} {size} MB"] = {
                "total_s": min(one["total_s"] for one in moves),
                "copy_s": min(one["copy_s"] for one in moves),
                "hold_s": max(one["hold_s"] for one in moves),
                "longest_request_s": max(one["longest_request_s"] for one in moves),
                **{key: sum(one[key] for one in moves) for key in ("acknowledged", "failed", "lost")},
            }
            print(
                f"{engine} {size} MB: {numbers[f'{engine} {size} MB']}", [one["reasons"] for one in moves], flush=True
            )
            time.sleep(1)
        database.delete()
    record("database_move", numbers=numbers, notes="hold_s is the worst of the moves of that size")


if __name__ == "__main__":
    main()
