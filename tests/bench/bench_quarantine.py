"""From the click to the last answer of a compromised site at the edges, and to its last packet out of its host."""

import json
import threading
import time

import requests

from tests.bench import results
from tests.hosting.live import PAGES, LiveSite
from tests.panel import Panel, on_host

TRIES = 8
TABLE = "quarantine_bench"


class Traffic:
    """What the site still answers, and what it still sends, with the time of the last of each."""

    def __init__(self, panel: Panel, site: LiveSite) -> None:
        self.panel, self.site, self.host, self.home = panel, site, site.host, panel.edges[0]
        self.answered = self.sent = 0.0
        self.stop = threading.Event()
        on_host(
            self.host,
            "nft",
            "-f",
            "-",
            input=f"table inet {TABLE} {{ chain out {{ type filter hook output priority 100; policy accept;\n"
            f"ip daddr {self.home} udp dport 9 counter\n}}\n}}\n",
        )

    def packets(self) -> int:
        listing = json.loads(on_host(self.host, "nft", "-j", "list", "table", "inet", TABLE))["nftables"]
        rule = next(part["rule"] for part in listing if "rule" in part)
        return int(next(part["counter"]["packets"] for part in rule["expr"] if "counter" in part))

    def visit(self, edge: str) -> None:
        with requests.Session() as session:
            while not self.stop.is_set():
                begun = time.perf_counter()
                answer = session.get(f"http://{edge}/", headers={"Host": self.site.name}, timeout=15)
                if answer.status_code == 200:
                    self.answered = max(self.answered, begun)
                time.sleep(0.005)

    def count(self) -> None:
        known = self.packets()
        while not self.stop.is_set():
            now = self.packets()
            if now != known:
                known, self.sent = now, time.perf_counter()


def one(panel: Panel) -> tuple[float, float]:
    """Seconds from the click to the last request that was answered, and to the last packet seen."""
    site, staff = LiveSite.create(panel), panel.api()
    site.put("web/owned.php", (PAGES / "owned.php").read_text())
    assert site.shows("owned", f"/owned.php?home={panel.edges[0]}")
    traffic = Traffic(panel, site)
    threads = [threading.Thread(target=traffic.visit, args=[edge]) for edge in panel.edges]
    threads.append(threading.Thread(target=traffic.count))
    for thread in threads:
        thread.start()
    time.sleep(1)
    click = time.perf_counter()
    answer = staff.post(f"{site.path}isolate/", {"reason": "A benchmark."})
    staff.wait(answer, seconds=120)
    time.sleep(1)
    traffic.stop.set()
    for thread in threads:
        thread.join()
    on_host(traffic.host, "nft", "delete", "table", "inet", TABLE)
    staff.wait(staff.post(f"{site.path}release/"), seconds=120)
    site.delete()
    return max(traffic.answered - click, 0.0), max(traffic.sent - click, 0.0)


def main() -> None:
    panel = Panel.running()
    panel.make_room()
    times = [one(panel) for _try in range(TRIES)]
    requests_end, packets_end = ([pair[index] for pair in times] for index in (0, 1))
    results.record(
        "quarantine",
        numbers={
            "click_to_last_request_s": results.summary(requests_end),
            "click_to_last_packet_s": results.summary(packets_end),
        },
        notes="a PHP site under visits through both edges, with a process that sends a packet every 50 ms; the aim is "
        "2 s. The packet counter is read by `lab exec`, which takes about a tenth of a second",
    )


if __name__ == "__main__":
    main()
