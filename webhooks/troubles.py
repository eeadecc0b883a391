"""Why a delivery did not arrive, in the reader's language."""

from typing import Any

from django.utils.translation import gettext_lazy as _

MESSAGES: dict[str, Any] = {
    "refused_address": _("Its name leads to an address inside a network, and nothing is sent there."),
    "unknown_name": _("Its name leads nowhere."),
    "unreachable": _("It cannot be reached."),
    "too_slow": _("It did not answer within 10 seconds."),
    "bad_certificate": _("Its certificate is not valid for its name."),
    "not_http": _("What it answered is not HTTP."),
    "redirect": _("It answered %(status)s, and redirections are not followed."),
    "status": _("It answered %(status)s."),
    "switched_off": _("The webhook was switched off before this was sent."),
}


def explain(trouble: str, status: int | None) -> str:
    """What one of these says, with the status that the receiver answered; empty when all is well."""
    if not trouble:
        return ""
    return str(MESSAGES.get(trouble, MESSAGES["unreachable"])) % {"status": status}
