"""Browsers of people: Django's test client, logged in."""

from collections.abc import Callable

import pytest
from django.test import Client

from hosting.models import HostingOrder
from members.models import Login
from tests.factories import HostingOrderFactory, LoginFactory, MemberAdminFactory, StaffFactory

BrowserOf = Callable[..., Client]


@pytest.fixture
def browser_of() -> BrowserOf:
    """``browser_of(login)``, ``browser_of(login, language="es")``."""

    def make(login: Login, language: str = "en", **kwargs: object) -> Client:
        client = Client(headers={"accept-language": language}, **kwargs)
        client.force_login(login, backend="members.backends.DirectoryBackend")
        return client

    return make


@pytest.fixture
def anna(db: None) -> Login:
    """Administers her member."""
    return MemberAdminFactory(username="anna", member__name="Librería")


@pytest.fixture
def order(anna: Login) -> HostingOrder:
    """Her member's order."""
    return HostingOrderFactory(member=anna.member, name="Bookshop")


@pytest.fixture
def stranger(db: None) -> Login:
    """Administers another member."""
    return MemberAdminFactory(username="stranger")


@pytest.fixture
def nobody(db: None) -> Login:
    """May log in, and that is all."""
    return LoginFactory(username="nobody")


@pytest.fixture
def staff(db: None) -> Login:
    return StaffFactory(username="jamie")


@pytest.fixture
def browser(anna: Login, browser_of: BrowserOf) -> Client:
    """Anna's."""
    return browser_of(anna)
