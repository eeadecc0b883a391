"""Drain, resync, drift and what is known of hosts."""

from datetime import timedelta

import pytest
from django.utils import timezone

from controlpanel.fleet import channel, contacts, services
from controlpanel.fleet.choices import HostState
from controlpanel.fleet.models import DriftReport, Host
from controlpanel.operations import runner
from controlpanel.operations.choices import OperationState, StepState
from controlpanel.operations.models import Operation
from tests.factories import HostFactory

pytestmark = pytest.mark.django_db


# --- state ---------------------------------------------------------------------------------------------------------


def test_drain_and_undrain():
    host = HostFactory()
    assert services.drain(host) and host.state == HostState.DRAINING
    assert not services.drain(host), "it was draining already"
    assert services.undrain(host) and host.state == HostState.ACTIVE


@pytest.mark.parametrize("turn", [services.drain, services.undrain])
def test_a_fenced_host_stays_fenced(turn):
    host = HostFactory(state=HostState.FENCED)
    with pytest.raises(services.NotAllowed, match="Readmit"):
        turn(host)
    host.refresh_from_db()
    assert host.state == HostState.FENCED


# --- resync --------------------------------------------------------------------------------------------------------


def test_resync_goes_by_role_and_reserves_each_host(away):
    hosts = [away("edge1", "edge"), away("web1", "web"), away("web2", "web"), away("store1", "storage")]
    operation = services.resync(hosts)
    steps = [(step.stage, step.action, step.host) for step in operation.steps.all()]
    assert steps == [
        (0, "fleet.survey", "store1"),
        (1, "fleet.replace", "store1"),
        (2, "fleet.survey", "web1"),
        (2, "fleet.survey", "web2"),
        (3, "fleet.replace", "web1"),
        (3, "fleet.replace", "web2"),
        (4, "fleet.survey", "edge1"),
        (5, "fleet.replace", "edge1"),
    ]
    reserved = operation.reservations.values_list("resource", "exclusive")
    assert sorted(reserved) == [(f"host:{name}", True) for name in ("edge1", "store1", "web1", "web2")]
    assert operation.title == "Bring back in line: edge1, store1, web1, web2"
    assert operation.scopes == [], "only staff see it"


def test_a_fenced_host_gets_nothing():
    with pytest.raises(services.NotAllowed):
        services.resync([HostFactory(), HostFactory(state=HostState.FENCED)])
    with pytest.raises(services.NotAllowed):
        services.resync([])
    assert not Operation.objects.exists()


def test_a_host_that_is_away_is_waited_for_and_known_as_away(away):
    host = away("mail1")
    operation = services.resync([host])
    runner.run(operation.pk)
    operation.refresh_from_db()
    assert operation.state == OperationState.WAITING
    step = operation.steps.get(action="fleet.survey")
    assert step.state == StepState.WAITING and step.trouble["code"] == "host_away"
    assert "mail1 cannot be reached" in step.detail
    contacts.note_all()
    host.refresh_from_db()
    assert not host.reachable


def test_a_skipped_step_leaves_the_host_due_for_a_resync(away):
    from controlpanel.operations.registry import action_for

    host = away("mail1")
    step = services.resync([host]).steps.get(action="fleet.replace")
    action_for("fleet.replace").on_skip(step)
    host.refresh_from_db()
    assert host.needs_resync


def test_the_full_state_is_sent_with_the_survey_s_number(away, monkeypatch):
    """Without a survey nothing may be pruned: what came meanwhile is not known."""
    from controlpanel.operations.registry import action_for

    host = away("mail1")
    operation = services.resync([host])
    replace = operation.steps.get(action="fleet.replace")
    assert action_for("fleet.replace").request(replace).args["prune"] is False
    operation.steps.filter(action="fleet.survey").update(state=StepState.SUCCEEDED, answer={"seq": 41})
    args = action_for("fleet.replace").request(replace).args
    assert (args["prune"], args["as_of"], args["operation"]) == (True, 41, operation.pk)


def test_hosts_that_are_back_are_resynced_once():
    HostFactory(name="back", needs_resync=True, reachable=True)
    HostFactory(name="still-away", needs_resync=True, reachable=False)
    HostFactory(name="fenced", needs_resync=True, state=HostState.FENCED)
    HostFactory(name="well")
    assert services.resync_returned() == 1
    assert services.resync_returned() == 0, "it is on its way"
    Operation.objects.update(state="failed", finished=timezone.now())
    assert services.resync_returned() == 0, "it failed just now: somebody has to look"
    Operation.objects.update(finished=timezone.now() - services.RESYNC_AGAIN_AFTER)
    assert services.resync_returned() == 1
    assert [operation.params for operation in Operation.objects.all()] == [{"hosts": ["back"]}] * 2


