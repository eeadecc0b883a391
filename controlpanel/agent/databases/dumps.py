"""Dumps that are kept on the host: one compressed file each, and beside it what it is."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import time
import zlib
from typing import Any, BinaryIO, Callable, Dict, Iterator, List

from .. import disk, fields
from ..errors import Failed, Invalid
from ..kinds.base import File
from . import names, paths, streams
from .engines import Engine

#: Bytes that stay free on the disk of dumps.
RESERVE = 128 * 2**20
#: Bytes of a dump that are handed out at a time.
PIECE = 512 * 1024
#: Written as a gzip file.
_GZIP = 31
Progress = Callable[[Dict[str, Any]], None]


def label(args: Dict[str, Any], key: str) -> str:
    return fields.identifier(args, key)


def label_of(name: str, args: Dict[str, Any]) -> str:
    """Of a dump that a call names by its label, or by the path that was told when it was made."""
    value = fields.fetch(args, "dump")
    start, end = os.path.join(paths.DUMPS, f"{name}-"), ".gz"
    if isinstance(value, str) and value.startswith(start) and value.endswith(end):
        return label({"dump": value[len(start) : -len(end)]}, "dump")
    return label(args, "dump")


def path(name: str, label: str) -> str:
    return os.path.join(paths.DUMPS, f"{name}-{label}.gz")


def make(
    engine: Engine, name: str, label: str, limit: float, lock_fd: int, progress: Progress, source: str = ""
) -> Dict[str, Any]:
    """Dump a database; one of that label is replaced when the new one stands. ``{"path", "bytes", "sha256", …}``.

    ``source`` is the address of the database's host when that is another one.
    """
    os.makedirs(paths.DUMPS, mode=0o700, exist_ok=True)
    room = free(paths.DUMPS) - RESERVE
    if room < engine.sizes().get(name, 0):
        raise Failed("there is no room for the dump")
    target = path(name, label)
    beside = f"{target}.new"
    digest, packer = hashlib.sha256(), zlib.compressobj(1, zlib.DEFLATED, _GZIP)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(beside)  # of a run that was killed
    fd = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        with open(fd, "wb") as output:

            def keep(chunk: bytes) -> None:
                packed = packer.compress(chunk)
                digest.update(packed)
                output.write(packed)

            command = engine.dump_command(name, source)
            streams.pour(command, keep, limit, [lock_fd], streams.telling(progress, "dump"))
            rest = packer.flush()
            digest.update(rest)
            output.write(rest)
            output.flush()
            os.fsync(output.fileno())
            size = output.tell()
        told = {
            "name": name,
            "label": label,
            "engine": engine.name,
            "bytes": size,
            "sha256": digest.hexdigest(),
            "taken": int(time.time()),
        }
        os.rename(beside, target)
    except OSError as error:
        raise Failed(f"the dump cannot be written: {error.strerror}") from error
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(beside)
    # After the dump itself: what is told of is there; a dump that nothing is told of is not offered.
    disk.put(File(f"{target}.json", json.dumps(told).encode(), 0o600))
    disk.sync_directory(paths.DUMPS)
    return {**told, "path": target}


def find(name: str, label: str) -> Dict[str, Any]:
    """What is known of a dump. Raises Invalid when there is none."""
    for told in listing():
        if (told["name"], told["label"]) == (name, label):
            return told
    raise Invalid(f"there is no dump {label} of {name}")


def listing() -> List[Dict[str, Any]]:
    """All dumps, the oldest first."""
    found = []
    try:
        files = sorted(os.listdir(paths.DUMPS))
    except FileNotFoundError:
        return []
    for file in files:
        if file.endswith(".gz.json"):
            with contextlib.suppress(FileNotFoundError, ValueError), open(os.path.join(paths.DUMPS, file)) as text:
                told = json.load(text)
                if os.path.exists(path(told["name"], told["label"])):
                    found.append(told)
    return sorted(found, key=lambda told: (told["taken"], told["name"], told["label"]))


def drop(name: str, label: str) -> None:
    """Delete a dump; right also when there is none."""
    for file in (path(name, label) + ".json", path(name, label)):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(file)


def check(name: str, label: str) -> None:
    """Raises Failed when the file is not what was written."""
    told, digest = find(name, label), hashlib.sha256()
    with open(path(name, label), "rb") as file:
        for chunk in iter(lambda: file.read(streams.CHUNK), b""):
            digest.update(chunk)
    if digest.hexdigest() != told["sha256"]:
        raise Failed(f"the dump {label} of {name} is damaged")


def read(name: str, label: str, sha256: str, offset: int) -> bytes:
    """A piece of a dump's file; empty at its end. Raises Invalid when there is another dump of that label by now."""
    with open(path(name, label), "rb") as file:
        told = find(name, label)
        if told["sha256"] != sha256 or os.fstat(file.fileno()).st_size != told["bytes"]:
            raise Invalid(f"the dump {label} of {name} has been replaced")
        file.seek(offset)
        return file.read(PIECE)


def load(engine: Engine, name: str, label: str, limit: float, lock_fd: int) -> None:
    """Pour a dump into a database."""
    with open(path(name, label), "rb") as file:
        streams.feed(_unpacked(file), engine.load_command(name), limit, [lock_fd])


def _unpacked(file: BinaryIO) -> Iterator[bytes]:
    unpacker = zlib.decompressobj(_GZIP)
    for chunk in iter(lambda: file.read(streams.CHUNK), b""):
        yield unpacker.decompress(chunk)
    yield unpacker.flush()
    if not unpacker.eof:
        raise Failed("the dump is cut off")


def free(folder: str) -> int:
    """Bytes that may still be written below a folder."""
    while not os.path.exists(folder):
        folder = os.path.dirname(folder)
    status = os.statvfs(folder)
    return status.f_bavail * status.f_frsize


def is_kept(name: str) -> bool:
    """Whether there is any dump of a database."""
    return names.is_database(name) and any(told["name"] == name for told in listing())
