"""Sites on the move under load: one site by itself, then many off one host.

    make bench ARGS=move          (or .venv/bin/python -m tests.bench.bench_move [--sites 50] [--moves 10])

wrk (Debian's package) asks both edges for the moving site all the time; the total is from the click until the operation
has ended, the hold from the first edge that holds visitors until the last that lets them go.
"""

import argparse
import json
import re
import shutil
import subprocess
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.hosting.live import LiveSite, in_panel
from tests.panel import Panel

from .results import record, summary

#: Turns of names a thread; what it got is printed at the end: answers that are not 200, and the longest (µs).
SCRIPT = """\
local names = {%s}
local n = 0
local bad = 0
request = function()
  n = n + 1
  return wrk.format("GET", "/", {["Host"] = names[n %% #names + 1]})
end
done = function(summary, latency)
  io.write(string.format("\\nRESULT %%d %%d %%d %%d\\n", summary.requests,
    summary.errors.status, summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout,
    latency.max))
end
"""
_RESULT = re.compile(r"RESULT (\d+) (\d+) (\d+) (\d+)")


@contextmanager
def load(panel: Panel, names: list[str], seconds: int, connections: int = 8) -> Iterator[Counter[str]]:
    """wrk through each edge while the block runs (it lasts ``seconds`` at least); then the counts are there."""
    counts: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "names.lua"
        script.write_text(SCRIPT % ", ".join(f'"{name}"' for name in names))
        command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "30s", "-s", str(script)]
        running = [
            subprocess.Popen([*command, f"http://{edge}/"], stdout=subprocess.PIPE, text=True) for edge in panel.edges
        ]
        time.sleep(1)
        yield counts
        for process in running:
            output = process.communicate(timeout=seconds + 60)[0]
            found = _RESULT.search(output)
            if found is None:
                raise SystemExit(f"wrk said:\n{output}")
            requests, status, socket, longest = (int(value) for value in found.groups())
            counts["requests"] += requests
            counts["failed"] += status + socket
            counts["longest_us"] = max(counts["longest_us"], longest)


def move(panel: Panel, site: LiveSite, target: str) -> dict[str, float]:
    """One move; seconds in all, and of the hold."""
    begun = time.perf_counter()
    answer = panel.api().post(f"sites/{site.id}/move/", {"host": target})
    operation = panel.api().wait(answer, seconds=120)
    return {"total": time.perf_counter() - begun, "hold": hold_of(operation)}


def hold_of(operation: dict[str, Any]) -> float:
    """From the first edge that was told to hold until the last that was told to go on."""
    steps = operation["steps"]
    stages: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for step in steps:
        stages[step["stage"]].append(step)
    begun = min(datetime.fromisoformat(step["started"]) for step in stages[2])
    done = max(datetime.fromisoformat(step["finished"]) for step in stages[7])
    return (done - begun).total_seconds()


def one_site(panel: Panel, count: int, kind: str) -> tuple[dict[str, Any], list[LiveSite]]:
    site = LiveSite.create(panel, kind=kind)
    hosts = sorted(name for name in panel.hosts if name.startswith("web"))
    samples = []
    with load(panel, [site.name], seconds=8 * count) as counts:
        for turn in range(count):
            samples.append(move(panel, site, [name for name in hosts if name != site.host][turn % (len(hosts) - 1)]))
    return {
        "total_s": summary([one["total"] for one in samples]),
        "hold_s": summary([one["hold"] for one in samples]),
        "requests": counts["requests"],
        "failed": counts["failed"],
        "longest_request_s": round(counts["longest_us"] / 1e6, 3),
    }, [site]


