"""What the queue calls. Each is safe to be called twice, late, or never (the sweep reminds)."""

from . import recovery, runner


def run(operation_id: int) -> None:
    """A wake-up for one operation."""
    runner.run(operation_id)


def do_duty(name: str) -> None:
    """One of the duties that come round by the clock."""
    recovery.do_duty(name)