# --- drift ---------------------------------------------------------------------------------------------------------


def test_a_host_that_cannot_be_compared_gets_a_report_that_says_so(away):
    report = services.drift_of(away("mail1"))
    assert report.differences == [] and "mail1 cannot be reached" in report.error


def answers(monkeypatch, *differences):
    """Hosts answer these lists of differences, one after the other (the last one for ever)."""
    left = list(differences)

    def asked(host, timeout):
        return left.pop(0) if len(left) > 1 else left[0]

    monkeypatch.setattr(services, "_differences", asked)
    monkeypatch.setattr(services, "SETTLE", 0)


def difference(id, problem="edited", detail=""):
    return {"kind": "site", "id": id, "problem": problem, "detail": detail}


def test_what_is_gone_at_the_second_look_was_a_change_under_way(monkeypatch):
    answers(monkeypatch, [difference("1"), difference("2", "missing")], [difference("2", "missing"), difference("3")])
    report = services.drift_of(HostFactory())
    assert [item["id"] for item in report.differences] == ["2"]


def test_a_report_holds_no_secret(monkeypatch):
    pem = "-----BEGIN PRIVATE KEY-----\nabc\n-----END PRIVATE KEY-----"
    answers(monkeypatch, [difference("1", detail=f"is {pem}")])
    assert "abc" not in str(services.drift_of(HostFactory()).differences)


def test_hosts_are_compared_in_turn(monkeypatch):
    answers(monkeypatch, [])
    first, second = HostFactory(name="a"), HostFactory(name="b")
    compared = [services.check_drift_due() for _ in range(3)]
    assert compared[2] is None and {host.name for host in compared[:2]} == {first.name, second.name}
    DriftReport.objects.filter(host=second).update(checked=timezone.now() - timedelta(days=1))
    assert services.check_drift_due() == second
    services.forget_drift("a")
    assert services.check_drift_due() == first, "after a resync it is its turn at once"


# --- contacts ------------------------------------------------------------------------------------------------------

HELLO = {"boot_id": "b1", "version": "v1", "facts": {"cpus": 2}}


def test_a_contact_is_written_down():
    host = HostFactory(reachable=False, last_seen=None)
    contacts.note_contact(host, HELLO)
    host.refresh_from_db()
    assert (host.reachable, host.boot_id, host.agent_version, host.facts) == (True, "b1", "v1", {"cpus": 2})
    assert host.last_seen is not None


def test_old_news_changes_nothing():
    """Each worker process has its own line: one that heard of a boot long ago must not undo what another knows."""
    host = HostFactory(last_seen=None)
    now = timezone.now()
    contacts.note_contact(host, {**HELLO, "boot_id": "b2"}, now)
    contacts.note_contact(host, HELLO, now - timedelta(minutes=1))
    contacts.note_away(host, now - timedelta(minutes=1))
    host.refresh_from_db()
    assert host.boot_id == "b2" and host.reachable
    contacts.note_away(host, now + timedelta(seconds=1))
    host.refresh_from_db()
    assert not host.reachable


def test_last_seen_is_not_written_all_the_time(django_assert_num_queries):
    host = HostFactory(last_seen=None)
    now = timezone.now()
    contacts.note_contact(host, HELLO, now)
    contacts.note_contact(host, HELLO, now + timedelta(seconds=1))
    host.refresh_from_db()
    assert host.last_seen == now
    contacts.note_contact(host, {**HELLO, "boot_id": "b2"}, now + timedelta(seconds=2))
    host.refresh_from_db()
    assert host.boot_id == "b2"


def test_everybody_is_asked(away):
    away("mail1"), away("mail2")
    assert services.ping_all(timeout=3) == {"mail1": False, "mail2": False}
    assert set(Host.objects.values_list("reachable", flat=True)) == {False}


def test_a_host_that_was_enrolled_again_gets_a_new_line(away):
    host = away("mail1")
    first = channel.call(host, "ping")
    assert first.exception(10) is not None
    line = channel._lines["mail1"]
    host.port = 10
    assert channel.call(host, "ping").exception(10) is not None
    assert channel._lines["mail1"] is not line
