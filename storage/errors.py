"""What can be wrong with a request about volumes, and what storage and hosts answer, in words."""

from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from controlpanel.operations.errors import NotNow, add_messages


class StorageError(Exception):
    """It cannot be done; ``str()`` says why, in the reader's language."""


class Held(StorageError):
    """A host has the volume, or may still have it."""

    def __init__(self, volume: str, holder: str) -> None:
        super().__init__(_("%(volume)s is held by %(holder)s.") % {"volume": volume, "holder": holder})
        self.holder = holder


class IllegalTransition(StorageError):
    """The volume is not in a state from which that is possible."""

    def __init__(self, volume: str, state: str, transition: str) -> None:
        super().__init__(
            _("%(volume)s is in state “%(state)s”, in which this is not possible.") % {"volume": volume, "state": state}
        )
        self.state = state
        self.transition = transition


class HostIsFenced(StorageError):
    """A fenced host is granted nothing."""

    def __init__(self, host: str) -> None:
        super().__init__(_("%(host)s is fenced off. Readmit it first.") % {"host": host})


class NoPool(StorageError):
    """There is no storage to make a volume in."""

    def __init__(self) -> None:
        super().__init__(_("There is no storage with enough room."))


class StorageAway(NotNow):
    """The storage host answers, the storage behind it does not."""

    def __init__(self, params: dict[str, Any], output: str = "") -> None:
        super().__init__("storage_away", params, output)


add_messages(
    {
        "storage_away": gettext_lazy("The storage does not answer. This step is tried again until it does."),
        "busy": gettext_lazy("%(host)s: something else still has it: %(reason)s"),
        "not_detached": gettext_lazy("%(host)s could not let go of the volume, so that nobody else may have it yet."),
        "wrong_volume": gettext_lazy("%(host)s found something else where the volume should be: %(reason)s"),
        "cut_off": gettext_lazy("%(host)s has been cut off from the volume."),
        "not_ready": gettext_lazy("The host may not come back yet: %(reason)s. Restart it, then try again."),
        "still_mounted": gettext_lazy("%(host)s has not confirmed that it let go of the volume."),
        "fence_unconfirmed": gettext_lazy(
            "The storage did not confirm that %(host)s is cut off. Nobody else may have its volumes."
        ),
    }
)
