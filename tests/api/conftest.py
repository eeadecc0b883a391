"""Clients of the API, as different people."""

from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from members.models import Login, Member
from tests import factories as make


@pytest.fixture
def api_of(db: None) -> Callable[[Login], APIClient]:
    """A client that sends a token of that login, as scripts do."""

    def client(login: Login) -> APIClient:
        client = APIClient()
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {make.TokenFactory(login=login).text}")
        return client

    return client


@pytest.fixture
def member(db: None) -> Member:
    return make.MemberFactory()


@pytest.fixture
def login(member: Member) -> Login:
    """Administers ``member``."""
    return make.MemberAdminFactory(member=member)


@pytest.fixture
def staff_login(db: None) -> Login:
    return make.StaffFactory()


@pytest.fixture
def api(api_of: Any, login: Login) -> APIClient:
    """A member administrator's client."""
    return api_of(login)


@pytest.fixture
def staff_api(api_of: Any, staff_login: Login) -> APIClient:
    return api_of(staff_login)


@pytest.fixture
def stranger_api(api_of: Any) -> APIClient:
    """The client of another member's administrator."""
    return api_of(make.MemberAdminFactory())


@pytest.fixture
def nobody_api(db: None) -> APIClient:
    """Not logged in."""
    return APIClient()
