"""Changing real edges: nothing lost under load, reloads, power cuts and hands that edit."""

import http.client
import json
import os
import subprocess
import sys
import threading
import time
from collections import Counter

import pytest

from controlpanel.agent.haproxy import paths
from tests.panel import ROOT, on_host, powered_off, wait_until

from .certifier import Certifier
from .conftest import Site
from .edges import ALIVE, Agent, Edge, absent, fresh, get, present, site_number

pytestmark = pytest.mark.lab


class Visitors:
    """A bounded crowd of keep-alive visitors of one name, and what they got."""

    def __init__(self, address: str, name: str, count: int = 8) -> None:
        self.address, self.name = address, name
        self.got: Counter = Counter()
        self.stop = threading.Event()
        self.threads = [threading.Thread(target=self._visit, daemon=True) for _ in range(count)]

    def _visit(self) -> None:
        connection = http.client.HTTPConnection(self.address, 80, timeout=10)
        while not self.stop.is_set():
            try:
                connection.request("GET", ALIVE, headers={"Host": self.name})
                response = connection.getresponse()
                response.read()
                self.got[response.status] += 1
            except (OSError, http.client.HTTPException) as error:
                self.got[type(error).__name__] += 1
                connection.close()
            time.sleep(0.004)
        connection.close()

    def __enter__(self) -> "Visitors":
        for thread in self.threads:
            thread.start()
        wait_until(lambda: sum(self.got.values()) > 50, 10)
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        for thread in self.threads:
            thread.join(15)


def test_changing_routes_and_modes_loses_no_request(site: Site, certifier: Certifier) -> None:
    edge = site.edges[0]
    other = fresh("other")
    with Visitors(edge.address, site.name) as visitors:
        for number in range(60):
            edge.apply(
                present("site_route", str(site.id), {"backend": site.web, "mode": "normal"}),
                present("route", site.name, {"site": site.id}),
                present("route", other, {"site": site.id}) if number % 2 else absent("route", other),
            )
            if number % 10 == 0:
                edge.apply(certifier.certificate(site.id, site.name))
    assert set(visitors.got) == {200}, visitors.got


def test_a_move_of_the_name_to_another_site_loses_no_request(site: Site) -> None:
    edge = site.edges[0]
    twin = site_number()
    edge.apply(present("site_route", str(twin), {"backend": site.web, "mode": "normal"}))
    with Visitors(edge.address, site.name) as visitors:
        for number in range(60):
            edge.apply(present("route", site.name, {"site": twin if number % 2 else site.id}))
    assert set(visitors.got) == {200}, visitors.got


def test_our_reload_loses_no_request(site: Site) -> None:
    """A reload is what a new web host costs: the base is applied again as if it had been edited."""
    edge = site.edges[0]
    with Visitors(edge.address, site.name) as visitors:
        for _ in range(4):
            on_host(edge.name, "sh", "-c", f"echo '# not ours' >> {paths.CONFIG}")
            _reapply_base(edge)
            time.sleep(0.5)
    assert set(visitors.got) == {200}, visitors.got
    assert "not ours" not in on_host(edge.name, "cat", paths.CONFIG)


def _reapply_base(edge: Edge) -> None:
    """Send the edge its base as it has it, from its own store."""
    edge.agent.call("apply", operation="test", items=[_base(edge)])


def _base(edge: Edge) -> dict:
    script = (
        "import json,sqlite3; print(json.dumps(sqlite3.connect('/var/lib/controlpanel/state.db')"
        ".execute(\"SELECT revision, spec FROM resource WHERE kind='edge'\").fetchone()))"
    )
    revision, spec = json.loads(on_host(edge.name, "python3", "-c", script))
    return present("edge", "base", json.loads(spec), revision)


def test_reloads_by_other_hands_during_changes_lose_nothing(edges: list[Edge], web: str) -> None:
    """A reload that does not take our lock reads the files at its own time; the routes must be right all the same."""
    edge = edges[0]
    id = site_number()
    edge.apply(present("site_route", str(id), {"backend": web, "mode": "normal"}))
    stop = threading.Event()

    def reload() -> None:
        while not stop.is_set():
            on_host(edge.name, "systemctl", "reload", "haproxy", check=False)

    reloader = threading.Thread(target=reload)
    reloader.start()
    wanted: dict[str, dict] = {}
    try:
        for number in range(150):
            name = fresh(f"race{number % 30}")
            resource = present("route", name, {"site": id})
            edge.apply(resource)
            wanted[name] = resource
            if number % 3 == 0:
                gone = next(iter(wanted))
                edge.apply(absent("route", gone))
                del wanted[gone]
    finally:
        stop.set()
        reloader.join(30)
    assert edge.drift(_base(edge), *wanted.values()) == []
    for name in wanted:
        assert edge.get(name).status == 200
    edge.clean()


