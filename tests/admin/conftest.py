"""Browsers of the admin, as different people."""

import pytest
from django.test import Client

from members.models import Login
from tests import factories as make


@pytest.fixture
def staff_login(db: None) -> Login:
    return make.StaffFactory()


@pytest.fixture
def staff(staff_login: Login) -> Client:
    client = Client()
    client.force_login(staff_login, backend="members.backends.DirectoryBackend")
    return client


@pytest.fixture
def outsider(db: None) -> Client:
    """A member administrator: logged in, and not staff."""
    client = Client()
    client.force_login(make.MemberAdminFactory(), backend="members.backends.DirectoryBackend")
    return client
