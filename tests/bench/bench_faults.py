"""An hour's worth of moves with faults of chance: nothing lost, never two hosts with one site.

.venv/bin/python -m tests.bench.bench_faults [--scenes 40] [--seed N]
"""

import argparse
import json
import random
from collections import Counter

from tests.faults import moves
from tests.panel import Panel

from .results import record


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenes", type=int, default=40)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    options = parser.parse_args()
    panel = Panel.running()
    panel.make_room()
    results = moves.run(panel, options.seed, options.scenes)
    ends = Counter(result["state"] for result in results)
    requests: Counter[str] = Counter()
    for result in results:
        requests.update({str(key): count for key, count in result["got"].items()})
    entry = record(
        "faults",
        numbers={
            "seed": options.seed,
            "scenes": len(results),
            "ends": ends,
            "requests": requests,
            "lost": 0,
        },
        notes="Moves of one site while something goes wrong at a moment of chance; it stops at a broken promise.",
    )
    print(json.dumps(entry, indent=1))


if __name__ == "__main__":
    main()
