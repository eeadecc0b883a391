"""Running programs: lists of arguments, never a shell, always with a time limit."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
from typing import Optional, Sequence

from .errors import Failed

#: What programs see of our environment. LC_ALL: their output is parsed and shown.
ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "LC_ALL": "C.UTF-8",
    "HOME": "/root",
}
#: Bytes of output that are kept for staff: the end, where programs say why.
KEPT = 8192


def let_open_files(pid: int = 0) -> None:
    """Let a process (0: this one, and what it starts) open as many files as the system allows it."""
    soft, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    if soft < hard:
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (hard, hard))


def _read(fd: int) -> bytes:
    os.lseek(fd, 0, os.SEEK_SET)
    with os.fdopen(os.dup(fd), "rb") as file:
        return file.read()


def run(
    argv: Sequence[str],
    timeout: float = 30.0,
    input: Optional[bytes] = None,
    ok: Sequence[int] = (0,),
    reason: str = "",
) -> str:
    """Run a program and return its stdout; raises Failed with its output when it ends otherwise than ``ok``.

    ``timeout`` is in seconds; a program that takes longer is killed with its children.
    Output goes to files in memory, not to pipes: a daemon that it leaves behind may keep them open as long as it likes.
    """
    name = os.path.basename(argv[0])
    out, err = os.memfd_create("out"), os.memfd_create("err")
    try:
        try:
            process = subprocess.Popen(
                list(argv),
                stdin=subprocess.DEVNULL if input is None else subprocess.PIPE,
                stdout=out,
                stderr=err,
                env=ENVIRONMENT,
                cwd="/",
                start_new_session=True,
            )
        except OSError as error:
            raise Failed(reason or f"{name} cannot be started: {error.strerror}") from error
        try:
            process.communicate(input, timeout=timeout)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            tail = (_read(out) + _read(err))[-KEPT:].decode(errors="replace")
            raise Failed(reason or f"{name} took longer than {timeout:g} s", tail) from None
        stdout = _read(out)
        if process.returncode not in ok:
            tail = (stdout + _read(err))[-KEPT:].decode(errors="replace")
            raise Failed(reason or f"{name} ended with status {process.returncode}", tail)
        return stdout.decode(errors="replace")
    finally:
        os.close(out)
        os.close(err)
