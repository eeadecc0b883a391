"""``python -m tests.bench [NAME…]``: run the benchmarks one after the other (``click`` is ``bench_click.py``)."""

import subprocess
import sys
from pathlib import Path


def main(names: list[str]) -> int:
    """The number of benchmarks that failed; each prints and records its own results."""
    here = Path(__file__).parent
    known = sorted(path.stem.removeprefix("bench_") for path in here.glob("bench_*.py"))
    if unknown := set(names) - set(known):
        sys.exit(f"No benchmark {', '.join(sorted(unknown))}; there are {', '.join(known)}.")
    failed = 0
    for name in names or known:
        print(f"--- {name}", flush=True)
        failed += subprocess.run([sys.executable, "-m", f"tests.bench.bench_{name}"], check=False).returncode != 0
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
