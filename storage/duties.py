"""What the worker does about storage by the clock."""

from controlpanel.operations.recovery import every

from . import reaping, services, snapshots, usage


@every(seconds=60)
def refresh_usage() -> None:
    """How full pools and volumes are."""
    usage.refresh_due()


@every(seconds=5)
def reap() -> None:
    """What hosts left open when they died."""
    reaping.reap_due()


@every(seconds=300)
def purge() -> None:
    """Volumes whose time in the trash is over."""
    services.purge_due()


@every(seconds=300)
def rotate_snapshots() -> None:
    """Regular snapshots, a few volumes at a time."""
    snapshots.rotate_due()
