"""Running programs of the machine."""

import os
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from .errors import LabError

#: Programs of the lab see this and nothing of the caller's environment, so that they behave the same everywhere.
CLEAN_ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "LANG": "C.UTF-8",
    "DEBIAN_FRONTEND": "noninteractive",
}


def run(argv: Sequence[str], *, input: str | None = None, timeout: float = 60, check: bool = True) -> str:
    """Standard output of a program. Raises LabError with its output when it fails, unless ``check`` is off."""
    try:
        done = subprocess.run(
            argv,
            input=input,
            stdin=subprocess.DEVNULL if input is None else None,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout,
            env=CLEAN_ENVIRONMENT,
        )
    except FileNotFoundError:
        raise LabError(f"{argv[0]} is not installed.") from None
    except subprocess.TimeoutExpired:
        raise LabError(f"{' '.join(argv)} did not end within {timeout:.0f} s.") from None
    if check and done.returncode:
        output = (done.stderr + done.stdout).strip()
        raise LabError(f"{' '.join(argv)} failed with exit code {done.returncode}: {output[-2000:]}")
    return done.stdout


def wait_until(what: str, condition: Callable[[], bool], *, timeout: float, interval: float = 0.05) -> None:
    """Return as soon as ``condition`` holds; raise LabError naming ``what`` after ``timeout`` seconds."""
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            raise LabError(f"Waited {timeout:.0f} s in vain until {what}.")
        time.sleep(interval)


def own_namespace_depth() -> int:
    """How many process namespaces this process is nested in: 1 on a real machine."""
    return len(namespace_pids(os.getpid()))


def namespace_pids(pid: int) -> list[int]:
    """The process's pid in each of its nested process namespaces, outermost first; empty when it is gone."""
    try:
        with Path(f"/proc/{pid}/status").open(errors="replace") as status:
            line = next((line for line in status if line.startswith("NSpid:")), "")
    except (FileNotFoundError, ProcessLookupError):
        return []
    return [int(number) for number in line.split()[1:]]
