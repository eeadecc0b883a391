"""Shield: from the click to the first limited request on both edges; and what neighbours of a flooded site notice.

    .venv/bin/python -m tests.bench.bench_shield [--clicks 10] [--seconds 8] [--connections 64]

The flood is wrk's, against the shielded site through both edges, bounded in time and connections. A neighbour is asked
one request after the other meanwhile, without the flood, with it and no shield, and with it and the level limit.
"""

import argparse
import subprocess
import threading
import time

import requests

from tests.bench import results
from tests.hosting.live import LiveSite
from tests.panel import Panel

#: Requests of one visitor in ten seconds while it is limited.
ALLOWED = 5


def click(site: LiveSite) -> tuple[float, float]:
    """Seconds from the click until the last of the edges has limited somebody; and until the 202."""
    limited: dict[str, float] = {}
    stop = threading.Event()

    def ask(edge: str) -> None:
        session = requests.Session()
        while not stop.is_set() and edge not in limited:
            if session.get(f"http://{edge}/", headers={"Host": site.name}, timeout=15).status_code == 429:
                limited[edge] = time.perf_counter()
            time.sleep(0.01)

    threads = [threading.Thread(target=ask, args=(edge,)) for edge in site.panel.edges]
    for thread in threads:
        thread.start()
    time.sleep(1)
    begin = time.perf_counter()
    answer = site.api.post(f"{site.path}shield/", {"level": "limit", "requests": ALLOWED})
    accepted = time.perf_counter() - begin
    for thread in threads:
        thread.join(30)
    stop.set()
    site.api.wait(answer)
    site.do("shield", {"level": "off"})
    return max(limited.values()) - begin, accepted


def neighbour(site: LiveSite, seconds: float) -> list[float]:
    """How long each request of a well-behaved visitor takes, in seconds."""
    session, times, end = requests.Session(), [], time.perf_counter() + seconds
    number = 0
    while time.perf_counter() < end:
        edge = site.panel.edges[number % len(site.panel.edges)]
        number += 1
        begin = time.perf_counter()
        assert session.get(f"http://{edge}/", headers={"Host": site.name}, timeout=30).status_code == 200
        times.append(time.perf_counter() - begin)
        time.sleep(0.02)
    return times


def flooded(victim: LiveSite, other: LiveSite, seconds: int, connections: int) -> list[float]:
    """The neighbour's times while the victim is flooded through both edges."""
    floods = [
        subprocess.Popen(
            ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-H", f"Host: {victim.name}", f"http://{edge}/"],
            stdout=subprocess.DEVNULL,
        )
        for edge in victim.panel.edges
    ]
    try:
        time.sleep(1)
        return neighbour(other, seconds - 2)
    finally:
        for flood in floods:
            flood.wait(seconds + 20)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clicks", type=int, default=10)
    parser.add_argument("--seconds", type=int, default=8)
    parser.add_argument("--connections", type=int, default=64)
    options = parser.parse_args()
    panel = Panel.running()
    panel.make_room()
    victim, other = LiveSite.create(panel, kind="wordpress"), LiveSite.create(panel)
    try:
        clicks = [click(victim) for _ in range(options.clicks)]
        quiet = neighbour(other, options.seconds - 2)
        bare = flooded(victim, other, options.seconds, options.connections)
        victim.do("shield", {"level": "limit", "requests": ALLOWED})
        shielded = flooded(victim, other, options.seconds, options.connections)
        victim.do("shield", {"level": "off"})
    finally:
        for site in (victim, other):
            site.delete()
    before, during = results.summary(quiet), results.summary(shielded)
    print(
        results.record(
            "shield",
            numbers={
                "click_to_limited_on_all_edges_s": results.summary([limited for limited, _accepted in clicks]),
                "click_to_202_s": results.summary([accepted for _limited, accepted in clicks]),
                "neighbour_without_flood_s": before,
                "neighbour_under_flood_of_shielded_s": during,
                "flood_connections_an_edge": options.connections,
            },
            rivals={"the same flood without a shield": {"neighbour_s": results.summary(bare)}},
            ratios={"p95_flood_to_none": during["p95"] / before["p95"]},
            notes="The victim is a WordPress, its neighbour a page of PHP. wrk, the neighbour, the edges, the web "
            "hosts and the panel share one machine's processors",
        )
    )


if __name__ == "__main__":
    main()
