"""Fields: what is let through is safe where it is used, whatever came in."""

import os.path
import re
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlpanel.agent import fields
from controlpanel.agent.errors import Invalid

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda children: st.lists(children, max_size=4) | st.dictionaries(st.text(max_size=5), children, max_size=4),
    max_leaves=8,
)
nasty = st.text(alphabet=string.ascii_letters + string.digits + "./\\-_ \n\r\t\0'\"$;`{}%ñ∕․", max_size=80)

CHECKS = {
    "integer": lambda value: fields.integer({"x": value}, "x", -5, 70000),
    "boolean": lambda value: fields.boolean({"x": value}, "x"),
    "text": lambda value: fields.text({"x": value}, "x", 40, 1),
    "one_of": lambda value: fields.one_of({"x": value}, "x", ("static", "php")),
    "identifier": lambda value: fields.identifier({"x": value}, "x"),
    "host_name": lambda value: fields.host_name({"x": value}, "x"),
    "domain_name": lambda value: fields.domain_name({"x": value}, "x"),
    "ip_address": lambda value: fields.ip_address({"x": value}, "x"),
    "path_below": lambda value: fields.path_below({"x": value}, "x", "/srv/sites/"),
    "pem": lambda value: fields.pem({"x": value}, "x"),
    "record": lambda value: fields.record({"x": value}, "x", ("a",)),
    "list_of": lambda value: fields.list_of({"x": value}, "x", fields.domain_name, max=3),
}


@pytest.mark.parametrize("check", CHECKS.values(), ids=CHECKS)
@given(value=anything | nasty)
def test_anything_is_taken_or_invalid(check, value):
    """No other exception ever comes out, and the reason does not repeat what came in at length."""
    try:
        check(value)
    except Invalid as error:
        assert len(error.reason) < 200
        assert "\n" not in error.reason


@given(value=nasty)
def test_names_are_harmless(value):
    for name in ("identifier", "host_name", "domain_name"):
        try:
            taken = CHECKS[name](value)
        except Invalid:
            continue
        assert re.fullmatch(r"[a-z0-9._-]+", taken)
        assert taken not in (".", "..") and not taken.startswith((".", "-"))


@given(value=nasty | st.builds("/srv/sites/{}".format, nasty))
def test_paths_stay_below(value):
    try:
        taken = CHECKS["path_below"](value)
    except Invalid:
        return
    assert os.path.normpath(taken) == taken
    assert taken.startswith("/srv/sites/") and taken != "/srv/sites/"


@given(value=st.text(max_size=60))
def test_text_is_one_printable_line(value):
    try:
        taken = CHECKS["text"](value)
    except Invalid:
        return
    assert taken == value and len(taken.splitlines()) == 1 and "\0" not in taken


@pytest.mark.parametrize("name", ["a.test", "xn--caf-dma.example", "a-b.c-d.example", "1.example", "x" * 63 + ".test"])
def test_domain_names_that_are(name):
    assert CHECKS["domain_name"](name) == name


@pytest.mark.parametrize(
    "name",
    [
        *[
            "",
            "test",
            "A.test",
            "a.test.",
            ".a.test",
            "a..test",
            "-a.test",
            "a-.test",
            "a_b.test",
            "a.test\n",
            "*.test",
        ],
        *["10.77.0.1", "x" * 64 + ".test", ".".join(["a" * 60] * 5), "a b.test", "café.test", "аpple.test"],
    ],
)
def test_domain_names_that_are_not(name):
    with pytest.raises(Invalid):
        CHECKS["domain_name"](name)


@pytest.mark.parametrize("value", [True, 1.0, "1", None, -6, 70001])
def test_integers_are_exact(value):
    with pytest.raises(Invalid):
        CHECKS["integer"](value)


def test_addresses_are_canonical():
    assert fields.ip_address({"x": "2001:DB8::0:1"}, "x") == "2001:db8::1"
    for bad in ("10.77.0.1/24", "10.77.0", "fe80::1%eth0", " 10.77.0.1", 169672705):
        with pytest.raises(Invalid):
            fields.ip_address({"x": bad}, "x")


PEM = "-----BEGIN CERTIFICATE-----\nAAAA\nBBBB\n-----END CERTIFICATE-----\n"


def test_pem_is_blocks_and_nothing_else():
    assert fields.pem({"x": PEM.replace("\n", "\r\n") + PEM}, "x", ["CERTIFICATE"]) == PEM + PEM
    for bad in (PEM + "ssl_certificate /etc/shadow;", PEM.replace("AAAA", "A A"), PEM.replace("AAAA", "A"), ""):
        with pytest.raises(Invalid):
            fields.pem({"x": bad}, "x")
    with pytest.raises(Invalid, match="PRIVATE KEY"):
        fields.pem({"x": PEM}, "x", ["PRIVATE KEY"])


def test_unknown_and_missing_fields_are_named():
    with pytest.raises(Invalid, match="unknown field: 'colour'"):
        fields.only({"colour": 1}, ("color",))
    with pytest.raises(Invalid, match="uid: missing"):
        fields.integer({}, "uid", 0, 1)
    assert fields.integer({}, "uid", 0, 1, default=1) == 1
