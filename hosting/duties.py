"""What comes round by the clock."""

from controlpanel.operations.recovery import every

from . import services, web_hosts


@every(seconds=600)
def purge() -> None:
    """The data of sites deleted long ago."""
    services.purge_due()


@every(seconds=30)
def follow_edges() -> None:
    """An edge was enrolled or removed: web hosts must know whom they may answer."""
    web_hosts.sync_if_needed()
