"""What can go wrong with a step, told so that the runner knows what to do and the reader knows what happened.

Two families. *Not now* (the host is away, the answer was lost): the step waits and is tried again, for as long as it
takes. *No* (refused, invalid, full): trying again changes nothing, so the operation fails and says why.
"""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext_lazy as _


class StepError(Exception):
    """Base. ``code`` is a key of MESSAGES, ``params`` fill its text; ``output`` is raw output for staff only."""

    def __init__(self, code: str, params: Mapping[str, Any] | None = None, output: str = "") -> None:
        super().__init__(code, dict(params or {}))
        self.code = code
        self.params = dict(params or {})
        self.output = output

    def as_trouble(self) -> dict[str, Any]:
        """For Step.trouble and Operation.error."""
        return {"code": self.code, "params": self.params, **({"output": self.output} if self.output else {})}


class NotNow(StepError):
    """The same call may work later: wait and try again."""


class HostAway(NotNow):
    """Nothing was sent: the host could not be reached."""

    def __init__(self, host: str, reason: str = "") -> None:
        super().__init__("host_away", {"host": host}, reason)


class AnswerLost(NotNow):
    """The call was sent and no answer came: it may have been done. Ask again; never assume."""

    def __init__(self, host: str, reason: str = "") -> None:
        super().__init__("answer_lost", {"host": host}, reason)


class DirectoryAway(NotNow):
    """No directory server answers."""

    def __init__(self, reason: str = "") -> None:
        super().__init__("directory_away", {}, reason)


class PassedOver(StepError):
    """It cannot be done now and is not waited for: the step counts as skipped, which its ``on_skip`` writes down."""


class Refused(StepError):
    """The host (or the directory) understood and said no. ``code`` comes from it."""


#: Texts for readers, by code. Apps add theirs with ``add_messages``.
MESSAGES: dict[str, Any] = {
    "host_away": _("%(host)s cannot be reached. This step is tried again until it answers."),
    "answer_lost": _("The connection to %(host)s broke before it answered. It is asked again."),
    "directory_away": _("The directory cannot be reached. This step is tried again until it answers."),
    "database_away": _("The panel could not reach its own database for a moment. This step is tried again."),
    "stale_revision": _("%(host)s has already applied something newer."),
    "invalid": _("%(host)s found the request invalid: %(reason)s"),
    "configuration_rejected": _("%(host)s tested the new configuration, rejected it, and kept the old one."),
    "internal": _("Something unexpected went wrong. Staff can see the details and try again."),
    "host_fenced": _("%(host)s is fenced off and may not serve before it has been readmitted."),
}


def add_messages(messages: Mapping[str, Any]) -> None:
    """Add an app's texts: code to (lazy, translatable) text with %(name)s placeholders."""
    MESSAGES.update(messages)


class Blank(dict[str, Any]):
    """Fills placeholders; "?" for what an operation of an earlier version did not have: its page must still open."""

    def __missing__(self, key: str) -> str:
        return "?"


def explain(trouble: Mapping[str, Any]) -> str:
    """A trouble's text in the reader's language; empty when there is no trouble."""
    if not trouble:
        return ""
    text = MESSAGES.get(trouble.get("code", ""), MESSAGES["internal"])
    return str(text) % Blank(trouble.get("params", {}))
