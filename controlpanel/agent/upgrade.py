"""The agent replaces itself: verified, tested, and in one rename, so that there is always a whole one."""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
import os
import re
import sys
from typing import Any, Dict

from . import commands, disk, fields, lock
from .calls import Context
from .errors import Failed, Invalid, Rejected
from .paths import Paths

PYTHON = sys.executable or "/usr/bin/python3"


def digest_of(path: str) -> str:
    """SHA-256 of a file, in hexadecimal; empty when there is none."""
    try:
        with open(path, "rb") as file:
            return hashlib.sha256(file.read()).hexdigest()
    except FileNotFoundError:
        return ""


def replace(args: Dict[str, Any], context: Context) -> Dict[str, Any]:
    """Put the given zipapp in our place; the old one stays beside as ``.previous``. Answers ``{"version", "was"}``."""
    fields.only(args, ("sha256", "zipapp_b64"))
    wanted = fields.fetch(args, "sha256")
    if not isinstance(wanted, str) or not re.match(r"\A[0-9a-f]{64}\Z", wanted):
        raise Invalid("sha256: not a SHA-256 in hexadecimal")
    with lock.held(context.paths.lock):  # never under a change that another process is making
        was = digest_of(context.paths.zipapp)
        if was == wanted:
            return {"version": wanted, "was": was}
        try:
            content = base64.b64decode(fields.fetch(args, "zipapp_b64"), validate=True)
        except (binascii.Error, TypeError, ValueError):
            raise Invalid("zipapp_b64: not base64") from None
        if hashlib.sha256(content).hexdigest() != wanted:
            raise Invalid("the zipapp has another SHA-256 than it should")
        install_zipapp(content, context.paths)
    return {"version": wanted, "was": was}


def refresh(paths: Paths) -> str:
    """Let the agent that is now in place bring what belongs to it besides the zipapp; what went wrong, in words."""
    try:
        commands.run([PYTHON, "-I", paths.zipapp, "refresh"], timeout=60)
    except Failed as error:  # it is in place and works all the same
        return f"{error.reason} {error.output}".strip()
    return ""


def install_zipapp(content: bytes, paths: Paths) -> None:
    """Write beside, let it test itself under this host's Python, keep the old one, rename. Raises Rejected."""
    target = paths.zipapp
    directory = os.path.dirname(target)
    beside, previous = target + ".new", target + ".previous"
    with contextlib.suppress(FileNotFoundError):
        os.unlink(beside)
    fd = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
    try:
        with open(fd, "wb") as file:
            file.write(content)
            file.flush()
            os.fchmod(file.fileno(), 0o644)
            os.fsync(file.fileno())
        try:
            commands.run([PYTHON, "-I", beside, "selftest"], timeout=30)
        except Failed as error:
            raise Rejected("the new agent fails its self-test on this host; the old one stays", error.output) from error
        if os.path.exists(target):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(previous)
            os.link(target, previous)
        os.rename(beside, target)
        disk.sync_directory(directory)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(beside)
