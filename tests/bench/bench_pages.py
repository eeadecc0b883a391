"""The most used pages of a cooperative of 40 sites and of one of 4,000: p95, queries, and the panel's memory.

    make bench ARGS=pages          (or .venv/bin/python -m tests.bench.bench_pages [--sites 40 4000])

Each size gets a database of its own beside the panel's, filled in bulk (``tests/budget/world.py``), and a web server of
its own, asked as a browser would: HTTP with a session's cookie. The pages are of a member with 20 sites, and of staff.
"""

import argparse
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import requests

from tests.bench.results import record, summary
from tests.panel import ROOT, descendants, on_host, pid_of

REQUESTS, WARM_UP = 60, 5
#: As the issue of scale asks for, at 4,000 sites; smaller ones have the same proportions.
MEMBERS, LOGINS, DATABASES, OPERATIONS, AUDIT = 0.25, 2.5, 0.75, 25, 250


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sites", type=int, nargs="+", default=[40, 4000])
    parser.add_argument("--build", type=int, help="fill the database that DATABASE_URL names; used by itself")
    options = parser.parse_args()
    if options.build:
        print(json.dumps(build(options.build)))
        return
    found = {sites: measure(sites) for sites in options.sites}
    small, large = found[min(found)], found[max(found)]
    entry = record(
        "pages",
        numbers={**{f"{sites}_sites": one for sites, one in found.items()}, "memory_mb": memory()},
        ratios={f"{page}, p95 {min(found)} to {max(found)} sites": took["p95"] / small["pages_s"][page]["p95"]
                for page, took in large["pages_s"].items()},
        notes=f"{REQUESTS} requests of each page, one after the other, over loopback; the database server is a host of "
        "the lab on the same machine. Ratios near 1 mean that a page does not get slower as the cooperative grows. "
        "memory_mb: proportional set size of the running panel's processes and of a web host's agent.",
    )  # fmt: skip
    print(json.dumps(entry, indent=1))
    for sites, one in found.items():
        slow = {page: took["p95"] for page, took in one["pages_s"].items() if took["p95"] > 0.1}
        print(f"{sites} sites: {slow or 'every page under 100 ms'}")


# --- one size --------------------------------------------------------------------------------------------------------


def measure(sites: int) -> dict[str, Any]:
    """Build the organization, serve it, and ask for its pages."""
    with _database(f"scale_{sites}") as url:
        environment = {**os.environ, "DATABASE_URL": url, "DATABASE_POOL": ""}
        _manage("migrate", "--no-input", "--verbosity=0", environment=environment)
        begun = time.perf_counter()
        built = json.loads(_module(f"--build={sites}", environment=environment))
        built["built_s"] = round(time.perf_counter() - begun, 1)
        with _served({**environment, "DATABASE_POOL": "1"}) as (address, process):
            pages = {
                name: summary(_ask(f"{address}{path}", built["cookies"][who]))
                for name, (who, path) in built.pop("pages").items()
            }
            built.pop("cookies")
            return {**built, "pages_s": pages, "web_server_mb": _pss(process.pid)}


def build(sites: int) -> dict[str, Any]:
    """Fill this process's database; how much there is, whom to be, and where to look."""
    import django

    django.setup()
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
    from django.contrib.sessions.backends.db import SessionStore
    from django.db import connection

    from controlpanel.operations.models import Operation
    from hosting.models import Database, Site
    from members.models import Login, Member
    from tests.budget.world import World

    world = World(
        sites=sites, mine=min(20, sites), members=int(sites * MEMBERS), logins=int(sites * LOGINS),
        databases=int(sites * DATABASES), operations=sites * OPERATIONS, audit=sites * AUDIT,
    ).build()  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")  # as autovacuum does within a minute

    def cookie(login: Login) -> str:
        session = SessionStore()
        session[SESSION_KEY], session[HASH_SESSION_KEY] = str(login.pk), login.get_session_auth_hash()
        session[BACKEND_SESSION_KEY] = "members.backends.DirectoryBackend"
        session.create()
        return str(session.session_key)

    site, database, operation, order = (world.of_model(m) for m in (Site, Database, Operation, type(world.order)))
    pages = {
        "orders": ("member", "/orders/"),
        "order": ("member", f"/orders/{order.pk}/"),
        "site": ("member", f"/sites/{site.pk}/"),
        "database": ("member", f"/databases/{database.pk}/"),
        "operations": ("member", "/operations/"),
        "operation": ("member", f"/operations/{operation.pk}/"),
        "history": ("member", "/history/"),
        "REST sites": ("member", "/api/v1/sites/"),
        "staff dashboard": ("staff", "/admin/"),
        "staff sites": ("staff", "/admin/hosting/site/"),
        "staff operations": ("staff", "/admin/operations/operation/"),
    }
    counts = {model._meta.model_name: model.objects.count() for model in (Member, Login, Site, Database, Operation)}
    return {"rows": counts, "cookies": {"member": cookie(world.login), "staff": cookie(world.staff)}, "pages": pages}


