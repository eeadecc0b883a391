"""What comes over the wire: whatever it is, it does not break out of its place."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlpanel.agent.databases import names
from controlpanel.agent.databases.mariadb import accounts
from controlpanel.agent.databases.mariadb.connection import account, quote, quote_for_grant
from controlpanel.agent.databases.mariadb.target import check_position as mariadb_position
from controlpanel.agent.databases.postgresql import config
from controlpanel.agent.databases.postgresql.target import check_position as postgresql_position
from controlpanel.agent.errors import AgentError, Invalid

from . import verifiers

#: What quoting is about, and anything else.
HOSTILE = st.one_of(
    st.text(max_size=80),
    st.text("'\"`\\;-%_/*\n\0 ()db129_$", max_size=40),
    st.sampled_from(["db1`; DROP", "db1'--", 'db1"', "db1\n", "db١", "db1_a;b", "root", "postgres", "", "db0", "db01"]),
)


def spec(engine: str = "mariadb", **changes) -> dict:
    verifier = verifiers.of(engine, "secret")
    user = {"name": "db12", "verifier": verifier, "access": "owner", "connections": 3}
    whole = {
        "engine": engine,
        "charset": "",
        "connections": 5,
        "state": "serving",
        "clients": ["10.0.0.2"],
        "users": [user],
        "quota_full": False,
    }
    return {**whole, **changes}


@given(HOSTILE)
def test_only_plain_names_are_databases(name):
    try:
        names.validate(name, spec())
    except Invalid:
        assert not re.fullmatch(r"db[1-9][0-9]*", name, re.ASCII) or len(name) > 20 or name != "db12"
    else:
        assert name == "db12", "the user belongs to db12 alone"


@given(HOSTILE)
def test_only_users_of_the_database_are_its_users(name):
    user = {"name": name, "verifier": verifiers.of("mariadb", "x"), "access": "owner", "connections": 1}
    if re.fullmatch(r"db12(_[a-z0-9]{1,16})?", name, re.ASCII):
        names.validate("db12", spec(users=[user]))
    else:
        with pytest.raises(Invalid):
            names.validate("db12", spec(users=[user]))


@given(st.sampled_from(names.ENGINES), HOSTILE)
def test_a_password_is_never_taken_for_a_verifier(engine, text):
    user = {"name": "db12", "verifier": text, "access": "owner", "connections": 1}
    with pytest.raises(Invalid) as refused:
        names.validate("db12", spec(engine, users=[user]))
    assert len(text) < 6 or text not in refused.value.reason


def test_verifiers_of_one_engine_are_not_of_the_other():
    user = {"name": "db12", "verifier": verifiers.of("postgresql", "x"), "access": "owner", "connections": 1}
    with pytest.raises(Invalid):
        names.validate("db12", spec("mariadb", users=[user]))


@given(HOSTILE)
def test_a_quoted_identifier_is_one_identifier(text):
    try:
        quoted = quote(text)
    except AgentError:
        assert not text or "\0" in text or len(text) > 64
        return
    assert quoted[0] == quoted[-1] == "`"
    assert "`" not in quoted[1:-1].replace("``", "")


@given(HOSTILE)
def test_only_databases_are_granted_on(text):
    try:
        assert re.fullmatch(r"`db[0-9]+`", quote_for_grant(text))
    except AgentError:
        assert not names.is_database(text)


@given(HOSTILE, HOSTILE)
def test_an_account_is_one_user_at_one_host(user, host):
    try:
        text = account(user, host)
    except AgentError:
        return
    assert re.fullmatch(r"'[\w.]+'@'(%|[0-9a-f.:]*)'", text)


@given(HOSTILE, st.one_of(st.integers(), HOSTILE))
def test_positions_are_only_what_a_server_could_have_said(file, number):
    for check, raw in ((mariadb_position, {"file": file, "position": number}), (postgresql_position, {"lsn": file})):
        try:
            checked = check(raw)
        except Invalid:
            continue
        assert re.fullmatch(r"[A-Za-z0-9._/-]*", checked.get("file", checked.get("lsn")))


@given(st.lists(st.ip_addresses().map(str), max_size=4), st.integers(1, 10**9))
def test_every_line_of_access_names_one_database_its_users_and_one_address(clients, number):
    name = f"db{number}"
    user = {"name": name, "verifier": verifiers.of("postgresql", "x"), "access": "owner", "connections": 1}
    reader = {**user, "name": f"{name}_r", "access": "read_only"}
    database = names.parse(name, names.validate(name, spec("postgresql", clients=clients, users=[user, reader])))
    lines = [line for line in config.render_databases([database]).splitlines() if not line.startswith("#")]
    assert len(lines) == len(set(clients))
    for line in lines:
        form = rf'hostssl "{name}" "{name}","{name}_r" [0-9a-f.:]+/(32|128) scram-sha-256'
        assert re.fullmatch(form, line), line


# --- rights ----------------------------------------------------------------------------------------------------------


def rights(access: str = "owner", **changes) -> frozenset:
    database = names.parse("db12", names.validate("db12", spec(**changes)))
    return accounts.privileges(database, names.User("db12", "", access, 1))


def test_a_full_database_may_be_read_and_emptied_and_nothing_grows():
    full = rights(quota_full=True)
    assert {"SELECT", "DELETE", "DROP"} <= full
    assert not full & {"INSERT", "UPDATE", "CREATE", "ALTER", "INDEX", "CREATE TEMPORARY TABLES", "CREATE ROUTINE"}


def test_a_read_only_database_is_only_read():
    assert not rights(state="read_only") & {"INSERT", "UPDATE", "DELETE", "DROP", "CREATE", "ALTER"}


def test_a_locked_database_keeps_its_rights_so_that_unlocking_is_one_step():
    assert rights(state="locked") == rights(state="serving") == accounts.ALL


def test_readers_only_read_whatever_the_state():
    for state in names.STATES:
        assert rights("read_only", state=state) == accounts.READ


def test_nobody_may_grant_or_schedule():
    assert not accounts.ALL & {"GRANT OPTION", "EVENT", "SUPER", "FILE"}


def test_a_database_without_clients_is_closed():
    assert names.parse("db12", names.validate("db12", spec(clients=[]))).is_closed
