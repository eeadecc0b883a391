"""The same vhost and first page pushed to three web hosts, for 1, 20 and 50 sites: our agent against ansible-playbook.

Both start from a running control process (the panel's channels are open; ansible has its persistent ssh connections
after its own warm-up play), and both end when nginx has started workers with the new sites. The rival runs with
pipelining, forks enough for all hosts, and no fact gathering.
"""

import argparse
import json
import os
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "controlpanel.settings")
django.setup()

from controlpanel.agent.web import nginx, pages  # noqa: E402
from controlpanel.fleet import channel  # noqa: E402
from controlpanel.fleet.actions import raise_for_items  # noqa: E402
from controlpanel.fleet.choices import Role  # noqa: E402
from controlpanel.fleet.models import Host  # noqa: E402
from tests.bench.results import record, summary  # noqa: E402
from tests.bench.rival_ansible import Ansible  # noqa: E402
from tests.panel import on_host  # noqa: E402

HERE = Path(__file__).parent / "push"
#: Numbers that no site of the panel has.
FIRST = 900_000_000
HOSTS = 3
UID = 1_900_000_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--counts", type=int, nargs="+", default=[1, 20, 50])
    parser.add_argument("--ours", type=int, default=5, help="runs of ours, of which the median counts")
    parser.add_argument("--theirs", type=int, default=1, help="runs of ansible: a run takes minutes")
    options = parser.parse_args()
    hosts = list(Host.objects.filter(roles__contains=[Role.WEB.value]).order_by("name")[:HOSTS])
    numbers: dict[str, Any] = {"hosts": len(hosts)}
    rivals: dict[str, Any] = {}
    ratios: dict[str, float] = {}
    with ThreadPoolExecutor(len(hosts)) as pool:
        for host in hosts:
            channel.call(host, "ping").result(60)  # opens the channels
        for count in options.counts:
            ours, settled, theirs = [], [], []
            for run in range(options.ours):
                batch = sites(count, run)
                with prepared(hosts, batch, pool):
                    begin = time.perf_counter()
                    push_ours(hosts, batch)
                    ours.append(time.perf_counter() - begin)
                    settle(hosts)
                    settled.append(time.perf_counter() - begin)
                    check(hosts, batch)
            for run in range(options.theirs):
                batch = sites(count, 1000 + run)
                with prepared(hosts, batch, pool), Ansible({"web": hosts}, {"sites": batch}) as ansible:
                    begin = time.perf_counter()
                    ansible.play(HERE / "playbook.yml")
                    theirs.append(time.perf_counter() - begin)
                    settle(hosts)
                    check(hosts, batch)
            numbers[f"{count}_sites_s"], rivals[f"{count}_sites_s"] = summary(ours), summary(theirs)
            numbers[f"{count}_sites_settled_s"] = summary(settled)
            ratios[f"{count}_sites"] = summary(theirs)["median"] / summary(ours)["median"]
            print(f"{count} sites: ours {ours}, ansible {theirs}", flush=True)
    channel.close_all()
    notes = (
        'Both end when new workers have the new configuration; "settled" is when the old ones have stopped answering, '
        "which the rival does not wait for either. Ours does more: six directories a site, files synced to disk, "
        "revisions and a journal line a site."
    )
    entry = record("push_vs_ansible", numbers=numbers, rivals={"ansible-playbook": rivals}, ratios=ratios, notes=notes)
    print(json.dumps(entry, indent=1))


def sites(count: int, run: int) -> list[dict[str, Any]]:
    """Sites that were never there before: number, user, names, page and vhost."""
    found = []
    for number in range(FIRST + run * 1000, FIRST + run * 1000 + count):
        name = f"s{number}.bench.test"
        vhost = nginx.site_config(str(number), {"kind": "static", "domains": [name], "enabled": True})
        page = pages.first_page(name, "static")[1]
        found.append({"id": number, "uid": UID, "name": name, "vhost": vhost, "page": page})
    return found


def push_ours(hosts: Sequence[Host], batch: Sequence[dict[str, Any]]) -> None:
    """One call a host, all hosts at once."""
    futures = [channel.call(host, "apply", {"operation": "bench", "items": resources(batch)}) for host in hosts]
    for host, future in zip(hosts, futures, strict=True):
        raise_for_items(future.result(300), host.name)


def settle(hosts: Sequence[Host]) -> None:
    """Until nginx's old workers, which it lets go on for 0.1 s after a reload, take no connections any more."""
    for future in [channel.call(host, "web.settle") for host in hosts]:
        future.result(60)


def resources(batch: Sequence[dict[str, Any]], present: bool = True) -> list[dict[str, Any]]:
    revision = time.time_ns()
    return [
        {
            "kind": "site",
            "id": str(site["id"]),
            "revision": revision,
            "state": "present" if present else "absent",
            "spec": {
                "kind": "static",
                "domains": [site["name"]],
                "uid": site["uid"],
                "gid": site["uid"],
                "enabled": True,
                "php_workers": 1,
            },
        }
        for site in batch
    ]


def check(hosts: Sequence[Host], batch: Sequence[dict[str, Any]]) -> None:
    """Every site shows its own page on every host."""
    for host in hosts:
        for site in (batch[0], batch[-1]):
            page = on_host(host.name, "curl", "-s", "-H", f"Host: {site['name']}", "http://127.0.0.1/")
            if site["name"] not in page:
                raise SystemExit(f"{site['name']} is not served by {host}: {page[:200]}")


@contextmanager
def prepared(hosts: Sequence[Host], batch: Sequence[dict[str, Any]], pool: ThreadPoolExecutor) -> Iterator[None]:
    """A small file system mounted for each site (volumes are not measured here); everything gone afterwards."""
    numbers = " ".join(str(site["id"]) for site in batch)
    mount = (
        f"for n in {numbers}; do mkdir -p /srv/sites/$n /var/log/sites/$n; "
        "mount -t tmpfs -o size=1m tmpfs /srv/sites/$n; done"
    )
    clean = (
        f"for n in {numbers}; do rm -f /etc/nginx/controlpanel/sites/$n.conf; umount /srv/sites/$n; "
        "rmdir /srv/sites/$n; rm -rf /var/log/sites/$n; done; nginx -s reload"
    )
    list(pool.map(lambda host: on_host(host.name, "sh", "-c", mount), hosts))
    try:
        yield
    finally:
        absent = {"operation": "bench", "items": resources(batch, present=False)}
        for future in [channel.call(host, "apply", absent) for host in hosts]:
            future.result(300)
        list(pool.map(lambda host: on_host(host.name, "sh", "-c", clean, check=False), hosts))


if __name__ == "__main__":
    main()
