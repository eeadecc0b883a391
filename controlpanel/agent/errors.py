"""What the agent answers when it does not do what was asked."""


class AgentError(Exception):
    """Base: ``code`` is for the panel (operations/errors.py has the texts), ``output`` is raw text for staff."""

    code = "internal"

    def __init__(self, reason: str = "", output: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.output = output


class Invalid(AgentError):
    """The arguments are not of the call's or the kind's form."""

    code = "invalid"


class Stale(AgentError):
    """A newer revision of the resource has been applied here."""

    code = "stale_revision"


class Rejected(AgentError):
    """The program that reads the configuration tested it and said no; everything was rolled back."""

    code = "configuration_rejected"


class Failed(AgentError):
    """A command or a system call failed; everything was rolled back as far as it can be."""

    code = "failed"


class Occupied(AgentError):
    """Another change of this host has been under way for too long: the same call may work later."""

    code = "occupied"


class Busy(AgentError):
    """Another holder has the thing that was asked for."""

    code = "busy"
