"""Good standing, at risk, disabled, inactive: by the days, by what people do, and what they are told."""

from datetime import date, timedelta
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.test import Client
from django.utils import timezone

from members import standing
from members.models import Mail, Member
from tests import factories as make

pytestmark = pytest.mark.django_db


@pytest.fixture
def member() -> Member:
    login = make.MemberAdminFactory(member=make.MemberFactory(name="Librería"), email="ana@example.org")
    login.language = "es"
    login.save()
    return login.member


def behind(member: Member, days: int) -> Member:
    """As it is when it is so many days behind, today, and the clock has looked."""
    Member.objects.filter(pk=member.pk).update(paid_until=timezone.localdate() - timedelta(days=days))
    standing.review()
    member.refresh_from_db()
    return member


def mails() -> list[str]:
    return list(Mail.objects.order_by("id").values_list("template", flat=True))


def test_who_pays_nothing_never_falls_behind(member: Member) -> None:
    standing.review(date(2100, 1, 1))
    member.refresh_from_db()
    assert member.state == "good_standing"


@pytest.mark.parametrize(("days", "state"), [(29, "good_standing"), (30, "at_risk"), (89, "at_risk"), (90, "disabled")])
def test_the_days_decide(member: Member, days: int, state: str) -> None:
    assert behind(member, days).state == state


def test_reminders_come_on_their_days_and_once_each(member: Member) -> None:
    told = []
    for days in range(28, 91):
        before = len(mails())
        behind(member, days)
        behind(member, days)  # the clock comes round every hour
        told += [(days, template) for template in mails()[before:]]

    assert told == [
        (30, "member_at_risk"), (45, "member_reminder"), (60, "member_reminder"), (75, "member_reminder"),
        (85, "member_reminder"), (90, "member_disabled"),
    ]  # fmt: skip


def test_mail_is_in_the_language_of_whoever_reads_it(member: Member) -> None:
    behind(member, 90)
    mail = Mail.objects.get()
    assert mail.to == "ana@example.org"
    assert mail.subject == "Todo lo de Librería está apagado"
    assert "&" not in mail.body and "%(" not in mail.body and "None" not in mail.body


def test_contact_opens_everything_for_two_weeks_and_then_the_days_count_again(member: Member) -> None:
    behind(member, 95)

    standing.made_contact(member=member)

    member.refresh_from_db()
    today = timezone.localdate()
    assert (member.state, member.grace_until) == ("at_risk", today + timedelta(days=14))
    standing.review(today + timedelta(days=14))
    member.refresh_from_db()
    assert member.state == "at_risk"
    standing.review(today + timedelta(days=15))
    member.refresh_from_db()
    assert member.state == "disabled"


def test_who_pays_is_in_good_standing_at_once(member: Member) -> None:
    behind(member, 95)

    standing.set_paid(member=member, paid_until=timezone.localdate())

    member.refresh_from_db()
    assert (member.state, member.grace_until, member.reminded) == ("good_standing", None, 0)


def test_a_part_of_the_dues_does_not_open_anything(member: Member) -> None:
    behind(member, 200)
    standing.set_paid(member=member, paid_until=timezone.localdate() - timedelta(days=100))
    member.refresh_from_db()
    assert member.state == "disabled"


def test_data_goes_long_after_and_never_without_a_last_warning(member: Member) -> None:
    behind(member, 90)
    today = timezone.localdate()

    standing.review(today + timedelta(days=75))
    assert mails()[-1] == "member_disabled"
    standing.review(today + timedelta(days=76))
    assert mails()[-1] == "member_last_warning"
    standing.review(today + timedelta(days=89))
    member.refresh_from_db()
    assert member.state == "disabled"
    standing.review(today + timedelta(days=90))
    member.refresh_from_db()
    assert (member.state, mails()[-1]) == ("inactive", "member_inactive")


def test_a_clock_that_stood_still_warns_first_all_the_same(member: Member) -> None:
    behind(member, 90)
    late = timezone.localdate() + timedelta(days=300)

    standing.review(late)
    member.refresh_from_db()
    assert (member.state, mails()[-1]) == ("disabled", "member_last_warning")
    standing.review(late + timedelta(days=14))
    member.refresh_from_db()
    assert member.state == "inactive"


def test_members_themselves_cannot_change_it(member: Member) -> None:
    own = member.logins.get()
    for change in (standing.made_contact, standing.disable, standing.enable):
        with pytest.raises(PermissionDenied):
            change(member=member, actor=own)
    with pytest.raises(PermissionDenied):
        standing.set_paid(member=member, paid_until=None, actor=own)


def test_contact_of_a_member_in_good_standing_is_no_matter(member: Member) -> None:
    with pytest.raises(ValidationError):
        standing.made_contact(member=member)


@pytest.mark.parametrize(
    ("days", "words"), [(40, "son 40 días|40 días de atraso"), (95, "Todo lo de Librería está apagado")]
)
def test_its_people_read_it_on_every_page(member: Member, days: int, words: str, client: Client) -> None:
    behind(member, days)
    client.force_login(member.logins.get(), backend="members.backends.DirectoryBackend")

    page = client.get("/account/", headers={"accept-language": "es"}).content.decode()

    assert words.split("|")[-1] in page


def test_staff_do_it_from_the_members_page(member: Member, client: Client) -> None:
    client.force_login(make.StaffFactory(), backend="members.backends.DirectoryBackend")
    base = f"/admin/members/member/{member.pk}"
    today = timezone.localdate()

    client.post(f"{base}/paid/", {"paid_until": (today - timedelta(days=95)).isoformat()})
    standing.review()
    page = client.get(f"{base}/change/").content.decode()
    assert "95 days behind" in page
    client.post(f"{base}/contact/")

    member.refresh_from_db()
    assert member.state == "at_risk" and member.grace_until == today + timedelta(days=14)


def test_over_rest(member: Member) -> None:
    from rest_framework.test import APIClient

    def client_of(login: Any) -> APIClient:
        client = APIClient()
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {make.TokenFactory(login=login).text}")
        return client

    staff, own = client_of(make.StaffFactory()), client_of(member.logins.get())
    url = f"/api/v1/members/{member.pk}"

    assert own.post(f"{url}/contact/").status_code == 403
    paid = (timezone.localdate() - timedelta(days=95)).isoformat()
    assert staff.post(f"{url}/pay/", {"paid_until": paid}, format="json").json()["member"]["paid_until"] == paid
    standing.review()
    assert own.get(f"{url}/").status_code == 401  # tokens open nothing; the password still opens the panel
    assert staff.get(f"{url}/").json()["state"] == "disabled"
    assert staff.post(f"{url}/contact/?preview=1").json()["member"]["state"] == "at_risk"
    assert staff.get(f"{url}/").json()["state"] == "disabled"  # that was a preview
    assert staff.post(f"{url}/contact/").json()["member"]["state"] == "at_risk"
