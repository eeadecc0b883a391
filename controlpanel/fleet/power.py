"""Switching a host off from outside, through Debian's fence-agents (``fence_ipmilan``, ``fence_apc``, …).

The agent runs on the panel's machine, reads ``key=value`` lines on its standard input, and says by its exit code
whether the host is off. That proves something only where staff have set it up rightly, so it is never a substitute for
the fence at the storage: it stops a host that goes on running from doing anything else.
"""

import json
import os
import re
import stat
import subprocess
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import structlog
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from controlpanel.operations.errors import PassedOver, add_messages
from controlpanel.operations.futures import in_thread
from controlpanel.operations.models import Step
from controlpanel.operations.registry import Action, register

from .models import Host, PowerFence, validate_fence_agent

log = structlog.get_logger()

add_messages(
    {
        "power_not_set_up": _("Nobody has said how %(host)s can be switched off from outside."),
        "power_unconfirmed": _("It is not confirmed that %(host)s is off. It is cut off at the storage all the same."),
    }
)

#: Seconds that an agent gets. What is confirmed later is not waited for: sites are.
PATIENCE = 20.0
_KEY = re.compile(r"\A[a-z][a-z0-9_-]{0,39}\Z")
#: The panel says these itself.
_OURS = ("action",)


def configure(host: Host, agent: str, parameters: dict[str, str]) -> PowerFence:
    """Say how a host can be switched off. Raises ValidationError."""
    validate_fence_agent(agent)
    check_parameters(parameters)
    row, _created = PowerFence.objects.update_or_create(
        host=host, defaults={"agent": agent, "parameters": json.dumps(parameters, sort_keys=True)}
    )
    return row


def check_parameters(parameters: dict[str, str]) -> None:
    """Raises ValidationError for what could be something else to the agent than it looks like."""
    for key, value in parameters.items():
        if not _KEY.match(key) or key in _OURS:
            raise ValidationError(_("“%(key)s” is no parameter that can be set."), params={"key": key})
        if not isinstance(value, str) or len(value) > 400 or any(ord(letter) < 32 for letter in value):
            raise ValidationError(_("The value of “%(key)s” must be one line of text."), params={"key": key})


def program_of(agent: str) -> Path:
    """The agent's program. Raises ValueError unless it is there and nobody but root could have put it there."""
    validate_fence_agent(agent)
    path = Path(settings.FENCE_AGENTS) / agent
    status = path.stat()
    if not stat.S_ISREG(status.st_mode) or status.st_uid != 0 or status.st_mode & 0o022:
        raise ValueError(f"{path} is not a program of root's")
    return path


def run(fence: PowerFence, action: str, patience: float = PATIENCE) -> tuple[bool, str]:
    """Let the agent do it ("off", "on", "status"); whether it says that it is done, and what it said. Never raises.

    What the agent says is for staff; the parameters' values are taken out of it.
    """
    parameters: dict[str, str] = json.loads(fence.parameters)
    lines = "".join(f"{key}={value}\n" for key, value in {**parameters, "action": action}.items())
    try:
        done = subprocess.run(
            [str(program_of(fence.agent))],
            input=lines,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=patience,
            env={"PATH": os.defpath, "LC_ALL": "C.UTF-8"},
            check=False,
        )
    except (OSError, ValueError, ValidationError, subprocess.SubprocessError) as error:
        said, confirmed = f"{type(error).__name__}: {error}", False
    else:
        said, confirmed = (done.stderr + done.stdout).strip()[-1000:], done.returncode == 0
    for value in parameters.values():
        said = said.replace(value, "…") if len(value) > 3 else said
    log.info("power fence", host=fence.host_id, agent=fence.agent, action=action, confirmed=confirmed)
    return confirmed, said


@register
class PowerOff(Action):
    """Switch ``step.host`` off, if staff have said how. It holds nothing up: what is not confirmed is passed over."""

    name = "fleet.power_off"
    title = _("Switch %(host)s off from outside")

    def submit(self, step: Step) -> "Future[dict[str, Any]]":
        fence = PowerFence.objects.filter(host__name=step.host).first()

        def work() -> dict[str, Any]:
            if fence is None:
                raise PassedOver("power_not_set_up", {"host": step.host})
            confirmed, said = run(fence, "off")
            if not confirmed:
                raise PassedOver("power_unconfirmed", {"host": step.host}, said)
            return {"confirmed": True, "said": said}

        return in_thread(work, f"power-{step.host}")
