"""From POST /api/v1/sites/ until the new site's own page comes through every edge: one at a time, and many at once."""

import argparse
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import requests

from tests.bench.results import record, summary
from tests.panel import Panel, fresh_name

#: How often each edge is asked for the page (seconds): the error of the numbers below. Many watchers at once ask less
#: often, for they run on the machine that is measured.
EVERY, EVERY_AT_ONCE = 0.01, 0.1
PATIENCE = 120.0


def create(panel: Panel, order: int, kind: str, every: float = EVERY) -> dict[str, Any]:
    """One site: seconds until the 202 (accepted), until every edge shows the page, until the operation has ended."""
    api, name = panel.member, fresh_name("bench")
    begin = time.perf_counter()
    answer = api.post("sites/", {"order": order, "kind": kind, "domains": [name]})
    accepted = time.perf_counter() - begin
    seen = [0.0] * len(panel.edges)

    def watch(number: int, edge: str) -> None:
        session = requests.Session()
        while time.perf_counter() - begin < PATIENCE:
            try:
                got = session.get(f"http://{edge}/", headers={"Host": name}, timeout=10)
                if got.status_code == 200 and name in got.text:
                    seen[number] = time.perf_counter() - begin
                    return
            except requests.RequestException:
                session = requests.Session()
            time.sleep(every)

    watchers = [threading.Thread(target=watch, args=pair) for pair in enumerate(panel.edges)]
    for watcher in watchers:
        watcher.start()
    for watcher in watchers:
        watcher.join()
    if not all(seen):
        raise SystemExit(f"{name} did not come up: {json.dumps(api.operation(answer), indent=1)}")
    api.wait(answer, seconds=PATIENCE)
    return {
        "site": answer["site"]["id"],
        "accepted": accepted,
        "visible": max(seen),
        "ended": time.perf_counter() - begin,
    }


def numbers(made: list[dict[str, Any]]) -> dict[str, Any]:
    return {f"{key}_s": summary([one[key] for one in made]) for key in ("accepted", "visible", "ended")}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=20)
    parser.add_argument("--kind", default="php")
    options = parser.parse_args()
    panel = Panel.running()
    panel.make_room()
    order = panel.member.first_order()
    warm = [create(panel, order, options.kind)]
    single = [create(panel, order, options.kind) for _ in range(options.count)]
    begin = time.perf_counter()
    with ThreadPoolExecutor(options.count) as pool:
        together = list(pool.map(lambda _: create(panel, order, options.kind, EVERY_AT_ONCE), range(options.count)))
    all_visible = time.perf_counter() - begin
    entry = record(
        "site_create",
        numbers={
            "kind": options.kind,
            "edges": len(panel.edges),
            "one_at_a_time": numbers(single),
            f"{options.count}_at_once": {**numbers(together), "all_s": round(all_visible, 2)},
        },
        notes="accepted: POST answered 202; visible: HTTP 200 with the site's own page through every edge; ended: its "
        "operation has succeeded, probes included. The watchers run on the same machine as the whole data centre.",
    )
    print(json.dumps(entry, indent=1))
    for one in warm + single + together:
        panel.member.delete(f"sites/{one['site']}/")


if __name__ == "__main__":
    main()
