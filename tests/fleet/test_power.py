"""The power fence: Debian's fence-agents, run as they want to be, and never trusted further than they go."""

import json
from pathlib import Path

import pytest
from django.core.exceptions import ValidationError
from django.test import Client
from django.urls import reverse

from controlpanel.fleet import power
from controlpanel.fleet.models import PowerFence
from controlpanel.operations.errors import PassedOver
from controlpanel.operations.models import Step
from controlpanel.operations.registry import action_for
from tests import factories as make

pytestmark = pytest.mark.django_db

AGENT = """#!/bin/sh
cat >"$0.said"
echo "plug of password hunter22 is off"
exit %d
"""


@pytest.fixture
def agents(tmp_path: Path, settings: object) -> Path:
    settings.FENCE_AGENTS = str(tmp_path)  # type: ignore[attr-defined]
    return tmp_path


def install(agents: Path, name: str = "fence_test", code: int = 0, mode: int = 0o755, body: str = "") -> Path:
    path = agents / name
    path.write_text(body or AGENT % code)
    path.chmod(mode)
    return path


def fence(**parameters: str) -> PowerFence:
    return power.configure(make.HostFactory(name="web1"), "fence_test", parameters)


def test_it_reads_its_parameters_and_the_action_from_its_standard_input(agents: Path) -> None:
    program = install(agents)

    assert power.run(fence(ip="192.0.2.9", password="hunter22"), "off") == (True, "plug of password … is off")
    said = (agents / f"{program.name}.said").read_text()
    assert said == "ip=192.0.2.9\npassword=hunter22\naction=off\n"


@pytest.mark.parametrize("trouble", ["fails", "is not there", "may be changed by others", "never ends"])
def test_what_is_not_confirmed_is_told_and_raises_nothing(agents: Path, trouble: str) -> None:
    if trouble == "fails":
        install(agents, code=1)
    if trouble == "may be changed by others":
        install(agents, mode=0o777)
    if trouble == "never ends":
        install(agents, body="#!/bin/sh\nexec sleep 60\n")

    confirmed, said = power.run(fence(ip="192.0.2.9"), "off", patience=0.5)

    assert not confirmed
    assert said


@pytest.mark.parametrize("agent", ["reboot", "fence_x; id", "../fence_x", "fence_X", "fence_"])
def test_only_names_of_fence_agents_are_taken(agent: str) -> None:
    with pytest.raises(ValidationError):
        power.configure(make.HostFactory(), agent, {})


@pytest.mark.parametrize(
    "parameters",
    [{"ip": "a\naction=on"}, {"action": "on"}, {"IP": "x"}, {"a b": "c"}, {"ip": "x\0"}, {"ip": "x" * 999}],
)
def test_a_value_is_one_line_and_the_action_is_ours(parameters: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        power.configure(make.HostFactory(), "fence_test", parameters)


def test_its_secrets_are_encrypted_where_they_lie() -> None:
    from django.db import connection

    fence(password="hunter22")
    with connection.cursor() as cursor:
        cursor.execute("SELECT parameters FROM fleet_powerfence")
        assert "hunter22" not in cursor.fetchone()[0]


def test_a_step_holds_nothing_up_where_none_is_configured() -> None:
    step: Step = make.StepFactory(action="fleet.power_off", host="web1")

    assert isinstance(action_for(step.action).submit(step).exception(1), PassedOver)


def test_the_admin_takes_parameters_and_never_shows_them(staff_client: Client) -> None:
    host = make.HostFactory(name="web1")
    data = {"host": host.pk, "agent": "fence_ipmilan", "lines": "ip=192.0.2.9\npassword = hunter22"}

    staff_client.post(reverse("admin:fleet_powerfence_add"), data)
    row = PowerFence.objects.get()
    assert json.loads(row.parameters) == {"ip": "192.0.2.9", "password": "hunter22"}
    address = reverse("admin:fleet_powerfence_change", args=[row.pk])
    assert "hunter22" not in staff_client.get(address).content.decode()

    staff_client.post(address, {"host": host.pk, "agent": "fence_apc", "lines": ""})
    row.refresh_from_db()
    assert (row.agent, json.loads(row.parameters)["password"]) == ("fence_apc", "hunter22")


@pytest.fixture
def staff_client() -> Client:
    client = Client()
    client.force_login(make.StaffFactory(), backend="members.backends.DirectoryBackend")
    return client
