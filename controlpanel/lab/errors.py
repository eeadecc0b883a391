"""What can go wrong, told to the person at the keyboard."""


class LabError(Exception):
    """The message says what happened and what to do; it is shown without a traceback."""
