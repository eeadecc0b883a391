"""The rival of bench_recover.py: a playbook of ansible brings as many sites up on the other web hosts of the same lab.

Its sites are made beforehand, behind the panel's back, and taken away again: directories of one file system, which no
host mounts. The time is from the start of the playbook until each shows its own page through every edge.
"""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "controlpanel.settings")
django.setup()

from controlpanel.agent.web import nginx, pages  # noqa: E402
from controlpanel.fleet.models import Host  # noqa: E402
from tests.bench.rival_ansible import Ansible  # noqa: E402
from tests.panel import on_host  # noqa: E402

PLAYBOOK = Path(__file__).parent / "recover" / "playbook.yml"
TARGETS = ("web2", "web3")
EDGES = ("edge1", "edge2")
#: Numbers that no site of the panel has.
FIRST = 901_000_000
#: An address of the lab's network that no host has is cut off, not a host that is needed later.
NOBODY = 250

_MAKE = """
import cephfs
fs = cephfs.LibCephFS(conffile="/etc/ceph/ceph.conf")
fs.mount(filesystem_name="web")
for number, page in {pages!r}.items():
    fs.mkdirs("/rival/%d/web" % number, 0o755)
    file = fs.open("/rival/%d/web/index.html" % number, "w", 0o644)
    fs.write(file, page.encode(), 0)
    fs.close(file)
fs.shutdown()
"""


def measure(count: int, watch: Callable[[Sequence[str], float], dict[str, float]]) -> float:
    """Seconds that it takes for that many sites. ``watch(names, begun)`` is the benchmark's own."""
    hosts = {host.name: host for host in Host.objects.all()}
    batch = sites(count)
    variables = {
        "sites": batch,
        "monitor": hosts["store1"].address,
        "dead": f"{hosts['store1'].address.rpartition('.')[0]}.{NOBODY}",
        "maps": [
            {"map": "backends", "rows": "\n".join(f"{site['id']} host-{site['target']}" for site in batch)},
            {"map": "hosts", "rows": "\n".join(f"{site['name']} {site['id']}" for site in batch)},
        ],
    }
    groups = {
        "storage": [hosts["store1"]],
        "targets": [hosts[name] for name in TARGETS],
        "edges": [hosts[name] for name in EDGES],
    }
    with prepared(batch, variables["dead"]), Ansible(groups, variables) as ansible:
        begun = time.perf_counter()
        ansible.play(PLAYBOOK)
        served = watch([site["name"] for site in batch], begun)
    return max(served.values())


def sites(count: int) -> list[dict[str, Any]]:
    """Half of them for each target."""
    found = []
    for number in range(FIRST, FIRST + count):
        name = f"s{number}.bench.test"
        vhost = nginx.site_config(str(number), {"kind": "static", "domains": [name], "enabled": True})
        found.append(
            {
                "id": number,
                "name": name,
                "volume": f"r{number}",
                "path": f"/rival/{number}",
                "target": TARGETS[number % len(TARGETS)],
                "vhost": vhost,
            }
        )
    return found


@contextmanager
def prepared(batch: Sequence[dict[str, Any]], dead: str) -> Iterator[None]:
    """The sites' files in the storage; everything gone afterwards."""
    texts = {site["id"]: pages.first_page(site["name"], "static")[1] for site in batch}
    on_host("store1", "python3", "-", input=_MAKE.format(pages=texts))
    try:
        yield
    finally:
        numbers = " ".join(str(site["id"]) for site in batch)
        clean = (
            f"for n in {numbers}; do rm -rf /etc/nginx/controlpanel/sites/$n.conf /var/log/sites/$n; done; "
            f"nginx -s reload; sleep 1; for n in {numbers}; do systemctl stop controlpanel-volume@r$n; "
            "rmdir /srv/sites/$n; rm -f /etc/controlpanel/volumes/r$n.*; done"
        )
        for target in TARGETS:
            on_host(target, "sh", "-c", clean, check=False)
        forget = f"ceph osd blocklist rm {dead}; for n in {numbers}; do ceph auth rm client.r$n; done"
        on_host("store1", "sh", "-c", forget, check=False)
        maps = "sed -i '/BEGIN ANSIBLE/,/END ANSIBLE/d' /etc/haproxy/controlpanel/maps/{hosts,backends}.map"
        for edge in EDGES:
            on_host(edge, "bash", "-c", f"{maps}; systemctl reload haproxy", check=False)
