"""One route changed on both edges while 100,000 are loaded, and requests lost during 1,000 changes.

    .venv/bin/python -m tests.bench.bench_routes [--routes 100000] [--changes 1000]

It needs a running lab with edges and a web host, puts its own names on the edges beside what is there, and takes them
away at the end. The rival is the usual way: nginx with a ``map`` of the same names, one line changed, then a reload, on
the first edge's host, until the new line answers.
"""

import argparse
import http.client
import json
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tests.panel import on_host
from tests.routing.edges import ALIVE, Agent, Edge, absent, lab_hosts, now, present

from .results import record, summary

SITES = 20_000
FIRST_SITE = 910_000_000_000
#: Resources of one batch while loading.
CHUNK = 50_000


def name_of(number: int) -> str:
    return f"n{number:06d}.routing-bench.example"


class Load:
    """Visitors who keep their connections, spread over names and edges."""

    def __init__(self, addresses: list[str], routes: int, visitors: int = 16) -> None:
        self.addresses, self.routes = addresses, routes
        self.got: Counter[Any] = Counter()
        self.slow: list[float] = []
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._visit, args=(number,), daemon=True) for number in range(visitors)
        ]

    def _visit(self, number: int) -> None:
        connection = http.client.HTTPConnection(self.addresses[number % len(self.addresses)], 80, timeout=20)
        got: Counter[Any] = Counter()
        slow: list[float] = []
        step = 0
        while not self._stop.is_set():
            # Half of the requests are for the names that are being changed.
            step += 1
            name = name_of(step % 10 if step % 2 else (step * 7919 + number) % self.routes)
            start = time.perf_counter()
            try:
                connection.request("GET", ALIVE, headers={"Host": name})
                response = connection.getresponse()
                response.read()
                got[response.status] += 1
            except (OSError, http.client.HTTPException) as error:
                got[type(error).__name__] += 1
                connection.close()
            slow.append(time.perf_counter() - start)
            time.sleep(0.01)
        connection.close()
        self.got.update(got)
        self.slow += slow

    def __enter__(self) -> "Load":
        for thread in self._threads:
            thread.start()
        time.sleep(1)
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(30)


def on_all(edges: list[Edge], pool: ThreadPoolExecutor, *resources: dict[str, Any]) -> float:
    """Apply on all edges at once; seconds until all have confirmed."""
    start = time.perf_counter()
    list(pool.map(lambda edge: edge.apply(*resources), edges))
    return time.perf_counter() - start


def load_routes(edges: list[Edge], pool: ThreadPoolExecutor, web: str, routes: int) -> float:
    """Put all names and sites on the edges; seconds."""
    revision = now()
    spec = {"backend": web, "mode": "normal"}
    resources = [present("site_route", str(FIRST_SITE + site), spec, revision) for site in range(SITES)]
    resources += [
        present("route", name_of(number), {"site": FIRST_SITE + number % SITES}, revision) for number in range(routes)
    ]
    return sum(on_all(edges, pool, *resources[at : at + CHUNK]) for at in range(0, len(resources), CHUNK))


def unload(edges: list[Edge], pool: ThreadPoolExecutor) -> None:
    def clean(edge: Edge) -> None:
        keys, revision = list(edge.put), now()
        for at in range(0, len(keys), CHUNK):
            items = [absent(kind, id, revision) for kind, id in keys[at : at + CHUNK]]
            edge.agent.call("apply", operation="bench", items=items)
        edge.put.clear()

    list(pool.map(clean, edges))


def change(number: int) -> list[dict[str, Any]]:
    """One route led to another site (of the same web host, so that it must go on answering)."""
    return [present("route", name_of(number % 10), {"site": FIRST_SITE + number % SITES})]


def rival(host: str, routes: int, changes: int) -> dict[str, Any]:
    """nginx with a map on the same host; see the script beside this file."""
    script = Path(__file__).with_name("rival_nginx_map.py").read_text()
    return json.loads(on_host(host, "python3", "-", str(routes), str(changes), input=script))  # type: ignore[no-any-return]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--routes", type=int, default=100_000)
    parser.add_argument("--changes", type=int, default=1000)
    options = parser.parse_args()
    edges = [Edge(name, address, Agent(name)) for name, address in lab_hosts("edge")]
    web = lab_hosts("web")[0][0]
    with ThreadPoolExecutor(len(edges)) as pool:
        try:
            loading = load_routes(edges, pool, web, options.routes)
            print(f"{options.routes} routes loaded on {len(edges)} edges in {loading:.1f} s")
            quiet = [on_all(edges, pool, *change(number)) for number in range(200)]
            with Load([edge.address for edge in edges], options.routes) as load:
                busy = [on_all(edges, pool, *change(number)) for number in range(options.changes)]
            failed = sum(count for status, count in load.got.items() if status != 200)
            sizes = edges[0].agent.call("edge.stats")["info"]
        finally:
            unload(edges, pool)
            for edge in edges:
                edge.agent.close()
    other = rival(edges[0].name, options.routes, 10)
    one, theirs = summary(quiet), summary(other.pop("changes_s"))
    entry = record(
        "routes",
        numbers={
            "routes": options.routes,
            "edges": len(edges),
            "load_all_s": round(loading, 2),
            "one_change_on_all_edges_s": one,
            "changes_under_load": options.changes,
            "one_change_under_load_s": summary(busy),
            "requests_during_changes": sum(load.got.values()),
            "failed_requests": failed,
            "request_under_load_s": summary(load.slow),
            "haproxy": sizes,
        },
        rivals={"nginx map + reload, one host": {"one_change_s": theirs, **other}},
        ratios={"one_change": theirs["median"] / one["median"]},
        notes="Ours: both edges confirmed, files synced to disk, running process read back. "
        "Theirs: file written, nginx -s reload, until the new line answers; no test of the configuration, no fsync.",
    )
    print(json.dumps(entry, indent=1))
    if failed:
        raise SystemExit(f"{failed} requests failed: {dict(load.got)}")


if __name__ == "__main__":
    main()
