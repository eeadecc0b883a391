"""What is mounted on this machine, and getting rid of it."""

import time
from pathlib import Path

from .errors import LabError
from .process import run


def _table() -> list[tuple[Path, str]]:
    """(mount point, options of the file system) of every mount, oldest first."""
    entries = []
    with Path("/proc/self/mountinfo").open() as table:
        for line in table:
            left, _, right = line.rstrip("\n").partition(" - ")
            entries.append((Path(_unescape(left.split()[4])), _unescape(right.split(" ", 2)[2])))
    return entries


def _unescape(text: str) -> str:
    for code, character in ((r"\040", " "), (r"\011", "\t"), (r"\012", "\n"), (r"\134", "\\")):
        text = text.replace(code, character)
    return text


def below(folder: Path) -> list[Path]:
    """Mount points at or below a folder, newest first: the order to unmount them in."""
    folder = folder.resolve()
    return [point for point, _ in reversed(_table()) if point == folder or folder in point.parents]


def lower_folders() -> set[Path]:
    """The lower folders of all overlays that are mounted."""
    return {
        Path(option.removeprefix("lowerdir="))
        for _, options in _table()
        for option in options.split(",")
        if option.startswith("lowerdir=")
    }


def overlay(lower: Path, upper: Path, work: Path, point: Path) -> None:
    """Mount ``upper`` over ``lower`` at ``point``; what is written there goes to ``upper``."""
    for folder in (upper, work, point):
        folder.mkdir(parents=True, exist_ok=True)
    options = f"lowerdir={lower},upperdir={upper},workdir={work}"
    run(["mount", "-t", "overlay", "overlay", "-o", options, str(point)])


def clear(folder: Path, timeout: float = 10) -> None:
    """Unmount everything at or below a folder. A killed host's own view of it lives some milliseconds longer."""
    deadline = time.monotonic() + timeout
    while points := below(folder):
        try:
            run(["umount", str(points[0])])
        except LabError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
