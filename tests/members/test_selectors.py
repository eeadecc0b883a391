"""Who sees whom. Nobody sees more than they administer; whoever is not known sees nothing."""

import pytest
from django.contrib.auth.models import AnonymousUser

from members.choices import Role
from members.models import Access, Login, Token
from members.selectors import accesses_for, logins_for, members_for, tokens_for
from tests.factories import LoginFactory, MemberFactory, TokenFactory

pytestmark = pytest.mark.django_db
SELECTORS = (members_for, logins_for, accesses_for, tokens_for)


@pytest.fixture
def others():
    """Another member, with an administrator and a token."""
    member = MemberFactory()
    return TokenFactory(login=LoginFactory(member=member, administers=member)).login


@pytest.mark.parametrize("select", SELECTORS)
def test_nobody_sees_nothing(select, others):
    inactive = LoginFactory(staff=True, is_active=False)
    for actor in (None, AnonymousUser(), Login(username="unsaved"), inactive):
        assert not select(actor).exists()


def test_a_plain_login_sees_itself_only(others):
    plain = LoginFactory(member=others.member)
    assert not members_for(plain).exists()
    assert list(logins_for(plain)) == [plain]
    assert not accesses_for(plain).exists()


def test_a_member_administrator_sees_the_member_and_its_logins_and_nobody_else(others):
    member = MemberFactory()
    admin = LoginFactory(member=member, administers=member)
    colleague = LoginFactory(member=member)
    assert list(members_for(admin)) == [member]
    assert set(logins_for(admin)) == {admin, colleague}
    assert others not in logins_for(admin)
    assert {access.login for access in accesses_for(admin)} == {admin}


def test_administering_one_member_from_another(others):
    elsewhere = LoginFactory(administers=others.member)
    assert list(members_for(elsewhere)) == [others.member]
    assert set(logins_for(elsewhere)) == {elsewhere, others}


def test_an_order_administrator_sees_who_else_administers_the_order(others):
    admin, partner = LoginFactory(), LoginFactory()
    for login in (admin, partner):
        Access.objects.create(login=login, role=Role.ORDER_ADMIN, order_id=7)
    stranger = LoginFactory()
    Access.objects.create(login=stranger, role=Role.ORDER_ADMIN, order_id=8)
    assert {access.login for access in accesses_for(admin)} == {admin, partner}
    assert not members_for(admin).exists()
    assert list(logins_for(admin)) == [admin]
    assert {access.login for access in accesses_for(admin, order_ids=[8])} == {admin, partner, stranger}


def test_staff_see_all_but_tokens(others):
    staff = LoginFactory(staff=True)
    assert others.member in members_for(staff)
    assert others in logins_for(staff)
    assert Token.objects.exists()
    assert not tokens_for(staff).exists()


def test_a_token_is_its_login_s_alone(others):
    assert {token.login for token in tokens_for(others)} == {others}