def test_two_panels_at_once_lose_nothing(edges: list[Edge], web: str) -> None:
    """Several workers have an agent process each on one edge; the host's lock keeps their changes apart."""
    edge = edges[0]
    id = site_number()
    edge.apply(present("site_route", str(id), {"backend": web, "mode": "normal"}))
    second = Agent(edge.name)
    applied: list[dict] = []

    def work(agent: Agent, label: str) -> None:
        for number in range(40):
            resource = present("route", fresh(f"{label}{number}"), {"site": id})
            agent.call("apply", operation="test", items=[resource])
            applied.append(resource)

    threads = [
        threading.Thread(target=work, args=(agent, label)) for agent, label in ((edge.agent, "a"), (second, "b"))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    second.close()
    for resource in applied:
        edge.put[resource["kind"], resource["id"]] = resource["revision"]
    assert len(applied) == 80
    assert edge.drift(_base(edge), *applied) == []
    edge.clean()


def test_an_edge_that_was_switched_off_serves_from_its_own_files(
    edges: list[Edge], site: Site, certifier: Certifier
) -> None:
    edge = edges[-1]
    edge.apply(certifier.certificate(site.id, site.name), *site.resources())
    edge.agent.close()
    try:
        with powered_off(edge.name), pytest.raises(OSError):
            edge.get(site.name)

        def served() -> bool:
            try:
                return edge.get(site.name, trust=certifier.pem).status == 200
            except OSError:
                return False

        wait_until(served, 15, what="served after power on")
    finally:
        edge.agent = Agent(edge.name)


def test_an_edge_holds_its_ground_when_haproxy_is_killed(edge: Edge, site: Site) -> None:
    on_host(edge.name, "systemctl", "kill", "--signal=KILL", "haproxy")

    def served() -> bool:
        try:
            return edge.get(site.name).status == 200
        except OSError:
            return False

    wait_until(served, 15, what="systemd started it again")


def test_a_route_to_an_unknown_web_host_is_refused_and_the_old_one_stays(site: Site) -> None:
    edge = site.edges[0]
    resource = present("site_route", str(site.id), {"backend": "web99", "mode": "normal"})
    (item,) = edge.agent.call("apply", operation="test", items=[resource])["items"]
    assert item["status"] == "failed"
    assert "web99" in item["reason"]
    assert edge.get(site.name).status == 200


def test_a_broken_certificate_is_refused_alone(site: Site, certifier: Certifier) -> None:
    edge = site.edges[0]
    good, other = certifier.certificate(site.id, site.name), certifier.certificate(site.id, site.name)
    edge.apply(good)
    begin = "-----BEGIN PRIVATE"
    chain, key = good["spec"]["pem"].split(begin)[0], begin + other["spec"]["pem"].split(begin)[1]
    for pem in (chain + key, good["spec"]["pem"].replace("MI", "MJ", 1)):
        bad = present("certificate", f"site-{site.id}", {"names": [site.name], "pem": pem})
        moved = present("route", site.name, {"site": site.id})
        items = edge.agent.call("apply", operation="test", items=[bad, moved])["items"]
        assert [item["status"] for item in items] == ["refused", "ok"]
        assert get(edge.address, site.name, trust=certifier.pem).status == 200
        assert edge.drift(_base(edge), good) == []


@pytest.mark.parametrize(
    ("path", "edit"),
    [
        (paths.CONFIG, "echo '# by hand' >> {path}"),
        (paths.CONFIG, "sed -i 's/timeout connect 2s/timeout connect 9s/' {path}"),
        (paths.HOSTS, "echo 'evil.test 1' >> {path}"),
        (paths.HOSTS, "sed -i 3d {path}"),
        (paths.BACKENDS, "rm {path}"),
        (paths.PAGES + "/dead.es.html", "echo x > {path}"),
        (paths.CERTIFICATE_LIST, ": > {path}"),
    ],
)
def test_a_file_edited_by_hand_is_found_and_mended(site: Site, certifier: Certifier, path: str, edit: str) -> None:
    edge = site.edges[0]
    wanted = [_base(edge), certifier.certificate(site.id, site.name), *site.resources()]
    edge.apply(*wanted)
    before = on_host(edge.name, "cat", path)
    on_host(edge.name, "sh", "-c", edit.format(path=path))
    found = edge.drift(*wanted)
    assert found
    assert {item["problem"] for item in found} == {"edited"}
    assert any(path in item["detail"] for item in found)
    edge.apply(*wanted)
    assert edge.drift(*wanted) == []
    assert sorted(on_host(edge.name, "cat", path).splitlines()[:-1]) == sorted(before.splitlines()[:-1])
    assert edge.get(site.name, trust=certifier.pem).status == 200


def test_a_running_process_changed_by_hand_is_found_and_mended(site: Site) -> None:
    edge = site.edges[0]
    wanted = [_base(edge), *site.resources()]
    edge.apply(*wanted)
    script = (
        "import socket\n"
        f"for text in (b'del map {paths.HOSTS} {site.name}\\n', b'add map {paths.HOSTS} evil.test 1\\n'):\n"
        f"    s = socket.socket(socket.AF_UNIX); s.connect('{paths.ADMIN_SOCKET}'); s.sendall(text); s.recv(99)\n"
    )
    on_host(edge.name, "python3", "-c", script)
    assert edge.get(site.name).status == 404
    assert {item["kind"] for item in edge.drift(*wanted)} == {"edge", "route"}
    edge.apply(*wanted)
    assert edge.get(site.name).status == 200
    assert edge.drift(*wanted) == []


def test_the_panel_finds_and_mends_it_by_drift_and_resync(edge: Edge, web: str) -> None:
    """By the commands that staff use. What the tests have put on the edge is taken away by the resync."""

    def manage(*command: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "manage.py", *command],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=120,
            env=os.environ,
        )

    edge.clean()
    assert manage("resync", edge.name).returncode == 0
    on_host(edge.name, "sh", "-c", f"echo '# by hand' >> {paths.CONFIG}; echo 'evil.test 1' >> {paths.HOSTS}")
    found = manage("drift", edge.name, "--json")
    assert found.returncode == 1
    assert paths.CONFIG in found.stdout
    assert paths.HOSTS in found.stdout
    assert manage("resync", edge.name).returncode == 0
    assert manage("drift", edge.name).returncode == 0
