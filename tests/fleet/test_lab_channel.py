"""The line to real hosts: many calls from many threads, cut networks, changed keys, forks, upgrades."""

import hashlib
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from controlpanel.fleet import channel, packing
from controlpanel.fleet.connection import HostKeyChanged
from controlpanel.fleet.models import Host
from controlpanel.operations.errors import AnswerLost, HostAway, Refused
from tests.panel import ROOT, cut_off, on_host, wait_until

from .hosts import running

pytestmark = pytest.mark.lab

LOCK = "/run/controlpanel/lock"
ZIPAPP = "/usr/local/lib/controlpanel/agent.pyz"


@pytest.fixture
def host() -> Host:
    """The last web host: the one that other tests need least."""
    return running("web")[-1]


def ask(host: Host, name: str = "hello", timeout: float = 20, **args):
    return channel.call(host, name, args, timeout=timeout).result(timeout + 5)


def at(host: Host, **changes) -> Host:
    """The same host as the panel would know it with other facts."""
    fields = {name: getattr(host, name) for name in ("name", "address", "roles", "host_key", "port")}
    return Host(**{**fields, **changes})


@contextmanager
def busy(host: Host) -> Iterator[None]:
    """Another change is under way on the host: what applies waits."""
    command = [sys.executable, "-m", "controlpanel.lab", "exec", host.name, "--", "flock", LOCK, "cat"]
    holder = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert holder.stdin is not None and holder.stdout is not None
    try:
        holder.stdin.write(b"held\n")
        holder.stdin.flush()
        assert holder.stdout.readline() == b"held\n"
        yield
    finally:
        holder.stdin.close()
        holder.wait(20)


def test_a_web_host_tells_the_php_that_its_sites_run(host):
    told = ask(host)["facts"]["php"]
    assert on_host(host.name, f"/usr/sbin/php-fpm{told}", "--version").startswith(f"PHP {told}.")


# --- many at once --------------------------------------------------------------------------------------------------


def test_a_thousand_calls_from_thirty_threads_get_their_own_answers(host):
    failures: list[object] = []

    def work(number: int) -> None:
        for turn in range(34):
            after = number * 1000 + turn
            answer = ask(host, "journal", after=after, limit=0)
            unknown = channel.call(host, f"no-such-call-{after}", {})
            try:
                unknown.result(20)
                failures.append("an unknown call was answered")
            except Refused as refused:
                if f"no-such-call-{after}'" not in refused.output:
                    failures.append((after, refused.output))
            if set(answer) != {"last", "entries"}:
                failures.append(answer)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert failures == []


def test_pipelined_calls_keep_their_order_and_number(host):
    futures = [channel.call(host, f"unknown-{number}") for number in range(1000)]
    for number, future in enumerate(futures):
        with pytest.raises(Refused) as refused:
            future.result(30)
        assert f"unknown-{number}'" in refused.value.output


def test_a_call_on_a_warm_line_is_fast(host):
    """No Nagle, no exec, no new connection: the median is a few milliseconds even on a busy machine."""
    ask(host)
    times = []
    for _ in range(50):
        begun = time.perf_counter()
        ask(host, "apply", items=[])
        times.append(time.perf_counter() - begun)
    assert sorted(times)[25] < 0.030


def test_big_messages_go_through(host):
    items = [
        {"kind": "no-such-kind", "id": f"r{number}", "revision": 1, "state": "present", "spec": {"x": "y" * 500}}
        for number in range(10_000)
    ]
    answer = ask(host, "apply", timeout=60, items=items, operation="big")
    assert len(answer["items"]) == 10_000 and {item["status"] for item in answer["items"]} == {"refused"}


# --- not there -----------------------------------------------------------------------------------------------------


def test_nobody_at_the_address_is_known_soon(host):
    begun = time.monotonic()
    with pytest.raises(HostAway):
        ask(at(host, name="ghost", address=_unused(host)))
    assert time.monotonic() - begun < 5


