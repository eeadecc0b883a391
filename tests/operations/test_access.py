"""Who may see which operation; who asks nothing sees nothing."""

from collections.abc import Callable
from types import SimpleNamespace

import pytest
from django.contrib.auth.models import AnonymousUser

from controlpanel.operations import selectors, services
from controlpanel.operations.models import Operation
from tests.factories import LoginFactory

pytestmark = pytest.mark.django_db(transaction=True)
Start = Callable[..., Operation]


def actor(*scopes: str, staff: bool = False, active: bool = True) -> SimpleNamespace:
    return SimpleNamespace(pk=1, is_staff=staff, is_active=active, scopes=lambda: list(scopes))


def test_only_those_who_share_a_scope_see_it(start: Start) -> None:
    operation = start(scopes=["member:1", "order:2"])
    for who in (actor("member:1"), actor("order:2", "order:9"), actor(staff=True)):
        assert list(selectors.operations_for(who)) == [operation]
    for who in (actor("member:2"), actor(), actor(staff=True, active=False), AnonymousUser(), None):
        assert not selectors.operations_for(who).exists()


def test_the_same_key_from_the_same_login_is_the_same_operation(start: Start) -> None:
    login, other = LoginFactory(), LoginFactory()

    def make(who: object) -> Operation:
        return services.once(who, "k1", lambda: start(actor=who, key="k1"))  # type: ignore[arg-type]

    assert make(login) == make(login)
    assert make(other) != make(login)
    assert Operation.objects.count() == 2


def test_without_a_key_each_is_its_own(start: Start) -> None:
    login = LoginFactory()
    assert services.once(login, "", lambda: start(actor=login)) != services.once(login, "", lambda: start(actor=login))
