"""Edge rules: from a script's PATCH that changes one of 1,000 redirects to its effect on both edges.

    .venv/bin/python -m tests.bench.bench_edge_rules [--changes 10] [--redirects 1000]

The rival is nginx on the same edge with as many rows in a map, rewritten and reloaded: without a panel, a database or a
second edge.
"""

import argparse
import json
import threading
import time
from pathlib import Path
from typing import Any

import requests

from tests.bench import results
from tests.hosting.live import LiveSite
from tests.panel import Panel, on_host

RIVAL = Path(__file__).with_name("rival_nginx_map.py")


def change(site: LiveSite, redirects: list[dict[str, Any]], target: str) -> tuple[float, float]:
    """Seconds until the last edge leads there; and until the 202."""
    seen: dict[str, float] = {}

    def ask(edge: str) -> None:
        session, end = requests.Session(), time.perf_counter() + 60
        address, host = f"http://{edge}{redirects[0]['path']}", {"Host": site.name}
        while edge not in seen and time.perf_counter() < end:
            answer = session.get(address, headers=host, timeout=15, allow_redirects=False)
            if answer.headers.get("Location") == target:
                seen[edge] = time.perf_counter()
            time.sleep(0.01)

    redirects[0]["target"] = target
    threads = [threading.Thread(target=ask, args=(edge,)) for edge in site.panel.edges]
    for thread in threads:
        thread.start()
    begin = time.perf_counter()
    answer = site.api.patch(f"{site.path}edge-rules/", {"redirects": redirects})
    accepted = time.perf_counter() - begin
    for thread in threads:
        thread.join()
    site.api.wait(answer)
    return max(seen[edge] for edge in site.panel.edges) - begin, accepted


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--changes", type=int, default=10)
    parser.add_argument("--redirects", type=int, default=1000)
    options = parser.parse_args()
    panel = Panel.running()
    panel.make_room()
    site = LiveSite.create(panel)
    edge = next(name for name, address in panel.hosts.items() if address == panel.edges[0])
    processes = on_host(edge, "pgrep", "-x", "haproxy")
    try:
        redirects = [{"path": f"/old/{number}", "target": f"/new/{number}"} for number in range(options.redirects)]
        site.api.wait(site.api.patch(f"{site.path}edge-rules/", {"redirects": redirects}))
        changes = [change(site, redirects, f"/newest/{number}") for number in range(options.changes)]
    finally:
        site.delete()
    reloads = int(on_host(edge, "pgrep", "-x", "haproxy") != processes)
    rows, times = str(options.redirects), str(options.changes)
    rival = json.loads(on_host(edge, "python3", "-", rows, times, input=RIVAL.read_text()))
    ours, theirs = results.summary([effect for effect, _ in changes]), results.summary(rival["changes_s"])
    print(
        results.record(
            "edge_rules",
            numbers={
                "patch_to_effect_on_all_edges_s": ours,
                "patch_to_202_s": results.summary([accepted for _, accepted in changes]),
                "redirects": options.redirects,
                "reloads": reloads,
            },
            rivals={"nginx map + reload, one edge, no panel": {"change_to_effect_s": theirs}},
            ratios={"median": theirs["median"] / ours["median"]},
            notes="the PATCH carries all redirects of the site; of them one differs",
        )
    )


if __name__ == "__main__":
    main()
