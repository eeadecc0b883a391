"""Commands: clear refusals that say what to do next, exit status for programs."""

import json

import pytest
from django.core.management import CommandError, call_command

from controlpanel.fleet.models import DriftReport, Host
from controlpanel.operations.models import Operation
from tests.factories import HostFactory

pytestmark = pytest.mark.django_db(transaction=True)


def test_drift_of_a_host_that_is_away(away, capsys):
    away("mail1")
    with pytest.raises(SystemExit) as ended:
        call_command("drift", "--json")
    assert ended.value.code == 1
    [report] = json.loads(capsys.readouterr().out)
    assert report["host"] == "mail1" and "cannot be reached" in report["error"]
    assert DriftReport.objects.get().error


def test_drift_of_no_host_is_fine(capsys):
    call_command("drift")


@pytest.mark.parametrize("command", ["drift", "resync"])
def test_an_unknown_host_is_named_and_the_known_ones_too(command):
    HostFactory(name="web1")
    with pytest.raises(CommandError, match=r"no host webb1. There are: web1"):
        call_command(command, "webb1")


@pytest.mark.parametrize("arguments", [[], ["web1", "--all"]])
def test_resync_wants_names_or_all(arguments):
    with pytest.raises(CommandError, match="Name the hosts, or give --all"):
        call_command("resync", *arguments)


def test_resync_leaves_what_must_wait_to_the_worker(away, capsys):
    away("mail1")
    with pytest.raises(CommandError, match="Not every host"):
        call_command("resync", "mail1", "--wait", "0.5")
    out = capsys.readouterr().out
    assert "mail1 cannot be reached" in out
    assert f"Operation {Operation.objects.get().pk} waits" in out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["Web1", "127.0.0.1", "--role", "web"], "lower-case"),
        (["web1;id", "127.0.0.1", "--role", "web"], "lower-case"),
        (["web1", "example.org", "--role", "web"], "address"),
        (["web1", "127.0.0.1", "--role", "web", "--port", "70000"], "port"),
        (["web1", "127.7.7.9", "--role", "web", "--port", "9"], "no SSH server at 127.7.7.9 port 9"),
    ],
)
def test_enrolment_refuses_and_says_why(arguments, words, panel_key):
    with pytest.raises(CommandError, match=words):
        call_command("enroll", *arguments)
    assert not Host.objects.exists()


def test_enrolment_wants_a_role_that_exists():
    with pytest.raises(CommandError, match="--role"):
        call_command("enroll", "web1", "127.0.0.1")
    with pytest.raises(CommandError, match="invalid choice"):
        call_command("enroll", "web1", "127.0.0.1", "--role", "king")


def test_the_address_of_another_host_is_refused(panel_key):
    HostFactory(name="web1", address="127.7.7.9")
    with pytest.raises(CommandError, match="the address of web1"):
        call_command("enroll", "web2", "127.7.7.9", "--role", "web")
