"""A CPU-bound PHP page on one, two and three web hosts, while hosts are added and removed under its visitors.

All hosts share this machine's processors, so what more hosts bring cannot be seen here; that none of the visitors
notices the change, and how long a change takes, can.
"""

import argparse
import json
import time
from typing import Any

from tests.bench.results import record, summary
from tests.hosting.live import LiveSite
from tests.hosting.load import Visitors
from tests.panel import Panel

PAGE = "<?php $x = 'a'; for ($i = 0; $i < 20000; $i++) { $x = hash('sha256', $x); } echo gethostname();"


def watched(visitors: Visitors, seconds: float) -> dict[str, Any]:
    """What the visitors got meanwhile."""
    visitors.forget()
    time.sleep(seconds)
    times, failed, answers = list(visitors.times), len(visitors.failures), dict(visitors.answers)
    return {"per_second": round(len(times) / seconds, 1), "time_s": summary(times), "failed": failed, "by": answers}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--most", type=int, default=3)
    options = parser.parse_args()
    panel = Panel.running()
    panel.make_room()
    api, site = panel.api(), LiveSite.create(panel)
    site.put("web/work.php", PAGE)
    numbers: dict[str, Any] = {}
    with Visitors(site, "/work.php") as visitors:
        numbers["hosts_1"] = watched(visitors, options.seconds)
        steps = [*range(2, options.most + 1), *range(options.most - 1, 0, -1)]
        for before, hosts in zip([1, *steps], steps, strict=False):
            visitors.forget()
            begin = time.perf_counter()
            api.wait(api.post(f"{site.path}scale/", {"hosts": hosts}), seconds=300)
            took = round(time.perf_counter() - begin, 2)
            change = {"took_s": took, "requests": len(visitors.times), "failed": len(visitors.failures)}
            numbers[f"{before}_to_{hosts}"] = {**change, "longest_s": round(max(visitors.times, default=0), 2)}
            if hosts > before:
                numbers[f"hosts_{hosts}"] = watched(visitors, options.seconds)
    entry = record(
        "scale",
        numbers=numbers,
        notes="4 visitors through both edges, one request after the other, of a page that takes some 20 ms. failed: "
        "anything but 200. took_s: from the POST until the operation has succeeded.",
    )
    print(json.dumps(entry, indent=1))
    site.delete()


if __name__ == "__main__":
    main()
