"""What comes round by the clock."""

from controlpanel.operations.recovery import every

from . import services


@every(seconds=3600)
def forget_deliveries() -> None:
    """Deliveries of long ago."""
    services.forget_old()
