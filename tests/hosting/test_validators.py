"""Which texts are domain names, and why others are not."""

import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hosting.errors import DOMAIN_REASONS, InvalidDomain
from hosting.validators import LDH, normalize, readable


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("example.org", "example.org"),
        ("  WWW.Example.ORG. ", "www.example.org"),
        ("a.test", "a.test"),
        ("münchen.example", "xn--mnchen-3ya.example"),
        ("xn--mnchen-3ya.example", "xn--mnchen-3ya.example"),
        ("MÜNCHEN.example", "xn--mnchen-3ya.example"),
        ("españa.example", "xn--espaa-rta.example"),
        ("straße.example", "xn--strae-oqa.example"),  # not transitional: never silently "strasse"
        ("ｅｘａｍｐｌｅ。org", "example.org"),  # full-width letters and stop
        ("例え.テスト", "xn--r8jz45g.xn--zckzah"),
        ("президент.рф", "xn--d1abbgf6aiiy.xn--p1ai"),
        ("r3---sn-abc.example.org", "r3---sn-abc.example.org"),
        ("a-b.c1.example.org", "a-b.c1.example.org"),
    ],
)
def test_a_name_is_kept_as_lower_case_punycode(typed: str, name: str) -> None:
    assert normalize(typed) == name


@pytest.mark.parametrize(
    ("typed", "reason"),
    [
        ("", "empty"),
        ("   ", "empty"),
        (".", "empty"),
        ("a.test\nserver_name evil.test", "control"),
        ("a.test\n", "control"),
        ("a\x00.test", "control"),
        ("a b.test", "control"),
        ("a\u200b.test", "control"),
        ("a\u202egro.test", "control"),
        ("x" * 10_000, "too_long"),
        (("a" * 60 + ".") * 5 + "test", "too_long"),
        ("a" * 64 + ".test", "label_too_long"),
        ("http://a.test/", "url"),
        ("me@a.test", "url"),
        ("../../etc/passwd", "url"),
        ("*.a.test", "wildcard"),
        ("10.77.0.1", "address"),
        ("1.2.3.4.", "address"),
        ("0x7f.1", "address"),
        ("2130706433", "address"),
        ("１２７．０．０．１", "address"),
        ("::1", "address"),
        ("[::1]", "address"),
        ("localhost", "single_label"),
        ("org", "single_label"),
        ("foo.localhost", "special"),
        ("printer.local", "special"),
        ("1.0.10.in-addr.arpa", "special"),
        ("-a.test", "hyphen"),
        ("a-.test", "hyphen"),
        ("a_b.test", "characters"),
        ("a..test", "characters"),
        ('a".test', "characters"),
        ("a;b.test", "characters"),
        ("$a.test", "characters"),
        ("{a}.test", "characters"),
        ("xn--a.test", "characters"),  # not the punycode of anything
        ("☃.test", "characters"),  # IDNA 2008 has no symbols
        ("a.1", "top_level"),
        ("a.b", "top_level"),
        ("раураl.com", "homograph"),  # Cyrillic with a Latin l
        ("аррӏе.com", "homograph"),  # all Cyrillic, all of it passes for Latin
        ("xn--80ak6aa92e.com", "homograph"),  # the same, typed as punycode
        ("gοοgle.com", "homograph"),  # Greek omicrons
    ],
)
def test_anything_else_is_refused_with_its_reason(typed: str, reason: str) -> None:
    with pytest.raises(InvalidDomain) as caught:
        normalize(typed)
    assert caught.value.reason == reason
    assert caught.value.field == "domains"


def test_every_reason_has_a_text_that_never_repeats_more_than_a_name() -> None:
    for reason in DOMAIN_REASONS:
        text = InvalidDomain(reason, "x" * 10_000).text
        assert text
        assert len(text) < 250


def test_the_panels_own_names_are_reserved(settings: object) -> None:
    settings.PANEL_URL = "https://panel.coop.example/"  # type: ignore[attr-defined]
    settings.RESERVED_DOMAINS = ["Internal.Coop.Example"]  # type: ignore[attr-defined]
    for name in ("panel.coop.example", "x.panel.coop.example", "db1.internal.coop.example"):
        with pytest.raises(InvalidDomain) as caught:
            normalize(name)
        assert caught.value.reason == "reserved"
    assert normalize("xpanel.coop.example") == "xpanel.coop.example"


TEXTS = st.one_of(
    st.text(max_size=80),
    st.from_regex(r"[a-zA-Z0-9.\-_*/ üßñжλ。．]{1,60}", fullmatch=True),
    st.from_regex(r"(xn--)?[a-z0-9-]{1,20}\.(xn--)?[a-z0-9-]{2,10}", fullmatch=True),
)


@settings(max_examples=400, deadline=None)
@given(TEXTS)
@example("a.test\r\nX: y")
def test_what_comes_out_is_letters_digits_hyphens_and_dots_and_comes_out_again(text: str) -> None:
    try:
        name = normalize(text)
    except InvalidDomain as error:
        assert error.text
        return
    assert re.fullmatch(r"[a-z0-9.-]{3,253}", name)
    assert LDH.match(name)
    assert normalize(name) == name
    assert normalize(readable(name)) == name


def test_punycode_is_shown_readable_and_nonsense_as_it_is() -> None:
    assert readable("xn--mnchen-3ya.example") == "münchen.example"
    assert readable("example.org") == "example.org"
    assert readable("xn--a.test") == "xn--a.test"
