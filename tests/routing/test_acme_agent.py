"""What goes into the map that answers certificate authorities: nothing but tokens and their answers."""

import re
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlpanel.agent.errors import Invalid
from controlpanel.agent.haproxy import acme, config, paths, rows
from controlpanel.agent.haproxy.tables import Table
from controlpanel.agent.kinds.acme_challenge import AcmeChallenge

KIND = AcmeChallenge()
WORDS = string.ascii_letters + string.digits + "_-"
tokens = st.text(WORDS, min_size=16, max_size=128)
prints = st.text(WORDS, min_size=43, max_size=43)


@given(tokens, prints)
def test_a_token_and_its_answer_become_one_row(token: str, fingerprint: str) -> None:
    spec = KIND.validate("route-1", {"token": token, "answer": f"{token}.{fingerprint}"})
    table = Table.of(rows.of_acme_challenge("route-1", spec)[paths.CHALLENGES])
    assert dict(table) == {token: f"{token}.{fingerprint}"}


@given(st.text(max_size=150), st.text(max_size=260))
def test_whatever_is_sent_is_refused_or_is_one_clean_row(token: str, answer: str) -> None:
    try:
        spec = KIND.validate("route-1", {"token": token, "answer": answer})
    except Invalid:
        return
    assert re.fullmatch(r"[A-Za-z0-9_-]+", spec["token"])
    assert re.fullmatch(r"[A-Za-z0-9_-]+[.][A-Za-z0-9_-]{43}", spec["answer"])


@given(tokens, prints, st.sampled_from(["\n", " ", ";", "%", '"', "\\", "\x00", "é", "."]), st.integers(0, 200))
def test_one_bad_character_anywhere_is_refused(token: str, fingerprint: str, bad: str, at: int) -> None:
    answer = f"{token}.{fingerprint}"
    for spec in (
        {"token": token[:at] + bad + token[at:], "answer": answer},
        {"token": token, "answer": answer[:at] + bad + answer[at:]},
    ):
        with pytest.raises(Invalid):
            KIND.validate("route-1", spec)


@pytest.mark.parametrize("id", ["", "1", "route-0", "route-1\n", "route-a", "site-1", "route-" + "9" * 20])
def test_only_the_id_of_a_name(id: str) -> None:
    with pytest.raises(Invalid):
        KIND.validate(id, {"token": "t" * 20, "answer": f"{'t' * 20}.{'k' * 43}"})


def test_the_answer_to_another_token_is_refused() -> None:
    with pytest.raises(Invalid):
        KIND.validate("route-1", {"token": "t" * 20, "answer": f"{'u' * 20}.{'k' * 43}"})


def test_a_new_token_takes_the_row_of_the_one_before_away() -> None:
    old, new = ({"token": letter * 20, "answer": f"{letter * 20}.{'k' * 43}"} for letter in "ab")
    assert rows.of_acme_challenge("route-1", new, old)[paths.CHALLENGES] == {"a" * 20: None, "b" * 20: new["answer"]}


def test_authorities_are_answered_before_anything_else_is_done_with_a_request() -> None:
    frontend = config.render([]).partition("frontend web\n")[2]
    first = next(line for line in frontend.splitlines() if line.strip().startswith("http-request"))
    assert first in acme.RULES
