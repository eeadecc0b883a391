"""``tests/bench/results.json``: what was measured, when, on which machine, and against which rival.

A benchmark calls ``record`` once::

    record("routes", numbers={"one_change_s": summary(samples)}, rivals={"nginx map + reload": {...}},
           ratios={"one_change": 12.3})
"""

import fcntl
import json
import os
import platform
import statistics
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).with_name("results.json")


def summary(seconds: Sequence[float]) -> dict[str, float | int]:
    """Median, p95 and extremes of samples, to a tenth of a millisecond."""
    ordered = sorted(seconds)
    p95 = ordered[min(len(ordered) - 1, round(0.95 * (len(ordered) - 1)))]
    numbers = {"median": statistics.median(ordered), "p95": p95, "min": ordered[0], "max": ordered[-1]}
    return {"n": len(ordered), **{key: round(value, 4) for key, value in numbers.items()}}


def machine() -> dict[str, Any]:
    """What it was measured on, and how busy that was: numbers of a loaded machine are only good for ratios."""
    model = next(
        (
            line.split(":", 1)[1].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if "model name" in line
        ),
        platform.machine(),
    )
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "cpu": model,
        "cpus": os.cpu_count(),
        "memory_gb": round(memory / 2**30),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "load": [round(value, 1) for value in os.getloadavg()],
    }


def record(
    name: str,
    *,
    numbers: Mapping[str, Any],
    rivals: Mapping[str, Mapping[str, Any]] | None = None,
    ratios: Mapping[str, float] | None = None,
    notes: str = "",
) -> dict[str, Any]:
    """Append an entry and return it. ``numbers`` are in seconds where their names end in ``_s``.

    ``rivals``: name of each rival to its numbers, measured in the same run on the same machine. ``ratios``: how many
    times faster (or smaller) we are than the rival, by what was compared.
    """
    entry = {
        "name": name,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "numbers": dict(numbers),
        **({"rivals": {rival: dict(values) for rival, values in rivals.items()}} if rivals else {}),
        **({"ratios": {key: round(value, 2) for key, value in ratios.items()}} if ratios else {}),
        **({"notes": notes} if notes else {}),
    }
    with RESULTS.open("a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # benchmarks may run beside each other
        file.seek(0)
        entries = json.loads(file.read() or "[]")
        entries.append(entry)
        file.seek(0)
        file.truncate()
        file.write(json.dumps(entries, indent=1, ensure_ascii=False) + "\n")
    return entry