def off_a_host(panel: Panel, count: int) -> tuple[dict[str, Any], list[LiveSite]]:
    with ThreadPoolExecutor(4) as pool:
        kinds = ["wordpress", *(["php"] * (count - 1))]
        sites = list(pool.map(lambda kind: LiveSite.create(panel, kind=kind), kinds))
    host = Counter(site.host for site in sites).most_common(1)[0][0]
    for site in sites:
        if site.host != host:
            move(panel, site, host)
    ids = {one["name"]: one["id"] for one in panel.api().get("hosts/", page_size=100)["results"]}
    begun = time.perf_counter()
    plan = panel.api().post(f"hosts/{ids[host]}/evacuate/?preview=1", expect=200)["evacuation"]
    previewed = time.perf_counter() - begun
    try:
        with load(panel, [site.name for site in sites], seconds=30 + count) as counts:
            begun = time.perf_counter()
            answer = panel.api().post(f"hosts/{ids[host]}/evacuate/")
            panel.api().wait(answer, seconds=600)
            total = time.perf_counter() - begun
    finally:
        panel.api().post(f"hosts/{ids[host]}/undrain/", expect=200)
    return {
        "sites": plan["sites"],
        "batches": plan["batches"],
        "preview_s": round(previewed, 3),
        "total_s": round(total, 2),
        "requests": counts["requests"],
        "failed": counts["failed"],
        "longest_request_s": round(counts["longest_us"] / 1e6, 3),
    }, sites


#: Rows of many sites on one host, planned and thrown away again, in the panel's own Django.
_THOUSANDS = """
import json, time
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from controlpanel.fleet.models import Host
from controlpanel.operations.registry import plan_for
from hosting import evacuating
from hosting.models import HostingOrder, Site
from storage.models import Pool, Volume
with transaction.atomic():
    host = Host.objects.filter(roles__contains=['web']).first()
    Host.objects.filter(roles__contains=['web']).update(facts={'memory_mb': 10**6})
    order = HostingOrder.objects.first()
    pool = Pool.objects.first()
    volumes = Volume.objects.bulk_create(
        Volume(pool=pool, size_bytes=1, uid=10**6 + n, gid=33, state='attached') for n in range(%(count)d)
    )
    Site.objects.bulk_create(
        Site(order=order, kind='php', state='active', host=host, volume=volume, uid=volume.uid, placed=True)
        for volume in volumes
    )
    found = {}
    for what, work in (
        ('preview', lambda: evacuating.plan(host).as_json()),
        ('plan', lambda: plan_for('hosting.evacuate_host').stages({'host': host.name})),
    ):
        with CaptureQueriesContext(connection) as queries:
            begun = time.perf_counter()
            work()
            found[what + '_s'] = round(time.perf_counter() - begun, 3)
        found[what + '_queries'] = len(queries)
    transaction.set_rollback(True)
print(json.dumps(found))
"""


def thousands(count: int) -> dict[str, Any]:
    """Seconds and queries of the preview and of the plan of an evacuation."""
    return {"sites": count, **json.loads(in_panel(_THOUSANDS % {"count": count}))}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sites", type=int, default=50)
    parser.add_argument("--moves", type=int, default=10)
    options = parser.parse_args()
    if shutil.which("wrk") is None:
        subprocess.run(["apt-get", "install", "--yes", "--quiet=2", "wrk"], check=True)
    panel = Panel.running()
    panel.make_room()
    one, made = one_site(panel, options.moves, "php")
    blog, blogs = one_site(panel, options.moves, "wordpress")
    many, more = off_a_host(panel, options.sites)
    entry = record(
        "move",
        numbers={
            "one_site": one,
            "one_wordpress": blog,
            "off_one_host": many,
            "preview_of_thousands": thousands(4000),
        },
        notes="wrk with 8 connections through each of both edges, over the moving sites (one of those "
        "off one host is a WordPress). total: from the click until "
        "the operation has ended; hold: from the first edge told to hold visitors until the last told to let them go. "
        "The load and the whole data centre share the machine.",
    )
    print(json.dumps(entry, indent=1))
    for site in made + blogs + more:
        panel.api().delete(f"sites/{site.id}/")
    if one["failed"] or blog["failed"] or many["failed"]:
        raise SystemExit("requests failed")


if __name__ == "__main__":
    main()
