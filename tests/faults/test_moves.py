"""A short run of moves with faults of chance; the long one is tests/bench/bench_faults.py."""

import os
import random

import pytest

from tests.panel import Panel

from . import moves

pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("hosts_as_found")]


def test_moves_with_faults_of_chance(panel: Panel) -> None:
    """FAULTS_SEED=… plays the same scenes again."""
    seed = int(os.environ.get("FAULTS_SEED") or random.SystemRandom().randrange(10**6))
    moves.run(panel, seed, count=2)
