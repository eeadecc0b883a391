"""What the worker does about hosts by the clock."""

from controlpanel.operations.recovery import every

from . import samples, services


@every(seconds=15)
def ping() -> None:
    """Know who is there, also while nobody changes anything."""
    services.ping_all()


@every(seconds=20)
def compare() -> None:
    """Compare one host whose turn it is with the database."""
    services.check_drift_due()


@every(seconds=10)
def mend_returned() -> None:
    """Hosts that missed a change and are back get their whole state."""
    services.resync_returned()


@every(seconds=5)
def stand_down_fenced() -> None:
    """Hosts that were given up and are back find out."""
    services.stand_down_fenced()


@every(seconds=30)
def collect_samples() -> None:
    """What hosts and sites use."""
    samples.collect()


@every(seconds=3600)
def thin_samples() -> None:
    """Old samples become averages."""
    samples.thin()
