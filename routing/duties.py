"""What the worker does about certificates by the clock."""

from controlpanel.operations.recovery import every

from . import services


@every(seconds=3600)
def renew_certificates() -> None:
    """Certificates that end soon are issued anew and brought to the edges."""
    services.renew_due()
