"""Where the agent keeps its own things on a host."""

from __future__ import annotations

import os
from dataclasses import dataclass


@dataclass(frozen=True)
class Paths:
    """All below one root, so that tests may have their own."""

    root: str = "/"

    def _below(self, path: str) -> str:
        return os.path.join(self.root, path)

    @property
    def zipapp(self) -> str:
        return self._below("usr/local/lib/controlpanel/agent.pyz")

    @property
    def settings(self) -> str:
        """``{"name": …, "roles": […]}``, written by ``install``."""
        return self._below("etc/controlpanel/agent.json")

    @property
    def state(self) -> str:
        """What was applied here (SQLite, root only: specs hold secrets)."""
        return self._below("var/lib/controlpanel/state.db")

    @property
    def home(self) -> str:
        """Home of the service user: root's, so that the user cannot change which commands its key may run."""
        return self._below("var/lib/controlpanel/home")

    @property
    def fenced(self) -> str:
        """There while this host is fenced off and has not been cleaned (``standdown.py``)."""
        return self._below("var/lib/controlpanel/fenced")

    @property
    def lock(self) -> str:
        return self._below("run/controlpanel/lock")

    @property
    def waiting(self) -> str:
        """Batches that wait for the lock. They hold secrets."""
        return self._below("run/controlpanel/waiting")

    @property
    def unfinished(self) -> str:
        """Which resources a transaction is changing now. In /run: after a reboot every service reads its files anew."""
        return self._below("run/controlpanel/unfinished.json")
