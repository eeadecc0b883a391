"""Which user names somebody may have."""

import re

import pytest
from django.core.exceptions import ValidationError
from hypothesis import given
from hypothesis import strategies as st

from members.names import RESERVED_NAMES, validate_username


@pytest.mark.parametrize("name", ["anna", "an", "a-b_c9", "sitemap", "site", "z" * 31])
def test_accepts_posix_names(name):
    validate_username(name)


@pytest.mark.parametrize(
    "name",
    ["", "a", "z" * 32, "Anna", "1anna", "-anna", "anna\n", "an na", "anna,ou=people", "anna)(uid=*", "ánna", "аnna",
     "../anna", "anna:x", "site1", "site12writer", "anna\x00"],
)  # fmt: skip
def test_refuses_what_hosts_and_directory_could_misread(name):
    with pytest.raises(ValidationError):
        validate_username(name)


@pytest.mark.parametrize("name", ["root", "www-data", "controlpanel", "nslcd", "systemd-anything"])
def test_refuses_accounts_of_the_hosts_themselves(name):
    with pytest.raises(ValidationError):
        validate_username(name)


@given(st.text(max_size=40))
def test_whatever_passes_is_of_plain_characters(name):
    try:
        validate_username(name)
    except ValidationError:
        return
    assert re.fullmatch(r"[a-z][a-z0-9_-]{1,30}", name, re.ASCII)
    assert name not in RESERVED_NAMES
