"""What the worker does about edges by the clock."""

from controlpanel.operations.recovery import every

from . import issuing, services, traffic


@every(seconds=20)
def renew_certificates() -> None:
    """Names that wait for a certificate are looked at again, those that end soon are renewed, a batch at a time."""
    issuing.renew_due()


@every(seconds=10)
def announce_web_hosts() -> None:
    """Edges learn of web hosts that were enrolled, removed or renumbered."""
    services.sync_if_needed()


@every(seconds=5)
def watch_shielded_sites() -> None:
    """What visitors ask of sites that are shielded, or should be."""
    traffic.look(watched=True)


@every(seconds=60)
def watch_all_sites() -> None:
    """What visitors ask of all sites; where that is far more than usual, a shield is suggested."""
    traffic.suggest(traffic.look(watched=False))
