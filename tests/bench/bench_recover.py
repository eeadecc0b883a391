"""A dead host: from the word to the last of its sites serving through every edge, for 10, 50 and 200 sites.

web1 loses its power with that many sites on it. "Serving" is what a visitor gets: the site's own page with status 200,
through each edge. The word is the REST call; the power is off before it. Then the host is readmitted. One of the sites
is a WordPress. The rival (rival_recovery.py) is ansible-playbook, for as many sites, in the same run.
"""

import argparse
import contextlib
import http.client
import json
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

from tests.bench import rival_recovery
from tests.bench.results import record
from tests.panel import Api, Panel, fresh_name, lab, wait_until

HOST = "web1"
PATIENCE = 300.0
#: Creations under way at a time.
TOGETHER = 8
#: Who look through each edge: one alone would wait for each site's first PHP process in turn.
VISITORS = 6
#: Seconds between their looks: what they ask for costs the machine that is measured, too.
PAUSE = 0.2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--counts", type=int, nargs="+", default=[10, 50, 200])
    parser.add_argument("--kind", default="php")
    parser.add_argument("--rival", type=int, nargs="*", default=[10, 50], help="for which of the counts")
    parser.add_argument("--keep", action="store_true", help="record nothing")
    options = parser.parse_args()
    panel = Panel.running()
    panel.make_room()
    numbers: dict[str, Any] = {}
    theirs: dict[str, float] = {}
    for count in options.counts:
        key = f"sites_{count}"
        numbers[key] = measure(panel, count, options.kind)
        print(json.dumps(numbers[key]), flush=True)
        if count in options.rival:
            theirs[key] = round(rival_recovery.measure(count, lambda names, begun: watch(panel, names, begun)), 2)
            print(f"ansible: {theirs[key]} s", flush=True)
    if options.keep:
        return
    record(
        "recover",
        numbers=numbers,
        rivals={"ansible-playbook": {f"{key}_last_s": seconds for key, seconds in theirs.items()}} if theirs else None,
        ratios={key: seconds / numbers[key]["last_s"] for key, seconds in theirs.items()} or None,
        notes=f"kind {options.kind}, one a WordPress; power off, then the word by REST. The rival's sites are static, "
        "and it neither looks whether the fence holds nor at what it has done.",
    )


def measure(panel: Panel, count: int, kind: str) -> dict[str, Any]:
    """Numbers of one dead host with that many sites."""
    api = panel.api()
    hosts = {host["name"]: host for host in api.get("hosts/", page_size=100)["results"]}
    sites = make_sites(panel, api, hosts, count, kind)
    names = [site["domains"][0] for site in sites]
    try:
        wait_until(lambda: quiet(api), PATIENCE, every=1, what="certificates have come")
        lab("power-off", HOST)
        begun = time.perf_counter()
        answer = api.post(f"hosts/{hosts[HOST]['id']}/recover/", {"force": True})
        accepted = time.perf_counter() - begun
        served = watch(panel, names, begun)
        operation = api.wait(answer, seconds=PATIENCE)
        ended = time.perf_counter() - begun
    finally:
        back = come_back(api, hosts[HOST]["id"])
        remove_sites(api, sites)
    return {
        "accepted_s": round(accepted, 2),
        "first_s": round(min(served.values()), 2),
        "last_s": round(max(served.values()), 2),
        "ended_s": round(ended, 2),
        "steps_s": steps_of(operation),
        "back_s": round(back, 1),
    }


def make_sites(panel: Panel, api: Api, hosts: dict[str, Any], count: int, kind: str) -> list[dict[str, Any]]:
    """That many new sites, all on HOST: the others take nothing meanwhile."""
    others = [host["id"] for name, host in hosts.items() if "web" in host["roles"] and name != HOST]
    order = panel.member.first_order()
    for pk in others:
        api.post(f"hosts/{pk}/drain/", expect=200)
    try:

        def make(number: int) -> dict[str, Any]:
            name = fresh_name("dead")
            data = {"order": order, "kind": kind if number else "wordpress", "domains": [name]}
            answer = api.post("sites/", {**data, "php_workers": 1} if data["kind"] == "php" else data)
            api.wait(answer, seconds=PATIENCE)
            return {"id": answer["site"]["id"], "domains": [name]}

        with ThreadPoolExecutor(TOGETHER) as pool:
            return list(pool.map(make, range(count)))
    finally:
        for pk in others:
            api.post(f"hosts/{pk}/undrain/", expect=200)


def remove_sites(api: Api, sites: Sequence[dict[str, Any]]) -> None:
    """All of them, several at a time."""
    with ThreadPoolExecutor(TOGETHER) as pool:
        list(pool.map(lambda site: api.wait(api.delete(f"sites/{site['id']}/"), seconds=PATIENCE), sites))


def quiet(api: Api) -> bool:
    """Whether nothing is under way."""
    return not any(api.get("operations/", state=state)["count"] for state in ("queued", "running"))


def watch(panel: Panel, names: Sequence[str], begun: float) -> dict[str, float]:
    """Seconds until each name shows its own page through every edge."""
    served: dict[str, float] = {}
    lock = threading.Lock()

    def through(edge: str, mine: Sequence[str]) -> None:
        left = list(mine)
        connection = http.client.HTTPConnection(edge, 80, timeout=10)
        while left and time.perf_counter() - begun < PATIENCE:
            if fetches(connection, left[0]):
                with lock:
                    served[left[0]] = max(served.get(left[0], 0.0), time.perf_counter() - begun)
                left.pop(0)
            else:  # look at another next, and do not load the machine that is measured
                left.append(left.pop(0))
                time.sleep(PAUSE)
        if left:
            raise SystemExit(f"not served through {edge}: {left[:5]} …")

    watchers = [
        threading.Thread(target=through, args=(edge, names[start::VISITORS]))
        for edge in panel.edges
        for start in range(min(VISITORS, len(names)))
    ]
    for watcher in watchers:
        watcher.start()
    for watcher in watchers:
        watcher.join()
    return served


def fetches(connection: http.client.HTTPConnection, name: str) -> bool:
    """Whether the edge answers with the site's own page."""
    try:
        connection.request("GET", "/", headers={"Host": name})
        response = connection.getresponse()
        body = response.read()
        return response.status == 200 and name.encode() in body
    except (OSError, http.client.HTTPException):
        connection.close()
        return False


def steps_of(operation: dict[str, Any]) -> dict[str, float]:
    """Seconds of each step, the longest of those with one title."""
    found: dict[str, float] = {}
    for step in operation["steps"]:
        if step["started"] and step["finished"]:
            took = datetime.fromisoformat(step["finished"]) - datetime.fromisoformat(step["started"])
            title = f"{step['title']}"
            found[title] = max(found.get(title, 0.0), round(took.total_seconds(), 2))
    return found


def come_back(api: Api, pk: int) -> float:
    """Power on, and readmitted; how long that took in seconds."""
    begun = time.perf_counter()
    with contextlib.suppress(Exception):
        lab("power-on", HOST)
    wait_until(lambda: api.get(f"hosts/{pk}/")["reachable"], 90, every=0.5)

    def readmitted() -> bool:
        answer = api.request("POST", f"hosts/{pk}/readmit/")
        if answer.status_code != 202:
            return api.get(f"hosts/{pk}/")["state"] == "active"
        operation = wait_until(
            lambda: (op := api.operation(answer.json()))["state"] in ("succeeded", "failed") and op, 120, every=0.5
        )
        return bool(operation["state"] == "succeeded")

    wait_until(readmitted, 180, every=2)
    return time.perf_counter() - begun


if __name__ == "__main__":
    main()
