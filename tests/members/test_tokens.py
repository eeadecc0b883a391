"""Tokens of the REST API."""

import re
from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.test import APIRequestFactory

from controlpanel.operations.redaction import MASK, redact
from members.api.authentication import TokenAuthentication
from members.models import Token
from members.services import authenticate_token, create_token, revoke_token
from members.tokens import MAX_TOKENS
from tests.factories import LoginFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def login():
    return LoginFactory()


def authenticate(header):
    return TokenAuthentication().authenticate(APIRequestFactory().get("/", HTTP_AUTHORIZATION=header))


def test_opens_for_its_login(login):
    token, text = create_token(login=login, name="deploy")
    assert authenticate(f"Bearer {text}") == (login, token)
    assert authenticate(f"bearer {text}") == (login, token)


def test_text_has_256_random_bits_and_is_recognized_as_a_secret(login):
    _token, text = create_token(login=login, name="deploy")
    assert re.fullmatch(r"cp_[A-Za-z0-9_-]{43}", text)
    assert redact(f"used {text}") == f"used {MASK}"


def test_text_is_nowhere_in_the_database(login):
    token, text = create_token(login=login, name="deploy")
    assert not any(text in str(value) for value in Token.objects.filter(pk=token.pk).values().get().values())


@pytest.mark.parametrize("header", ["Bearer", "Bearer a b", "Bearer cp_wrong", "Bearer " + "x" * 10_000, "Bearer \xff"])
def test_a_wrong_one_is_refused_not_ignored(login, header):
    with pytest.raises(AuthenticationFailed):
        authenticate(header)


def test_other_schemes_are_left_to_others():
    assert authenticate("Basic YTpi") is None
    assert TokenAuthentication().authenticate(APIRequestFactory().get("/")) is None


def test_refusal_says_how_to_authenticate():
    header = TokenAuthentication().authenticate_header(APIRequestFactory().get("/"))
    assert header.startswith("Bearer ")


@pytest.mark.parametrize("spoil", ["expired", "revoked", "inactive"])
def test_is_refused_once_spoilt(login, spoil):
    token, text = create_token(login=login, name="deploy")
    if spoil == "expired":
        Token.objects.filter(pk=token.pk).update(expires=timezone.now())
    elif spoil == "revoked":
        revoke_token(token=token)
    else:
        login.is_active = False
        login.save()
    assert authenticate_token(text) is None


def test_last_use_is_written_at_most_once_a_minute(login, django_assert_num_queries):
    token, text = create_token(login=login, name="deploy")
    with django_assert_num_queries(4):  # the first time is noted, too, with whose it is
        authenticate_token(text)
    with django_assert_num_queries(1):
        authenticate_token(text)
    Token.objects.filter(pk=token.pk).update(last_used=timezone.now() - timedelta(seconds=61))
    before = timezone.now()
    authenticate_token(text)
    token.refresh_from_db()
    assert token.last_used >= before


def test_needs_a_name_and_a_time_to_come(login):
    with pytest.raises(ValidationError):
        create_token(login=login, name=" ")
    with pytest.raises(ValidationError):
        create_token(login=login, name="deploy", expires=timezone.now() - timedelta(seconds=1))


def test_there_is_a_limit(login):
    for number in range(MAX_TOKENS):
        create_token(login=login, name=str(number))
    with pytest.raises(ValidationError):
        create_token(login=login, name="one too many")


@given(st.text())
def test_garbage_never_opens_and_never_fails(text):
    if len(text) <= 200 and "\0" not in text:
        assert authenticate_token(text) is None
