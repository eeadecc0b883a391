"""`make run` and `make test`: the lab, the panel in it, and everything stopped again at the end."""

import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from urllib.parse import urlsplit

from . import lifecycle
from .cgroups import Group
from .errors import LabError
from .instance import CHECKOUT, Lab
from .progress import Progress
from .services import Service

DEMO = CHECKOUT / "var" / "demo.json"
_MANAGE = (sys.executable, str(CHECKOUT / "manage.py"))
_LAB = (sys.executable, "-m", "controlpanel.lab")
#: How often the processes are looked at, seconds.
_BEAT = 0.2
#: How long the panel may take until it answers, seconds.
_READY = 90.0


class Panel:
    """The lab, prepared, and the panel's web server and worker in front of it."""

    def __init__(self, lab: Lab, url: str, progress: Progress, *, quiet: bool) -> None:
        self.lab = lab
        self.url = url
        self._progress = progress
        self._lab_is_ours = lab.home / "run" / "lab-started-with-the-panel"
        os.environ["PANEL_URL"] = url  # for everything that is started below
        place = urlsplit(url)
        logs = {name: lab.home / "run" / f"{name}.log" for name in ("web", "worker")} if quiet else {}
        for log in logs.values():
            log.unlink(missing_ok=True)
        web = (sys.executable, "-m", "uvicorn", "controlpanel.asgi:application", "--lifespan=off")
        # A client that keeps its connection for its next call must not meet its end on the way: longer than most wait.
        options = ("--log-level=warning", "--timeout-graceful-shutdown=3", "--timeout-keep-alive=75")
        self._services = [
            Service(
                lab,
                "web",
                [*web, *options, f"--host={place.hostname}", f"--port={place.port}"],
                environment={"DATABASE_POOL": "1"},
                log=logs.get("web"),
            ),
            Service(lab, "worker", [*_MANAGE, "worker"], log=logs.get("worker")),
        ]

    def start(self) -> None:
        """Everything up to "ready". Raises LabError for the step that failed."""
        if not any(host["state"] == "running" for host in lifecycle.status(self.lab)):
            self._lab_is_ours.touch()
        self._do("bringing the lab up", [*_LAB, "up"])
        self._do("preparing the database", [*_MANAGE, "migrate", "--no-input", "--verbosity=0"])
        self._do("enrolling hosts", [*_MANAGE, "enroll_lab"])
        self._progress("starting the panel")
        for service in self._services:
            service.start()
        self._wait_until_it_answers()
        self._do("seeding the demonstration", [*_MANAGE, "seed_demo"])

    def watch(self, until: Callable[[], bool]) -> None:
        """Keep the processes alive until told to stop."""
        while not until():
            for service in self._services:
                service.revive(self._progress)
            time.sleep(_BEAT)

    def stop(self) -> None:
        """Stop the processes, and the lab unless it was up before. Nothing that fails here keeps the rest from it."""
        for service in self._services:
            service.ask_to_stop()
        for service in self._services:
            service.stop()
        Group(f"{self.lab.name}.panel").remove()
        if self._lab_is_ours.exists():
            subprocess.run([*_LAB, "down"], cwd=CHECKOUT, check=False, start_new_session=True)
            self._lab_is_ours.unlink(missing_ok=True)
        else:
            self._progress("the lab was up before and stays up; `make lab-down` stops it")

    def _do(self, what: str, argv: Sequence[str]) -> None:
        self._progress(what)
        # Its own session: a Ctrl-C is for us, and we pass it on.
        with subprocess.Popen(argv, cwd=CHECKOUT, stdin=subprocess.DEVNULL, start_new_session=True) as step:
            try:
                code = step.wait()
            except KeyboardInterrupt:
                step.send_signal(signal.SIGINT)
                try:
                    step.wait(20)
                except subprocess.TimeoutExpired:
                    step.kill()
                raise
        if code:
            raise LabError(f"{what} failed (exit code {code}); what it said stands above.")

    def _wait_until_it_answers(self) -> None:
        deadline = time.monotonic() + _READY
        trouble = "no answer"

        def answers() -> bool:
            nonlocal trouble
            try:
                urllib.request.urlopen(f"{self.url}readyz", timeout=5)  # noqa: S310  # our own http URL
                return True
            except OSError as error:
                trouble = str(error)
            if time.monotonic() > deadline:
                raise LabError(f"The panel does not become ready at {self.url}: {trouble}")
            return False

        self.watch(until=answers)


def run(progress: Progress) -> None:
    """Serve the demonstration until Ctrl-C or SIGTERM, which raise KeyboardInterrupt."""
    with _panel(progress, quiet=False, port_may_move=False) as panel:
        print(_welcome(panel.url), flush=True)
        panel.watch(until=lambda: False)


def run_beside(arguments: Sequence[str], progress: Progress) -> int:
    """The exit code of a command that was run beside the panel."""
    with _panel(progress, quiet=True, port_may_move=True) as panel:
        progress(f"panel ready at {panel.url}; running {' '.join(arguments)}")
        command = subprocess.Popen(arguments, cwd=CHECKOUT, stdin=subprocess.DEVNULL)
        try:
            panel.watch(until=lambda: command.poll() is not None)
        finally:
            if command.poll() is None:
                command.send_signal(signal.SIGINT)
                command.wait(30)
        return command.returncode


@contextmanager
def _panel(progress: Progress, *, quiet: bool, port_may_move: bool) -> Iterator[Panel]:
    """A started panel; stopped again however the block ends."""
    lab = Lab.from_environment()
    run_folder = lab.home / "run"
    run_folder.mkdir(parents=True, exist_ok=True)
    with (run_folder / "panel.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LabError(f"The panel of lab {lab.name} runs already; stop it first.") from None
        panel = Panel(lab, _url(port_may_move), progress, quiet=quiet)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.default_int_handler)
        try:
            panel.start()
            yield panel
        finally:
            progress("stopping")
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                signal.signal(number, signal.SIG_IGN)  # once is enough; stopping takes some seconds
            panel.stop()


def _url(port_may_move: bool) -> str:
    """PANEL_URL, or http://127.0.0.1:8000/. Raises LabError when somebody else listens there."""
    url = os.environ.get("PANEL_URL", "http://127.0.0.1:8000/")
    place = urlsplit(url)
    host, port = place.hostname or "127.0.0.1", place.port or 80
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if not port_may_move:
                raise LabError(f"Port {port} of {host} cannot be had: {error.strerror}. Choose by PANEL_URL.") from None
            probe.bind((host, 0))
            port = probe.getsockname()[1]
    return f"{place.scheme}://{host}:{port}/"


def _welcome(url: str) -> str:
    demo = json.loads(DEMO.read_text())
    logins = [("staff", demo["staff"]), *((member["member"], member) for member in demo["members"])]
    width = max(len(name) for name, _ in logins)
    lines = [f"  {name:{width}}  {login['username']}  {login['password']}" for name, login in logins]
    return "\n".join(["", f"Panel ready at {url}", *lines, f"  (tokens in {DEMO}; Ctrl-C stops everything)", ""])
