"""Small tools of the measurements."""

import math
import time
from collections.abc import Callable, Sequence
from typing import Any


def timed(call: Callable[[], Any]) -> tuple[float, Any]:
    """How long a call took, in seconds, and what it returned."""
    begin = time.perf_counter()
    value = call()
    return time.perf_counter() - begin, value


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that at least ``percent`` of the values do not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]
