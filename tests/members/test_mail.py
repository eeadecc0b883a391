"""The outbox: what is written is sent once, tried again when that fails, and keeps no link longer than it must."""

import smtplib
from datetime import timedelta
from unittest import mock

import pytest
from django.core import mail as outbox
from django.db import connection, transaction
from django.utils import timezone

from members import mail
from members.models import Mail
from tests.factories import LoginFactory

pytestmark = pytest.mark.django_db


def write(**kwargs):
    context = {"login": LoginFactory.build(username="ana"), "link": "https://panel.test/?key=s3cret", "minutes": 60}
    return mail.write("ana@example.org", "password_reset", context, **kwargs)


def refuse():
    return mock.patch("members.mail.EmailMessage.send", side_effect=smtplib.SMTPServerDisconnected("away"))


def test_a_message_goes_out_once():
    write()
    assert (mail.send_due(), mail.send_due()) == (1, 0)
    [sent] = outbox.outbox
    assert sent.to == ["ana@example.org"]
    assert sent.subject == "A new password for the control panel"
    assert "https://panel.test/?key=s3cret" in sent.body


def test_it_speaks_the_readers_language():
    write(language="es")
    mail.send_due()
    assert outbox.outbox[0].subject == "Una contraseña nueva para el panel de control"


def test_names_stand_in_it_as_they_are_and_make_no_header():
    login = LoginFactory(username="ana", name="Ana <b>O'Neill</b>\r\nBcc: all@example.org")
    context = {"invitation": mock.Mock(email="x@example.org"), "login": login, "member": "A & B\nBcc: x"}
    row = mail.write("boss@example.org", "invitation_accepted", context)
    assert "Ana <b>O'Neill</b>" in row.body
    assert "\n" not in row.subject
    mail.send_due()
    assert outbox.outbox[0].recipients() == ["boss@example.org"]


def test_what_was_not_committed_is_not_sent():
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        write()
        1 / 0  # noqa: B018
    assert mail.send_due() == 0


def test_a_server_that_is_away_is_tried_again_later_and_staff_can_see_why():
    row = write()
    with refuse():
        assert mail.send_due() == 0
    row.refresh_from_db()
    assert (row.attempts, row.sent, row.given_up) == (1, None, False)
    assert row.due > timezone.now()
    assert "SMTPServerDisconnected" in row.trouble
    Mail.objects.update(due=timezone.now())
    assert mail.send_due() == 1


def test_what_could_not_be_sent_for_days_is_given_up():
    row = write()
    Mail.objects.update(created=timezone.now() - mail.PATIENCE - timedelta(minutes=1))
    with refuse():
        mail.send_due()
    row.refresh_from_db()
    assert row.given_up
    assert mail.send_due() == 0


def test_links_are_encrypted_in_the_database_and_forgotten_when_sent():
    row = write(confidential=True)
    with connection.cursor() as cursor:
        cursor.execute("SELECT body FROM members_mail WHERE id = %s", [row.pk])
        assert "s3cret" not in cursor.fetchone()[0]
    mail.send_due()
    row.refresh_from_db()
    assert row.body == ""
    assert "s3cret" in outbox.outbox[0].body


def test_old_messages_are_forgotten():
    write()
    mail.send_due()
    Mail.objects.update(sent=timezone.now() - mail.KEPT - timedelta(minutes=1))
    mail.forget_old()
    assert not Mail.objects.exists()
