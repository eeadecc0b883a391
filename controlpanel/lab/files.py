"""Files of the lab itself."""

import os
from pathlib import Path


def write(path: Path, content: str, *, mode: int = 0o600) -> None:
    """Replace a file whole: a crash leaves the old one or the new one. It has its mode before it has content."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    beside.unlink(missing_ok=True)
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "w") as file:
        os.fchmod(descriptor, mode)
        file.write(content)
        file.flush()
        os.fsync(descriptor)
    beside.rename(path)
