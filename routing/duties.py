"""What the worker does about edges by the clock."""

from controlpanel.operations.recovery import every

from . import services


@every(seconds=3600)
def renew_certificates() -> None:
    """Certificates that end soon are issued anew and brought to the edges."""
    services.renew_due()


@every(seconds=10)
def announce_web_hosts() -> None:
    """Edges learn of web hosts that were enrolled, removed or renumbered."""
    services.sync_if_needed()
