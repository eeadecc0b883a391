"""Mail to people: written down in the transaction that gives the reason for it, sent by a worker soon after.

A mail server that is away or slow holds up nobody, and what was written down is tried again until it went out or is
too old to be of use. Texts are templates below ``templates/mail/``: ``NAME.subject.txt`` and ``NAME.txt``, rendered in
the reader's language. Never put a secret into one that is not itself the way to receive it (a link that ends soon).
"""

import smtplib
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import structlog
from django.conf import settings
from django.core.mail import EmailMessage
from django.db.models import F
from django.template.loader import render_to_string
from django.utils import timezone, translation

from .models import Mail

log = structlog.get_logger()

#: A message that could not be sent for this long is given up, and kept for staff to see.
PATIENCE = timedelta(days=3)
#: What has gone out is forgotten after this long.
KEPT = timedelta(days=90)
#: Waits between tries: doubled each time, from the first to the second of these.
FIRST_WAIT, LONGEST_WAIT = timedelta(minutes=1), timedelta(hours=2)
#: Messages sent in one go; the rest a moment later.
_BATCH = 50


def write(
    to: str,
    template: str,
    context: Mapping[str, Any] | None = None,
    language: str = "",
    *,
    confidential: bool = False,
) -> Mail:
    """Put a message into the outbox, in this transaction. ``language``: the reader's; empty for the installation's.

    A ``confidential`` one holds a link that opens something: its text is forgotten when it has gone out.
    """
    with translation.override(language or settings.LANGUAGE_CODE):
        values = {"panel_url": settings.PANEL_URL, **(context or {})}
        subject = " ".join(render_to_string(f"mail/{template}.subject.txt", values).split())
        body = render_to_string(f"mail/{template}.txt", values).strip() + "\n"
    return Mail.objects.create(to=to, subject=subject, body=body, template=template, confidential=confidential)


def send_due() -> int:
    """Send what is due; returns how many went out. Right however often it is called, and by several at once: a message
    is claimed by its next try. One that was sent just before a crash may go out twice, which is better than never."""
    now = timezone.now()
    sent = 0
    for mail in Mail.objects.filter(sent=None, given_up=False, due__lte=now).order_by("due")[:_BATCH]:
        wait = min(FIRST_WAIT * 2**mail.attempts, LONGEST_WAIT)
        claimed = Mail.objects.filter(pk=mail.pk, sent=None, due=mail.due)
        if not claimed.update(due=now + wait, attempts=F("attempts") + 1):
            continue
        try:
            EmailMessage(mail.subject, mail.body, to=[mail.to]).send()
        except (OSError, smtplib.SMTPException) as error:
            too_old = mail.created < now - PATIENCE
            forgotten = {"body": ""} if mail.confidential and too_old else {}
            trouble = f"{type(error).__name__}: {error}"[:500]
            Mail.objects.filter(pk=mail.pk).update(trouble=trouble, given_up=too_old, **forgotten)
            log.warning("mail not sent", mail=mail.pk, template=mail.template, error=type(error).__name__)
        else:
            forgotten = {"body": ""} if mail.confidential else {}
            Mail.objects.filter(pk=mail.pk).update(sent=timezone.now(), trouble="", **forgotten)
            sent += 1
    return sent


def try_again(mail: Mail) -> None:
    """Send it as soon as a worker comes by, also when it was given up; what has gone out stays as it is."""
    Mail.objects.filter(pk=mail.pk, sent=None).update(due=timezone.now(), given_up=False)


def forget_old() -> None:
    """What was sent long ago goes."""
    Mail.objects.filter(sent__lt=timezone.now() - KEPT).delete()
