"""Resync: hosts brought back to exactly what the database says."""

from concurrent.futures import Future
from typing import Any

from django.utils.translation import gettext_lazy as _

from controlpanel.operations.choices import StepState
from controlpanel.operations.errors import Refused
from controlpanel.operations.futures import in_thread
from controlpanel.operations.models import Operation, Step
from controlpanel.operations.registry import Action, Params, Plan, PlannedStep, Reserve, Stages, register

from . import contacts, services
from . import power as power  # registers its step
from .actions import ApplyAction, Call, HostAction, apply_call
from .choices import HostState, Role
from .desired import desired_state, inspectors_of, tell
from .models import Host

#: Which hosts come first: a site needs its volume, and a route its site.
ORDER = (Role.DIRECTORY, Role.STORAGE, Role.DATABASE, Role.WEB, Role.MAIL, Role.EDGE)


@register
class Resync(Plan):
    """``{"hosts": [names]}``. It repeats what the database says, so there is nothing to take back."""

    kind = "fleet.resync"
    title = _("Bring back in line: %(hosts)s")

    def stages(self, params: Params) -> Stages:
        hosts = list(Host.objects.filter(name__in=params["hosts"]).order_by("name"))
        stages = [[PlannedStep("fleet.mend", host.name) for host in hosts if inspectors_of(host)]]
        for role in ORDER:
            group = [host.name for host in hosts if _first_role(host) == role]
            stages.append([PlannedStep("fleet.survey", name) for name in group])
            stages.append([PlannedStep("fleet.replace", name) for name in group])
        return [stage for stage in stages if stage]

    def reservations(self, params: Params) -> list[Reserve]:
        return [Reserve(f"host:{name}") for name in params["hosts"]]

    def describe(self, params: Params) -> str:
        return str(self.title) % {"hosts": ", ".join(params["hosts"])}

    def on_success(self, operation: Operation) -> None:
        for name in operation.params["hosts"]:
            services.forget_drift(name)


def _first_role(host: Host) -> Role:
    return next((role for role in ORDER if role.value in host.roles), ORDER[-1])


@register
class Mend(Action):
    """What the host's role keeps outside its agent (the directory's tree), brought about by the role's inspectors."""

    name = "fleet.mend"
    title = _("Mend what %(host)s keeps for everybody")

    def submit(self, step: Step) -> "Future[dict[str, Any]]":
        host = Host.objects.get(name=step.host)

        def work() -> dict[str, Any]:
            for inspector in inspectors_of(host):
                inspector.resync(host)
            return {}

        return in_thread(work, f"mend-{host.name}")


@register
class Survey(HostAction):
    """How far the host's journal is, *before* the database is read for the whole state.

    What is applied there later (by an operation that began meanwhile) is then not taken away.
    """

    name = "fleet.survey"
    title = _("Ask %(host)s where it stands")
    for_fenced = True

    def request(self, step: Step) -> Call:
        return Call("hello", timeout=20)

    def confirm(self, step: Step, answer: dict[str, Any]) -> None:
        contacts.note_contact(step.host, answer)


@register
class Replace(ApplyAction):
    """Everything that the host should hold, in one batch; what it holds besides is taken away (data never is)."""

    name = "fleet.replace"
    title = _("Send %(host)s everything that it should hold")
    timeout = 900.0

    def request(self, step: Step) -> Call:
        host = Host.objects.get(name=step.host)
        if host.state == HostState.FENCED:
            raise Refused("host_fenced", {"host": host.name})
        survey = (
            Step.objects.filter(
                operation=step.operation_id, action=Survey.name, host=step.host, state=StepState.SUCCEEDED
            )
            .order_by("-position")
            .first()
        )
        seq = survey.answer.get("seq") if survey is not None else None
        options = {"as_of": seq} if isinstance(seq, int) else {}
        prune = bool(options)  # the survey was skipped: then nothing is known well enough to take things away
        return apply_call(step.operation_id, desired_state(host), timeout=self.timeout, prune=prune, **options)

    def confirm(self, step: Step, answer: dict[str, Any]) -> None:
        Host.objects.filter(name=step.host).update(needs_resync=False)
        tell(Host.objects.get(name=step.host), answer.get("items", []))
        # Thousands of lines "unchanged" help nobody.
        told = [item for item in answer.get("items", []) if item.get("status") != "unchanged"]
        answer["unchanged"] = len(answer.get("items", [])) - len(told)
        answer["items"] = told[:200]
