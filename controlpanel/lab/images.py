"""Debian images: built once by mmdebstrap, cached for all labs of the machine, never changed after."""

import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from . import mounts, recipes
from .errors import LabError
from .process import CLEAN_ENVIRONMENT, run
from .progress import Progress
from .recipes import Recipe

CACHE = Path("/var/cache/controlpanel-lab")
#: Raise it when ``_finish`` or the call of mmdebstrap changes; recipes are hashed by themselves.
VERSION = 1
#: An image that no recipe asks for any more is kept this long after its last use, seconds.
KEEP_UNUSED = 3 * 24 * 3600

_STAMP = "etc/controlpanel-lab-image"


@dataclass(frozen=True)
class Image:
    """The root folder of a Debian that hosts are overlays of."""

    recipe: Recipe

    @property
    def key(self) -> str:
        """Names everything that the image is made from."""
        ingredients = (
            VERSION,
            self.recipe,
            recipes.PRESEED,
            recipes.EARLY_FILES,
            recipes.FILES,
            recipes.MASKED_UNITS,
            recipes.EXCLUDED_PATHS,
        )
        digest = hashlib.sha256(repr(ingredients).encode()).hexdigest()[:12]
        return f"{self.recipe.suite}-{digest}"

    @property
    def root(self) -> Path:
        return CACHE / self.key

    @property
    def build_id(self) -> str:
        """Differs between two builds of the same recipe too: an overlay fits only the build it was made on."""
        return (self.root / _STAMP).read_text().strip()

    def ensure(self, progress: Progress) -> None:
        """Build it unless it is there. Of several builders at once one works and the others wait."""
        CACHE.mkdir(parents=True, exist_ok=True)
        if not self.root.exists():
            with _locked(CACHE / f"{self.key}.lock", f"image {self.recipe.suite}", progress):
                if not self.root.exists():
                    self._build(progress)
        os.utime(self.root)  # says "used now" to prune()

    def _build(self, progress: Progress) -> None:
        partial = CACHE / f"{self.key}.partial"
        _discard(partial)
        progress(f"image {self.recipe.suite}: building it, {len(self.recipe.packages)} packages and what they need")
        started = time.monotonic()
        with tempfile.TemporaryDirectory(dir=CACHE, prefix="files-") as files:
            _bootstrap(self.recipe, partial, Path(files), progress)
        _finish(partial, f"{self.key} {int(time.time())}")
        os.sync()  # a name that a crash could give to half an image would be used for ever
        partial.rename(self.root)
        progress(f"image {self.recipe.suite}: ready after {time.monotonic() - started:.0f} s, cached in {self.root}")


def prune(progress: Progress) -> None:
    """Remove what no recipe asks for, no host is mounted on, and nobody has used for a while."""
    wanted = {Image(recipe).key for recipe in recipes.RECIPES}
    in_use = mounts.lower_folders()
    for root in sorted(CACHE.iterdir()) if CACHE.exists() else []:
        if not root.is_dir() or root.name in wanted or root in in_use:
            continue
        if root.name.endswith(".partial") or root.name.startswith("files-"):
            continue  # somebody's build; the next build of the same image clears it
        if time.time() - root.stat().st_mtime > KEEP_UNUSED:
            progress(f"image {root.name}: unused for days, removing it")
            (CACHE / f"{root.name}.lock").unlink(missing_ok=True)
            _discard(root)


@contextmanager
def _locked(path: Path, what: str, progress: Progress) -> Iterator[None]:
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress(f"{what}: somebody else is building it, waiting")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _bootstrap(recipe: Recipe, target: Path, files: Path, progress: Progress) -> None:
    """Run mmdebstrap with its own choice of mirror, passing on what it says it is doing."""
    preseed = "var/lib/controlpanel-lab/preseed"
    for name, content in {**recipes.EARLY_FILES, preseed: recipes.PRESEED}.items():
        _write(files / name, content)
    command = [
        *("setpriv", "--pdeathsig", "TERM", "--"),  # no orphan goes on building when we are killed
        "mmdebstrap",
        "--variant=minbase",
        f"--include={','.join(recipe.packages)}",
        '--aptopt=APT::Install-Recommends "false"',
        '--aptopt=Acquire::Retries "3"',
        "--dpkgopt=force-unsafe-io",
        *(f"--dpkgopt=path-exclude={path}" for path in recipes.EXCLUDED_PATHS),
        f"--essential-hook=sync-in {files} /",
        f'--essential-hook=chroot "$1" debconf-set-selections /{preseed}',
        recipe.suite,
        str(target),
    ]
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env=CLEAN_ENVIRONMENT,
    ) as builder:
        heartbeat = _Heartbeat(f"image {recipe.suite}", progress)
        output: list[str] = []
        with heartbeat:
            for line in builder.stdout or ():
                output.append(line)
                if line.startswith("I: ") and line.rstrip().endswith("..."):
                    heartbeat.step(line[3:].strip().removesuffix("..."))
    if builder.returncode:
        _discard(target)
        raise LabError(f"Building the {recipe.suite} image failed:\n{''.join(output[-25:])}")


class _Heartbeat:
    """Says what is being done when it starts, and every ten seconds that it is still being done."""

    def __init__(self, subject: str, progress: Progress, interval: float = 10) -> None:
        self._subject, self._progress, self._interval = subject, progress, interval
        self._doing, self._since = "starting", time.monotonic()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True)

    def step(self, doing: str) -> None:
        self._doing, self._since = doing, time.monotonic()
        self._progress(f"{self._subject}: {doing}")

    def _beat(self) -> None:
        while not self._stop.wait(self._interval):
            self._progress(f"{self._subject}: still {self._doing}, {time.monotonic() - self._since:.0f} s")

    def __enter__(self) -> "_Heartbeat":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()


def _finish(root: Path, stamp: str) -> None:
    """Make one host's installation into a template of many: no identity, nothing enabled but sshd and the network."""
    for name, content in recipes.FILES.items():
        (root / name).unlink(missing_ok=True)  # may be a link that leads out of the image
        _write(root / name, content)
    for key in (root / "etc/ssh").glob("ssh_host_*"):
        key.unlink()
    run(["chroot", str(root), "systemctl", "preset-all"])
    run(["chroot", str(root), "systemctl", "mask", *recipes.MASKED_UNITS])
    _write(root / _STAMP, stamp + "\n")
    for name in ("etc/.updated", "var/.updated"):  # spares each host's first boot the rebuilding of caches
        _write(root / name, "")


def _write(path: Path, content: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)


def _discard(root: Path) -> None:
    if root.exists():
        if mounts.below(root):
            raise LabError(f"{root} has something mounted in it; unmount it first.")
        shutil.rmtree(root)
