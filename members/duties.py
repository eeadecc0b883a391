"""What comes round by the clock."""

from controlpanel.operations.recovery import every

from . import mail, password_reset, sessions, standing


@every(seconds=5)
def send_mail() -> None:
    """Messages in the outbox."""
    mail.send_due()


@every(seconds=5)
def write_password_resets() -> None:
    """To those who have forgotten their password."""
    password_reset.write_due()


@every(seconds=3600)
def forget_password_resets() -> None:
    """Those asked for long ago."""
    password_reset.forget_old()


@every(seconds=3600)
def forget_mail() -> None:
    """Messages sent long ago."""
    mail.forget_old()


@every(seconds=3600)
def review_members() -> None:
    """Who is behind with its dues: reminders, and what follows from them on its day."""
    standing.review()


@every(seconds=3600)
def forget_sessions() -> None:
    """Those that are over."""
    sessions.forget_old()