def test_a_closed_port_is_known_at_once(host):
    begun = time.monotonic()
    with pytest.raises(HostAway):
        ask(at(host, port=9))
    assert time.monotonic() - begun < 2


def test_a_host_that_accepts_and_never_speaks(host):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        begun = time.monotonic()
        nobody = at(host, name="silent", address="127.0.0.1", port=silent.getsockname()[1])
        with pytest.raises(HostAway):
            ask(nobody)
        assert time.monotonic() - begun < 10
        begun = time.monotonic()
        with pytest.raises(HostAway):
            ask(nobody, timeout=0.5)
        assert time.monotonic() - begun < 2, "a call's own limit counts also while the line is being opened"


def _unused(host: Host) -> str:
    return str(host.address).rpartition(".")[0] + ".250"


def test_cut_while_idle_then_back(host):
    ask(host)
    with cut_off(host.name):
        begun = time.monotonic()
        with pytest.raises((HostAway, AnswerLost)):
            ask(host, "ping", timeout=6)
        assert time.monotonic() - begun < 9
        channel.close(host.name)
        begun = time.monotonic()
        with pytest.raises(HostAway) as away:
            ask(host)
        assert time.monotonic() - begun < 5
        assert away.value.params == {"host": host.name}
    assert wait_until(lambda: _answers(host), 30)


def _answers(host: Host) -> bool:
    try:
        return bool(ask(host))
    except (HostAway, AnswerLost):
        return False


def test_cut_during_a_call_is_an_answer_lost(host):
    """The call has left and nothing came back: nobody may say that it was not done."""
    ask(host)
    with busy(host):
        futures = [channel.call(host, "apply", {"operation": "cut", "items": []}, timeout=90) for _ in range(3)]
        time.sleep(0.5)
        with cut_off(host.name):
            begun = time.monotonic()
            for future in futures:
                with pytest.raises(AnswerLost):
                    future.result(60)
            assert time.monotonic() - begun < 25, "keep-alives notice it long before the call's own limit"
    assert wait_until(lambda: _answers(host), 30)


def test_a_change_that_nobody_waits_for_any_more_is_finished(host):
    """The panel goes away in the middle: neither sshd nor sudo may take the agent with it."""
    mark = f"left-{time.time_ns()}"
    before = ask(host, "ping")["seq"]
    with busy(host):
        item = {"kind": "no-such-kind", "id": "x", "revision": 1, "state": "absent", "spec": {}}
        future = channel.call(host, "apply", {"operation": mark, "items": [item]}, timeout=3)
        with pytest.raises(AnswerLost):
            future.result(10)
        channel.close(host.name)
        time.sleep(1)

    def told() -> bool:
        return any(entry["operation"] == mark for entry in ask(host, "journal", after=before, limit=1000)["entries"])

    assert wait_until(told, 20)


def test_a_call_has_its_own_limit(host):
    ask(host)
    with busy(host):
        begun = time.monotonic()
        with pytest.raises(AnswerLost):
            ask(host, "apply", timeout=2, operation="slow", items=[{}])
        assert time.monotonic() - begun < 4
        assert ask(host, "ping", timeout=10), "another line is open at once, beside the agent that is stuck"


def test_a_look_is_answered_while_a_change_takes_long(host):
    ask(host)
    with busy(host):
        slow = channel.call(host, "apply", {"items": [{}]}, timeout=30)
        assert ask(host, "ping", timeout=5)
        assert not slow.done()


def test_the_agent_dies(host):
    on_host(host.name, "kill", "-9", str(ask(host, "ping")["pid"]))
    assert wait_until(lambda: _answers(host), 20), "a new line, with a new agent"


# --- who is there --------------------------------------------------------------------------------------------------


def test_another_host_key_is_refused_and_said_clearly(host):
    other = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJxQnyR1lJwUBV7ZQ9Cb1UXEv6RUSTKz4wCkLmeJfKfa"
    with pytest.raises(HostKeyChanged) as refused:
        ask(at(host, host_key=other))
    trouble = refused.value
    assert trouble.code == "host_key_changed"
    assert "SHA256:" in trouble.output and f"manage.py enroll {host.name}" in trouble.output
    assert ask(host), "with the right key it goes on"


