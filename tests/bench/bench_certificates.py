"""10,000 certificates on an edge: loading, memory, one renewed; and a renewal run over 1,000 at the lab's authority.

    .venv/bin/python -m tests.bench.bench_certificates [--certificates 10000] [--renewals 1000]

It needs the running panel (its worker renews) and its lab. The rivals of the first part run in the same run on the same
host with the same files: nginx with a server a name and its reload, and a reload of HAProxy.
"""

import argparse
import json
import os
import time
from pathlib import Path
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "controlpanel.settings")
django.setup()

from django.conf import settings  # noqa: E402
from django.db import transaction  # noqa: E402
from django.utils import timezone  # noqa: E402

from controlpanel.operations import services as operations  # noqa: E402
from controlpanel.operations.models import Operation, Step  # noqa: E402
from routing import issuing, selectors, services  # noqa: E402
from routing.models import Backend, Certificate, Route  # noqa: E402
from tests.panel import on_host  # noqa: E402
from tests.routing.certifier import Certifier  # noqa: E402
from tests.routing.edges import Agent, Edge, absent, lab_hosts, now  # noqa: E402

from .results import record, summary  # noqa: E402

FIRST = 920_000_000_000
CHUNK = 500
FOLDER = "/etc/haproxy/controlpanel/certificates"
#: Proportional memory of all processes of HAProxy, MB.
_MEMORY = (
    "import glob\ntotal = 0\nfor p in glob.glob('/proc/[0-9]*'):\n try:\n"
    "  if open(p + '/comm').read().strip() == 'haproxy':\n"
    "   total += sum(int(l.split()[1]) for l in open(p + '/smaps_rollup') if l.startswith('Pss:'))\n"
    " except OSError: pass\nprint(total / 1024)"
)

#: Returns when the new worker serves.
_RELOAD = (
    "import socket\ns = socket.socket(socket.AF_UNIX)\ns.connect('/run/haproxy-master.sock')\ns.sendall(b'reload\\n')\n"
    "s.shutdown(socket.SHUT_WR)\nwhile s.recv(65536): pass\n"
)


def on_an_edge(count: int) -> "tuple[dict[str, Any], dict[str, Any], dict[str, float]]":
    """Our numbers, the rivals', and the ratios."""
    name, address = lab_hosts("edge")[0]
    edge = Edge(name, address, Agent(name))
    certifier = Certifier()

    def resource(number: int) -> dict[str, Any]:
        return certifier.certificate(FIRST + number, f"c{number}.routing-bench.example")

    resources = [resource(number) for number in range(count)]
    try:
        before = float(on_host(name, "python3", "-c", _MEMORY))
        start = time.perf_counter()
        for at in range(0, count, CHUNK):
            edge.apply(*resources[at : at + CHUNK])
        loading = time.perf_counter() - start
        loaded = float(on_host(name, "python3", "-c", _MEMORY))
        renewed = []
        for number in range(20):
            fresh = resource(number)
            start = time.perf_counter()
            edge.apply(fresh)
            renewed.append(time.perf_counter() - start)
        fifty = [resource(number) for number in range(50)]
        start = time.perf_counter()
        edge.apply(*fifty)
        batch = time.perf_counter() - start
        script = Path(__file__).with_name("rival_nginx_certificates.py").read_text()
        files = [f"{FOLDER}/route-{FIRST + number}.pem" for number in range(3)]
        nginx = json.loads(on_host(name, "python3", "-", FOLDER, files[0], ",".join(files[1:]), "3", input=script))
        start = time.perf_counter()
        on_host(name, "python3", "-c", _RELOAD)
        reload = time.perf_counter() - start
    finally:
        revision = now()
        keys = list(edge.put)
        for at in range(0, len(keys), CHUNK):
            items = [absent(kind, id, revision) for kind, id in keys[at : at + CHUNK]]
            edge.agent.call("apply", operation="bench", items=items)
        edge.agent.close()
    one, theirs = summary(renewed), summary(nginx.pop("changes_s"))
    ours = {
        "certificates": count,
        "load_all_s": round(loading, 2),
        "memory_mb": round(loaded - before, 1),
        "memory_kb_each": round(1024 * (loaded - before) / count, 1),
        "one_renewed_s": one,
        "fifty_renewed_s": round(batch, 3),
    }
    rivals = {
        "nginx, a server a name, reload": {"one_renewed_s": theirs, **nginx},
        "HAProxy, reload": {"one_renewed_s": round(reload, 2)},
    }
    ratios = {
        "one renewed, nginx": theirs["median"] / one["median"],
        "one renewed, HAProxy's reload": reload / one["median"],
        "memory, nginx": nginx["memory_mb"] / max(1.0, loaded - before),
    }
    return ours, rivals, ratios


def renewals(count: int) -> dict[str, Any]:
    """A run over so many names of one made-up site, by the panel's worker; what the authority was asked."""
    site = FIRST
    names = [f"r{number:04d}-{now()}.test" for number in range(count)]
    directory, settings.ACME_DIRECTORY = settings.ACME_DIRECTORY, ""  # the first ones are signed here
    services.set_backend(site, selectors.web_hosts()[0])
    services.set_routes(site, names[0], names)
    settings.ACME_DIRECTORY = directory
    mine = Certificate.objects.filter(route__backend__site_id=site)
    mine.update(source="acme", retry_at=timezone.now(), state="issued")
    since = timezone.now()
    before = set(mine.values_list("pk", "revision"))
    try:
        start = time.perf_counter()
        while mine.filter(retry_at__lte=timezone.now()).exists():
            if not issuing.renew_due():
                time.sleep(0.1)
        while mine.filter(retry_at=None).exists():
            time.sleep(0.1)
        took = time.perf_counter() - start
        renewed = len(set(mine.filter(state="issued").values_list("pk", "revision")) - before)
        runs = Operation.objects.filter(kind="routing.issue_certificates", created__gte=since)
        steps = Step.objects.filter(operation__in=runs, answer__has_key="requests")
        requests = sum(step.answer["requests"] for step in steps)
        each = [(run.finished - run.created).total_seconds() for run in runs if run.finished]
    finally:
        services.remove(site)
        mine.update(state="revoked", retry_at=None)  # the lab's authority forgets them anyway
        with transaction.atomic():
            operation = operations.start("routing.unpublish", {"site": site}, scopes=[])
        while Operation.objects.filter(pk=operation.pk, finished=None).exists():
            time.sleep(0.1)
        Route.objects.filter(backend__site_id=site).delete()
        Backend.objects.filter(site_id=site).delete()
    return {
        "names": count,
        "renewed": renewed,
        "failed": count - renewed,
        "all_s": round(took, 1),
        "one_batch_of_50_s": summary(each),
        "requests_to_authority": requests,
        "requests_each": round(requests / count, 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--certificates", type=int, default=10_000)
    parser.add_argument("--renewals", type=int, default=1000)
    options = parser.parse_args()
    if options.certificates:
        ours, rivals, ratios = on_an_edge(options.certificates)
        entry = record("certificates on an edge", numbers=ours, rivals=rivals, ratios=ratios,
                       notes="Ours: files synced to disk, running process read back, agent's round trip. nginx: file "
                       "copied, nginx -s reload, until the new certificate is offered.")  # fmt: skip
        print(json.dumps(entry, indent=1))
    if options.renewals:
        entry = record("certificate renewals", numbers=renewals(options.renewals),
                       notes="By the panel's worker, batches of 50, four at a time, DNS asked for every name, both "
                       "edges confirmed, against pebble on the same machine.")  # fmt: skip
        print(json.dumps(entry, indent=1))


if __name__ == "__main__":
    main()
