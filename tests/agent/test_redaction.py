"""Secrets of a spec never leave the agent: not in the journal, answers, errors, progress or drift."""

import json

import pytest

from controlpanel.agent.errors import AgentError
from controlpanel.agent.kinds.base import Kind
from controlpanel.agent.redaction import MASK, scrub, secrets_of

from .toy import note

SECRET = "s3cret-of-the-test"


def told(agent) -> str:
    """Everything that anybody else can read."""
    return json.dumps([agent.store.journal(), agent.progress])


def test_answers_hide_it(agent):
    answer = agent.apply(note("a", password=SECRET))
    assert answer["items"][0]["answer"] == {"said": f"hello {MASK}"}
    assert SECRET not in told(agent)


def test_failures_hide_it(agent):
    answer = agent.apply(note("a", password=SECRET, fail_alone="yes"))
    assert answer["items"][0]["output"] == MASK
    with pytest.raises(AgentError) as raised:
        agent.apply(note("b", password=SECRET, stumble="yes"))
    assert SECRET not in raised.value.reason + raised.value.output
    assert SECRET not in told(agent)


def test_the_old_secret_is_hidden_too(agent):
    agent.apply(note("a", password=SECRET))
    agent.note.reload = lambda: agent.context.progress({}) or 1 / 0
    agent.note.remove = lambda tx, items: (_ for _ in ()).throw(RuntimeError(items[0].previous["password"]))
    with pytest.raises(AgentError) as raised:
        agent.apply(note("a", revision=2, present=False))
    assert SECRET not in raised.value.reason + raised.value.output


def test_progress_hides_it(agent):
    original = agent.note.apply

    def apply(tx, items):
        tx.progress({"doing": f"login with {items[0].spec['password']}"})
        original(tx, items)

    agent.note.apply = apply
    agent.apply(note("a", password=SECRET))
    assert agent.progress == [{"doing": f"login with {MASK}"}]


def test_drift_names_the_field_and_hides_both_values(agent):
    agent.apply(note("a", "one", password=SECRET))
    wanted = [note("a", "two", revision=2, password="another-" + SECRET)]
    [difference] = agent.apply(*wanted, check=True)["differences"]
    assert difference["detail"] == "password, text: 'one' instead of 'two'"
    assert SECRET not in json.dumps(difference)


def test_an_invalid_spec_is_not_quoted(agent):
    answer = agent.apply(note("a", text="\n", password=SECRET))
    assert SECRET not in json.dumps(answer)


def test_every_line_of_a_key_is_a_secret():
    class Certificate(Kind):
        secrets = frozenset({"pem"})

    pem = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBg\nkqhkiG9w0BAQ\n-----END PRIVATE KEY-----\n"
    secrets = secrets_of(Certificate(), {"pem": [pem], "names": ["a.test"]})
    text = {"output": ["haproxy: bad line kqhkiG9w0BAQ in a.test", {"MIIEvQIBADANBg": 1}]}
    assert scrub(text, secrets) == {"output": [f"haproxy: bad line {MASK} in a.test", {MASK: 1}]}
