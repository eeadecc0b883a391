"""Writes that need no directory at once: members, logins, roles, numbers."""

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import IntegrityError, connection, transaction

from controlpanel.operations.errors import DirectoryAway
from controlpanel.operations.models import Operation
from members import services
from members.choices import Role
from members.models import Access, Login, PosixId
from tests.factories import LoginFactory, MemberFactory
from tests.members.test_ssh_keys import ED25519

pytestmark = pytest.mark.django_db
PASSWORD = "three unrelated words"


@pytest.fixture
def member():
    return MemberFactory()


@pytest.fixture
def admin(member):
    return LoginFactory(member=member, administers=member)


@pytest.fixture
def nowhere(settings):
    """A directory that is away: nothing listens there."""
    settings.LDAP_URIS = ["ldaps://127.0.0.1:1"]


# --- numbers
def test_an_owner_keeps_its_number():
    assert services.posix_id("site:12") == services.posix_id("site:12")
    assert services.posix_id("site:12") != services.posix_id("login:12")


def test_numbers_are_above_those_of_the_hosts_own_accounts():
    assert services.posix_id("site:12") >= 20000


def test_a_number_is_never_given_again():
    first = services.posix_id("site:1")
    PosixId.objects.all().delete()
    second = services.posix_id("site:1")
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        third = services.posix_id("site:2")
        raise ZeroDivisionError
    assert len({first, second, third, services.posix_id("site:2")}) == 4


def test_numbers_end_below_those_of_systemd():
    with connection.cursor() as cursor:
        cursor.execute("SELECT seqmin, seqmax, seqcycle FROM pg_sequence WHERE seqrelid = "
                       "pg_get_serial_sequence('members_posixid', 'number')::regclass")  # fmt: skip
        assert cursor.fetchone() == (20000, 59999, False)


def test_asking_for_a_removed_site_s_number_makes_it_wanted_again():
    number = services.posix_id("site:1")
    PosixId.objects.update(wanted=False)
    assert services.posix_id("site:1") == number
    assert PosixId.objects.get(number=number).wanted


# --- members and logins
def test_only_staff_make_members(admin):
    with pytest.raises(PermissionDenied):
        services.create_member(name="Collective", actor=admin)
    assert services.create_member(name=" A  Collective ", actor=LoginFactory(staff=True)).name == "A Collective"


def test_a_new_login_comes_with_its_number_and_an_operation(admin, member):
    login, operation = services.create_login(username="berta", name="Berta", member=member, actor=admin)
    assert PosixId.objects.filter(owner=f"login:{login.pk}").exists()
    assert operation.kind == "members.ensure_login"
    assert operation.scopes == [f"member:{member.pk}"]
    assert [step.action for step in operation.steps.all()] == ["members.ensure_login"]
    assert operation.title and operation.steps.get().title


def test_a_password_is_not_kept_when_the_directory_is_away(member, nowhere):
    with pytest.raises(DirectoryAway):
        services.create_login(username="berta", member=member, password=PASSWORD)
    assert not Login.objects.filter(username="berta").exists()
    assert not Operation.objects.exists()


@pytest.mark.parametrize("password", ["short", "password1234", "berta-example"])
def test_weak_passwords_are_refused_before_anything_is_made(member, nowhere, password):
    with pytest.raises(ValidationError):
        services.create_login(username="berta-example", member=member, password=password)


def test_user_names_are_one_namespace(member):
    services.create_login(username="berta", member=member)
    with pytest.raises(ValidationError):
        services.create_login(username="berta", member=MemberFactory())


def test_logins_are_made_only_where_one_administers(admin):
    for actor, member in ((admin, MemberFactory()), (admin, None), (LoginFactory(), admin.member)):
        with pytest.raises(PermissionDenied):
            services.create_login(username="berta", member=member, actor=actor)


def test_an_administrator_does_not_reach_staff_through_their_member(admin, member, nowhere):
    staff = LoginFactory(member=member, staff=True)
    with pytest.raises(PermissionDenied):
        services.set_password(login=staff, password=PASSWORD, actor=admin)
    with pytest.raises(PermissionDenied):
        services.set_ssh_keys(login=staff, keys=ED25519, actor=admin)


def test_one_s_own_password_is_not_set_without_the_old_one(admin, nowhere):
    with pytest.raises(PermissionDenied):
        services.set_password(login=admin, password=PASSWORD, actor=admin)


def test_keys_are_kept_in_their_normal_form(admin):
    services.set_ssh_keys(login=admin, keys=f"\n{ED25519}   a b\n", actor=admin)
    admin.refresh_from_db()
    assert admin.ssh_keys == f"{ED25519} a b"


def test_a_refused_key_changes_nothing(admin):
    with pytest.raises(ValidationError):
        services.set_ssh_keys(login=admin, keys=f'command="sh" {ED25519}', actor=admin)
    admin.refresh_from_db()
    assert admin.ssh_keys == ""
    assert not Operation.objects.exists()


def test_deactivation_ends_sessions_and_can_be_taken_back(admin, member):
    login = LoginFactory(member=member)
    before = login.session_salt
    services.deactivate_login(login=login, actor=admin)
    assert not login.is_active
    assert login.session_salt != before
    services.activate_login(login=login, actor=admin)
    assert Login.objects.get(pk=login.pk).is_active


def test_nobody_locks_themselves_out(admin):
    with pytest.raises(ValidationError):
        services.deactivate_login(login=admin, actor=admin)


# --- roles
def test_a_role_given_twice_is_one(admin, member):
    login = LoginFactory(member=member)
    services.grant(login=login, role=Role.MEMBER_ADMIN, member=member, actor=admin)
    services.grant(login=login, role=Role.MEMBER_ADMIN, member=member, actor=admin)
    assert login.scopes() == [f"member:{member.pk}"]
    assert login.accesses.count() == 1


def test_a_grant_and_its_end_count_at_once(member):
    login = LoginFactory(member=member)
    assert login.scopes() == []
    access = services.grant(login=login, role=Role.STAFF)
    assert login.is_staff
    services.revoke(access=access)
    assert not access.login.is_staff


def test_roles_are_given_only_where_one_administers(admin, member):
    login, stranger = LoginFactory(member=member), LoginFactory()
    with pytest.raises(PermissionDenied):
        services.grant(login=login, role=Role.STAFF, actor=admin)
    with pytest.raises(PermissionDenied):
        services.grant(login=login, role=Role.MEMBER_ADMIN, member=MemberFactory(), actor=admin)
    with pytest.raises(PermissionDenied):
        services.grant(login=login, role=Role.ORDER_ADMIN, order_id=7, actor=admin)
    with pytest.raises(PermissionDenied):
        services.grant(login=login, role=Role.ORDER_ADMIN, order_id=7, order_member=member, actor=stranger)
    services.grant(login=login, role=Role.ORDER_ADMIN, order_id=7, order_member=member, actor=admin)


@pytest.mark.parametrize("role", Role.values)
def test_a_role_on_the_wrong_thing_is_refused(role, member):
    login = LoginFactory()
    wrong = {
        Role.STAFF: {"member": member},
        Role.MEMBER_ADMIN: {"order_id": 7},
        Role.ORDER_ADMIN: {"member": member, "order_id": 7},
    }[role]
    with pytest.raises(ValidationError):
        services.grant(login=login, role=role, **wrong)
    with pytest.raises(IntegrityError), transaction.atomic():
        Access.objects.create(login=login, role=role, **wrong)


def test_staff_do_not_take_their_own_access_away():
    staff = LoginFactory(staff=True)
    with pytest.raises(ValidationError):
        services.revoke(access=staff.accesses.get(), actor=staff)
