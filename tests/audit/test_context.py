"""Who did it, from where, by which operation; and never somebody else."""

from typing import Any

import pytest
from django.db import connection, transaction
from django.db.utils import ProgrammingError
from django.test import Client

from controlpanel.audit import context
from controlpanel.audit.models import Entry
from controlpanel.operations import runner
from hosting import services
from members.models import Login, Member
from tests import factories as make

pytestmark = pytest.mark.django_db


def test_a_request_with_a_token_is_that_of_its_login(api: Any, login: Login) -> None:
    site = make.SiteFactory(order=make.HostingOrderFactory(member=login.member), placed=True)

    response = api.patch(
        f"/api/v1/sites/{site.pk}/",
        {"domains": [site.primary, "shop.example.org"]},
        format="json",
        headers={"x-request-id": "abc123"},
        REMOTE_ADDR="192.0.2.7",
    )

    assert response.status_code == 202
    added = Entry.objects.get(verb="created", label="shop.example.org")
    assert (added.actor_id, added.via, added.address, added.request) == (login.pk, "api", "192.0.2.7", "abc123")
    assert added.token and login.username in added.actor
    assert added.about == f"hosting.site:{site.pk}"
    assert set(added.scopes) == {f"member:{login.member_id}", f"order:{site.order_id}"}
    asked = Entry.objects.get(verb="asked")
    assert (asked.transaction, asked.operation) == (added.transaction, response.json()["operation"]["id"])


def test_a_page_is_that_of_its_session(browser_of: Any) -> None:
    staff = make.StaffFactory()
    Entry.objects.all()
    browser_of(staff).post("/account/language/", {"language": "es"})

    entry = Entry.objects.get(object=f"members.login:{staff.pk}", verb="changed")
    assert (entry.actor_id, entry.actor_is_staff, entry.via) == (staff.pk, True, "web")
    assert (entry.before, entry.after) == ({"language": ""}, {"language": "es"})


def test_a_member_of_staff_behind_a_login_is_named() -> None:
    anna, sam = make.MemberAdminFactory(), make.StaffFactory(username="sam")
    with context.acting(lambda: {**context.person(anna), "impersonator_id": sam.pk, "impersonator": "sam"}):
        Member.objects.filter(pk=anna.member_id).update(name="Other")

    entry = Entry.objects.get(object=f"members.member:{anna.member_id}", verb="changed")
    assert (entry.actor_id, entry.impersonator_id, entry.impersonator) == (anna.pk, sam.pk, "sam")


def test_what_a_step_writes_is_by_its_operation(login: Login) -> None:
    operation = make.OperationFactory(requested_by=login, requested_from="192.0.2.9")
    with context.acting(lambda: runner._asker(operation)):
        Member.objects.create(name="Made by a step")

    entry = Entry.objects.get(label="Made by a step")
    assert (entry.operation, entry.actor_id, entry.via) == (operation.pk, login.pk, "operation")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("end", ["commit", "rollback", "autocommit"])
def test_nothing_of_a_request_stays_on_the_connection(end: str) -> None:
    with context.acting(lambda: {"id": 5, "who": "somebody", "from": "192.0.2.1"}):
        if end == "autocommit":
            Member.objects.create(name="First")
        else:
            with transaction.atomic():
                Member.objects.create(name="First")
                transaction.set_rollback(end == "rollback")

    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('audit.context', true)")
        assert not cursor.fetchone()[0]
        Member.objects.create(name="Other") if end == "rollback" else None
        cursor.execute("UPDATE members_member SET name = 'Raw'")
    assert Entry.objects.get(label="Raw").actor_id is None


def test_one_transaction_may_be_the_work_of_two() -> None:
    """As in a test, or a command: what comes after the first is not the first's."""
    with context.acting(lambda: {"id": 5, "who": "somebody"}):
        Member.objects.create(name="Theirs")
    Member.objects.create(name="Nobody's")

    assert Entry.objects.get(label="Theirs").actor_id == 5
    assert Entry.objects.get(label="Nobody's").actor_id is None


def test_names_may_hold_anything_that_sql_minds() -> None:
    name = """Robert'); DROP TABLE "members_member";-- 100%s %(x)s \\"""
    with context.acting(lambda: {"id": 5, "who": name}):
        made = Member.objects.create(name="One")
        Member.objects.filter(pk=made.pk).update(name="50% off")
        Member.objects.bulk_create([Member(name="Two"), Member(name="Three")])

    assert set(Entry.objects.values_list("actor", flat=True)) == {name}
    assert Entry.objects.count() == 4


@pytest.mark.parametrize(
    "statement", ["UPDATE audit_entry SET actor = 'nobody'", "DELETE FROM audit_entry", "TRUNCATE audit_entry"]
)
def test_the_record_is_append_only(statement: str) -> None:
    Member.objects.create(name="One")

    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE audit_entry ENABLE TRIGGER audit_no_truncate")  # tests' own exception
        with pytest.raises(ProgrammingError, match="append-only"), transaction.atomic():
            cursor.execute(statement)

    assert Entry.objects.count() == 1


def test_coming_going_and_wrong_passwords_are_noted(client: Client, monkeypatch: Any) -> None:
    login = make.LoginFactory(username="anna")
    right = {"anna": "right"}
    monkeypatch.setattr(
        "members.backends.DirectoryBackend.authenticate",
        lambda self, request, username=None, password=None, **kwargs: (
            login if right.get(username or "") == password else None
        ),
    )
    client.post("/login/", {"username": "anna", "password": "wrong"})
    client.post("/login/", {"username": "hunter2", "password": "x"})  # a password in the place of a name
    client.post("/login/", {"username": "anna", "password": "right"})
    client.post("/logout/")

    noted = Entry.objects.filter(object=f"members.login:{login.pk}").exclude(verb="created").order_by("id")
    assert [entry.verb for entry in noted] == ["login_failed", "logged_in", "logged_out"]
    assert "hunter2" not in str(list(Entry.objects.values()))


def test_a_token_is_noted_when_it_is_used_for_the_first_time(api: Any, login: Login) -> None:
    api.get("/api/v1/logins/me/")
    api.get("/api/v1/logins/me/")

    assert Entry.objects.filter(verb="first_used", about=f"members.login:{login.pk}").count() == 1


def test_what_was_rolled_back_is_not_in_it(login: Login) -> None:
    site = make.SiteFactory(order=make.HostingOrderFactory(member=login.member), placed=True)
    before = Entry.objects.count()
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        services.disable_site(login, site)
        raise ZeroDivisionError

    assert Entry.objects.count() == before
