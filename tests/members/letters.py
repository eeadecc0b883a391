"""Mail that the panel sent, as its reader opens it."""

import re

from django.core import mail as outbox
from django.core.mail import EmailMessage

from members import mail

LINK = re.compile(r"https?://\S+\?key=\S+")


def last_letter() -> EmailMessage:
    """The newest message, after all that is due has gone out."""
    mail.send_due()
    return outbox.outbox[-1]


def link_in(letter: EmailMessage) -> str:
    """Its link, without the panel's address."""
    address = LINK.search(letter.body)[0]
    return "/" + address.split("/", 3)[3]
