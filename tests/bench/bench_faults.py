"""An hour's worth of moves of sites and databases, evacuations and recoveries, with faults of chance: nothing lost,
never two hosts with one site or database.

    make bench ARGS=faults          (or .venv/bin/python -m tests.bench.bench_faults [--minutes 60] [--seed N])

It stops at the first broken promise; the seed, printed, repeats its scenes.
"""

import argparse
import json
import random
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from tests.faults import database_moves, moves
from tests.faults.scenes import Scene, by_chance
from tests.hosting.live import LiveSite
from tests.hosting.live_databases import ENGINES, LiveDatabase
from tests.panel import Panel

from .results import record

#: How often each is drawn; those that take a host's power away last longest.
WEIGHTS = {"move": 5, "evacuate": 2, "recover": 2, "mariadb": 2, "postgresql": 2}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--seed", type=int, default=None)
    options = parser.parse_args()
    chosen = random.SystemRandom().randrange(10**6) if options.seed is None else options.seed
    print(f"seed {chosen}", flush=True)
    panel = Panel.running()
    panel.make_room()
    sites = [LiveSite.create(panel), LiveSite.create(panel, kind="static")]
    databases = {engine: LiveDatabase.create(panel, engine) for engine in ENGINES}
    for database in databases.values():
        database.done("make")
    results = run(random.Random(chosen), sites, databases, options.minutes * 60)
    requests: Counter[str] = Counter()
    for result in results:
        requests.update({str(key): count for key, count in result.get("got", {}).items()})
    entry = record(
        "faults",
        numbers={
            "seed": chosen,
            "minutes": round(options.minutes, 1),
            "scenes": Counter(result["play"] for result in results),
            "faults": Counter(result["fault"] for result in results),
            "ends": Counter(result["state"] for result in results),
            "requests": requests,
            "lost": 0,
            "places_with_two_writers": 0,
        },
        notes="Each scene ends with: one host has it and storage lets only that in, every acknowledged write is there "
        "once, nothing is reserved. A broken promise ends the run without a record.",
    )
    print(json.dumps(entry, indent=1))
    for database in databases.values():
        database.delete()
    for site in sites:
        site.delete()


def run(
    chance: random.Random, sites: list[LiveSite], databases: dict[str, LiveDatabase], seconds: float
) -> list[dict[str, Any]]:
    """Scenes until the time is over."""

    plays: dict[str, tuple[Callable[[Scene], dict[str, Any]], list[Scene]]] = {
        "move": (lambda scene: moves.move(sites[0], scene), by_chance(chance, moves.OF_MOVES, 500)),
        "evacuate": (lambda scene: moves.evacuate(sites, scene), by_chance(chance, moves.OF_MOVES, 500)),
        "recover": (lambda scene: moves.recover(sites, scene), by_chance(chance, moves.OF_RECOVERIES, 500)),
        **{
            engine: (
                lambda scene, database=database: database_moves.move(database, scene),  # type: ignore[misc]
                by_chance(chance, database_moves.FAULTS, 500),
            )
            for engine, database in databases.items()
        },
    }
    order = chance.choices(list(WEIGHTS), list(WEIGHTS.values()), k=500)
    began = time.monotonic()
    results: list[dict[str, Any]] = []
    for name in order:
        if time.monotonic() - began > seconds:
            break
        play, scenes = plays[name]
        scene = scenes.pop(0)
        start = time.monotonic()
        result = play(scene)
        results.append({"play": name, "fault": scene.fault, **result})
        print(f"{len(results)}. {name}: {scene}: {result} in {time.monotonic() - start:.1f} s", flush=True)
    return results


if __name__ == "__main__":
    main()
