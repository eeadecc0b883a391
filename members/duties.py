"""What comes round by the clock."""

from controlpanel.operations.recovery import every

from . import mail


@every(seconds=5)
def send_mail() -> None:
    """Messages in the outbox."""
    mail.send_due()


@every(seconds=3600)
def forget_mail() -> None:
    """Messages sent long ago."""
    mail.forget_old()
