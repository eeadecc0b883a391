"""What comes round by the clock."""

from .api.repeats import forget_old
from .recovery import every


@every(seconds=3600)
def forget_answers() -> None:
    """Answers to writes of more than a day ago."""
    forget_old()