def _ask(url: str, cookie: str) -> list[float]:
    took = []
    with requests.Session() as browser:
        browser.cookies.set("sessionid", cookie)
        for number in range(WARM_UP + REQUESTS):
            begun = time.perf_counter()
            answer = browser.get(url, timeout=60, allow_redirects=False)
            if number >= WARM_UP:
                took.append(time.perf_counter() - begun)
            if answer.status_code != 200:
                raise SystemExit(f"{url}: {answer.status_code}")
    return took


# --- surroundings ----------------------------------------------------------------------------------------------------


@contextmanager
def _database(name: str) -> Iterator[str]:
    """The URL of an empty database beside the panel's; it is dropped afterwards."""
    _sql(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)', f'CREATE DATABASE "{name}"')
    try:
        yield urlunsplit(urlsplit(_panels_database())._replace(path=f"/{name}"))
    finally:
        _sql(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def _panels_database() -> str:
    if url := os.environ.get("DATABASE_URL"):
        return url
    text = (ROOT / "var" / os.environ.get("LAB_NAME", "lab") / "panel.env").read_text()
    return str(re.search(r"^DATABASE_URL=(.+)$", text, re.M)[1])  # type: ignore[index]


def _sql(*statements: str) -> None:
    import psycopg

    with psycopg.connect(_panels_database(), autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement)  # type: ignore[call-overload]


@contextmanager
def _served(environment: dict[str, str]) -> Iterator[tuple[str, "subprocess.Popen[bytes]"]]:
    """A web server of that environment's panel: its address, and its process."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "uvicorn", "controlpanel.asgi:application", "--lifespan=off"]
    process = subprocess.Popen(
        [*command, "--log-level=warning", f"--port={port}"], cwd=ROOT, env={**environment, "PANEL_URL": f"{address}/"}
    )
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                requests.get(f"{address}/healthz", timeout=5)
                break
            except requests.ConnectionError:
                if time.monotonic() > deadline or process.poll() is not None:
                    raise
                time.sleep(0.2)
        yield address, process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


def _manage(*arguments: str, environment: dict[str, str]) -> None:
    subprocess.run([sys.executable, "manage.py", *arguments], cwd=ROOT, env=environment, check=True)


def _module(*arguments: str, environment: dict[str, str]) -> str:
    command = [sys.executable, "-m", "tests.bench.bench_pages", *arguments]
    environment = {**environment, "DJANGO_SETTINGS_MODULE": "controlpanel.settings"}
    return subprocess.run(command, cwd=ROOT, env=environment, check=True, stdout=subprocess.PIPE, text=True).stdout


def memory() -> dict[str, Any]:
    """Of the running panel's processes, and of the agent on a web host, in MB."""
    found: dict[str, Any] = {"web": _pss(pid_of("web"))}
    worker = pid_of("worker")
    found["worker, all its processes"] = [_pss(pid) for pid in [worker, *descendants(worker)]]
    program = "import glob\nfor p in glob.glob('/proc/[0-9]*'):\n try:\n  c = open(p + '/cmdline').read()\n"
    program += (
        "  if 'controlpanel' in c and 'python' in c: print(open(p + '/smaps_rollup').read())\n except OSError: pass"
    )
    rollups = on_host("web1", "python3", "-c", program)
    found["agent on web1, each channel"] = [
        round(int(kb) / 1024, 1) for kb in re.findall(r"^Pss:\s+(\d+)", rollups, re.M)
    ]
    return found


def _pss(pid: int) -> float:
    try:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0.0
    return round(int(re.search(r"^Pss:\s+(\d+)", rollup, re.M)[1]) / 1024, 1)  # type: ignore[index]


if __name__ == "__main__":
    main()
