"""The panel's account at the authority of the settings: its rows, and the pauses that the authority asks for."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from controlpanel.operations.errors import add_messages

from .acme.authority import AcmeAuthority, new_key
from .acme.errors import AccountLost, AuthorityAway, RateLimited
from .models import AcmeAccount, Certificate

add_messages(
    {
        "acme_away": _("The certificate authority does not answer at the moment. It is tried again by itself."),
        "acme_limited": _("The certificate authority wants fewer requests for a while. It is tried again by itself."),
        "acme_budget": _("Many certificates are being issued at the moment. This name's turn comes by itself."),
    }
)

#: How long it is left alone after the first silence; twice that after the next, and so on, at most so long.
SILENCE, LONGEST_SILENCE = timedelta(minutes=1), timedelta(hours=1)


def is_configured() -> bool:
    """Whether an ACME authority issues; else the panel's own signs."""
    return bool(settings.ACME_DIRECTORY)


def current() -> AcmeAccount:
    """The account of the settings' directory; made, with a key, where there is none. Registered at its first use."""
    directory = settings.ACME_DIRECTORY
    found = AcmeAccount.objects.filter(directory=directory).first()
    return found or AcmeAccount.objects.get_or_create(directory=directory, defaults={"key_pem": new_key()})[0]


def authority(account: AcmeAccount) -> AcmeAuthority:
    """A conversation with it. No request is sent yet."""
    return AcmeAuthority(account.directory, account.key_pem, account.url, settings.ACME_CA_FILE)


def ensure_registered(account: AcmeAccount, speaker: AcmeAuthority) -> None:
    """Register where that was not done. Right after a crash too: the same key always gets the same account."""
    if not account.url:
        account.url = speaker.register(settings.ACME_CONTACT)
        AcmeAccount.objects.filter(pk=account.pk).update(url=account.url)


def forget(account: AcmeAccount) -> None:
    """The authority does not know the account: it is registered anew at the next use."""
    AcmeAccount.objects.filter(pk=account.pk, url=account.url).update(url="")
    account.url = ""


def heard(account: AcmeAccount) -> None:
    """It answered."""
    if account.silences or account.trouble:
        account.silences, account.trouble, account.paused_until = 0, {}, None
        account.save(update_fields=["silences", "trouble", "paused_until"])


def pause(account: AcmeAccount, error: AuthorityAway | RateLimited | AccountLost) -> datetime:
    """Leave it alone for a while: until when it says, or longer with every silence. Returns until when."""
    account.refresh_from_db()
    now = timezone.now()
    if isinstance(error, RateLimited):
        until, code = error.until, "acme_limited"
    else:
        wait: timedelta = min(LONGEST_SILENCE, SILENCE * 2 ** min(account.silences, 10))
        until, code = max(now + wait, getattr(error, "until", None) or now), "acme_away"
        AcmeAccount.objects.filter(pk=account.pk).update(silences=F("silences") + 1)
    trouble = {"code": code, "params": {}, "output": str(error)[:500]}
    earlier = Q(paused_until=None) | Q(paused_until__lt=until)
    AcmeAccount.objects.filter(earlier, pk=account.pk).update(paused_until=until, trouble=trouble)
    return until


def paused_until() -> datetime | None:
    """Until when nothing is asked of the authority; None when it may be asked."""
    until = AcmeAccount.objects.filter(directory=settings.ACME_DIRECTORY).values_list("paused_until", flat=True).first()
    return until if until and until > timezone.now() else None


def orders_left() -> int:
    """How many new orders this hour still allows."""
    since = timezone.now() - timedelta(hours=1)
    return max(0, settings.ACME_ORDERS_PER_HOUR - Certificate.objects.filter(ordered_at__gt=since).count())