def test_a_key_of_another_kind_is_refused(host):
    other = on_host(
        host.name, "sh", "-c", "ssh-keygen -q -t ecdsa -N '' -f /tmp/k && cat /tmp/k.pub; rm -f /tmp/k /tmp/k.pub"
    )
    with pytest.raises(HostKeyChanged):
        ask(at(host, host_key=other))


def test_no_key_of_ours_is_said_clearly(host, settings, tmp_path):
    settings.PANEL_SSH_KEY_FILE = str(tmp_path / "nothing")
    with pytest.raises(HostAway) as away:
        ask(host)
    assert "nothing" in away.value.output
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "nothing"], check=True)
    with pytest.raises(HostAway) as away:
        ask(host)
    assert "enrol it again" in away.value.output


# --- forks ---------------------------------------------------------------------------------------------------------


def test_a_forked_worker_opens_its_own_line(host):
    mine = ask(host, "ping")["pid"]
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(writer, str(ask(host, "ping")["pid"]).encode())
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    theirs = int(os.read(reader, 100))
    assert theirs != mine
    assert ask(host, "ping")["pid"] == mine, "ours goes on undisturbed"
    os.close(reader)
    os.close(writer)


# --- upgrade -------------------------------------------------------------------------------------------------------


@contextmanager
def another_version(host: Host) -> Iterator[str]:
    """The host has another agent (the same with a few bytes before the archive); the present one is put back."""
    on_host(host.name, "cp", "-p", ZIPAPP, "/root/agent.pyz.kept")
    try:
        script = (
            f"(printf '#!/usr/bin/env python3\\n'; cat /root/agent.pyz.kept) > {ZIPAPP}.t && mv {ZIPAPP}.t {ZIPAPP}"
        )
        on_host(host.name, "sh", "-c", script)
        yield on_host(host.name, "sha256sum", ZIPAPP).split()[0]
    finally:
        on_host(host.name, "mv", "/root/agent.pyz.kept", ZIPAPP)


def test_an_agent_of_another_version_is_upgraded_in_place(host):
    with another_version(host) as old:
        channel.close(host.name)
        answer = ask(host, timeout=60)
        assert old != answer["version"] == packing.current().version
        assert on_host(host.name, "sha256sum", ZIPAPP).split()[0] == packing.current().version
        previous = on_host(host.name, "sha256sum", ZIPAPP + ".previous").split()[0]
        assert previous == old
        on_host(host.name, "rm", ZIPAPP + ".previous")


def test_processes_that_upgrade_at_the_same_time(host):
    """Each worker process finds the old version; one is first, the others say so and go on."""
    script = (
        "import sys, django; django.setup();"
        "from controlpanel.fleet import channel; from controlpanel.fleet.models import Host;"
        "name, address, port, key = sys.argv[1:];"
        "host = Host(name=name, address=address, port=int(port), host_key=key, roles=['web']);"
        "print(channel.call(host, 'hello', timeout=90).result(100)['version'])"
    )
    with another_version(host):
        args = [host.name, host.address, str(host.port), host.host_key]
        workers = [
            subprocess.Popen([sys.executable, "-c", script, *args], stdout=subprocess.PIPE, text=True, cwd=ROOT)
            for _ in range(3)
        ]
        answers = [worker.communicate(timeout=120)[0].splitlines()[-1] for worker in workers]
        assert answers == [packing.pack().version] * 3


def test_an_agent_that_fails_its_test_is_not_installed(host):
    before = on_host(host.name, "sha256sum", ZIPAPP)
    broken = replace(packing.current(), content=packing.current().content[:-9999])
    broken = replace(broken, version=hashlib.sha256(broken.content).hexdigest())
    with pytest.raises(Refused) as refused:
        ask(host, "upgrade", **broken.as_args())
    assert refused.value.code == "configuration_rejected"
    assert on_host(host.name, "sha256sum", ZIPAPP) == before
    assert ask(host)
