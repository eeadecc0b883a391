"""A full resync of a web host with 50, 400 and 500 sites: when nothing is amiss, and after all of it was wiped.

450 of PHP fill a host with 24 GB of memory, by the panel's own count of what sites are expected to need; so those
beyond 400 are static.

    make bench ARGS=resync          (or .venv/bin/python -m tests.bench.bench_resync [--counts 50 400 500])

Both as staff ask for it, by REST, until the operation has ended; after the wipe also until every site shows its own
page through every edge. The ratio is the time a site takes among few against that among many: 1 is linear.
"""

import argparse
import json
import time
from typing import Any

from tests.bench.bench_recover import HOST, PATIENCE, make_sites, remove_sites, steps_of, watch
from tests.bench.results import record
from tests.panel import Panel, on_host

#: So many sites have PHP.
PHP = 400
#: Everything that the agent wrote for sites, and its memory of it.
WIPE = "rm -rf /etc/nginx/controlpanel/sites /etc/php/sites /var/lib/controlpanel/state.db*"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--counts", type=int, nargs="+", default=[50, 400, 500])
    options = parser.parse_args()
    panel = Panel.running()
    panel.make_room()
    api = panel.api()
    room = {"max_sites": max(options.counts) + 100}
    api.patch(f"orders/{panel.member.first_order()}/", room, expect=200)
    hosts = {host["name"]: host for host in api.get("hosts/", page_size=100)["results"]}
    sites: list[dict[str, Any]] = []
    numbers: dict[str, Any] = {}
    try:
        for count in sorted(options.counts):
            for kind, most in (("php", min(count, PHP)), ("static", count)):
                if most > len(sites):
                    sites += make_sites(panel, api, hosts, most - len(sites), kind)
            numbers[f"sites_{count}"] = measure(panel, hosts[HOST]["id"], [site["domains"][0] for site in sites])
            print(json.dumps(numbers[f"sites_{count}"]), flush=True)
    finally:
        remove_sites(api, sites)
    few, many = min(options.counts), max(options.counts)
    record(
        "resync",
        numbers=numbers,
        ratios={
            f"{what}, a site among {few} against among {many}": (numbers[f"sites_{few}"][what] / few)
            / (numbers[f"sites_{many}"][what] / many)
            for what in ("in_step_s", "wiped_s")
        },
        notes="PHP sites (static ones beyond 400) and a WordPress in each part, on one web host of the lab; the hosts "
        "share the machine with the panel.",
    )


def measure(panel: Panel, host: int, names: list[str]) -> dict[str, Any]:
    """Seconds of one resync of the host as it is, and of one after it was wiped."""
    api = panel.api()

    def resync() -> dict[str, Any]:
        return api.wait(api.post(f"hosts/{host}/resync/"), seconds=PATIENCE)

    begun = time.perf_counter()
    resync()
    in_step = time.perf_counter() - begun
    on_host(HOST, "sh", "-c", WIPE)
    begun = time.perf_counter()
    operation = resync()
    wiped = time.perf_counter() - begun
    served = max(watch(panel, names, begun).values())
    return {
        "in_step_s": round(in_step, 2),
        "wiped_s": round(wiped, 2),
        "wiped_until_served_s": round(served, 2),
        "steps_s": steps_of(operation),
    }


if __name__ == "__main__":
    main()
