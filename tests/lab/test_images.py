"""The cache of images."""

import os
import time
from dataclasses import replace
from pathlib import Path

import pytest

from controlpanel.lab import images, recipes
from controlpanel.lab.images import Image
from controlpanel.lab.progress import Progress


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(images, "CACHE", tmp_path)
    return tmp_path


def make_image(cache: Path, name: str, *, days_unused: float) -> Path:
    root = cache / name
    (root / "etc").mkdir(parents=True)
    then = time.time() - days_unused * 24 * 3600
    os.utime(root, (then, then))
    return root


def test_another_package_list_is_another_image() -> None:
    more = replace(recipes.TRIXIE, packages=(*recipes.TRIXIE.packages, "cowsay"))
    assert Image(more).key != Image(recipes.TRIXIE).key
    assert Image(replace(recipes.TRIXIE)).key == Image(recipes.TRIXIE).key


def test_images_that_nobody_wants_or_uses_are_removed(cache: Path) -> None:
    old = make_image(cache, "trixie-000000000000", days_unused=30)
    images.prune(Progress())
    assert not old.exists()


def test_images_that_were_used_lately_stay(cache: Path) -> None:
    recent = make_image(cache, "trixie-000000000000", days_unused=1)
    images.prune(Progress())
    assert recent.exists()


def test_images_that_are_wanted_stay(cache: Path) -> None:
    wanted = make_image(cache, Image(recipes.TRIXIE).key, days_unused=30)
    images.prune(Progress())
    assert wanted.exists()


def test_images_that_hosts_run_on_stay(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    used = make_image(cache, "trixie-000000000000", days_unused=30)
    monkeypatch.setattr(images.mounts, "lower_folders", lambda: {used})
    images.prune(Progress())
    assert used.exists()
