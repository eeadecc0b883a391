"""Asking somebody by mail to administer a member or some of its orders, and what becomes of it. Writes.

Who has the link may accept, once, with a new login or with the one they have. What they get is what stands in the
invitation and what whoever invited them may still give at that moment.
"""

import logging
from collections.abc import Iterable
from datetime import timedelta

from django.conf import settings
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from controlpanel.operations.locks import lock_resources
from controlpanel.operations.models import Operation

from . import mail, orders, secret_links, services
from .choices import Role
from .models import Invitation, Login, Member

logger = logging.getLogger(__name__)

LIFETIME = timedelta(days=7)
#: Open invitations of one member at a time: nobody sends mail to the whole world from here.
MOST = 50
#: An invitation is sent again at most this often.
PAUSE = timedelta(minutes=1)
#: The page that the link leads to.
PAGE = "members:invitation"


class NotOpen(Exception):
    """The invitation was accepted, withdrawn or has ended, or who sent it may no longer give what it says."""


@transaction.atomic
def invite(
    *,
    member: Member,
    email: str,
    role: str,
    order_ids: Iterable[int] = (),
    language: str = "",
    actor: Login | None = None,
) -> Invitation:
    """An invitation, and the mail with its link. Raises PermissionDenied, ValidationError."""
    services.may_administer(actor, member)
    email = email.strip()
    validate_email(email)
    if language and language not in dict(settings.LANGUAGES):
        raise ValidationError({"language": _("The panel does not speak this language.")})
    wanted = checked_orders(member, role, order_ids)
    lock_resources([f"people:{member.pk}"])
    waiting = open_ones().filter(member=member)
    if waiting.filter(email__iexact=email).exists():
        raise ValidationError(
            {"email": _("This address has an invitation that is open. Send it again, or withdraw it.")}
        )
    if waiting.count() >= MOST:
        raise ValidationError(_("There are too many open invitations: withdraw some first."))
    secret, digest = secret_links.fresh()
    invitation = Invitation.objects.create(
        member=member,
        email=email,
        role=role,
        order_ids=wanted,
        language=language,
        invited_by=actor,
        digest=digest,
        ends=timezone.now() + LIFETIME,
    )
    _send(invitation, secret)
    logger.info("invitation %s made by %s", invitation.pk, actor or "the panel")
    return invitation


@transaction.atomic
def resend(*, invitation: Invitation, actor: Login | None = None) -> Invitation:
    """The mail once more, with a new link (the old one opens nothing any more), for seven more days.

    The invitation is its sender's from now on. Raises PermissionDenied, ValidationError.
    """
    services.may_administer(actor, invitation.member)
    invitation = Invitation.objects.select_for_update(of=("self",)).get(pk=invitation.pk)
    if invitation.accepted or invitation.withdrawn:
        raise ValidationError(_("This invitation is closed. Make a new one."))
    now = timezone.now()
    if invitation.sent > now - PAUSE:
        raise ValidationError(_("It has just been sent. Wait a minute before you send it again."))
    secret, invitation.digest = secret_links.fresh()
    invitation.sent, invitation.ends, invitation.invited_by = now, now + LIFETIME, actor
    invitation.save(update_fields=["digest", "sent", "ends", "invited_by"])
    _send(invitation, secret)
    return invitation


@transaction.atomic
def withdraw(*, invitation: Invitation, actor: Login | None = None) -> None:
    """Its link opens nothing any more. Raises PermissionDenied, ValidationError when it was accepted before."""
    services.may_administer(actor, invitation.member)
    if not Invitation.objects.filter(pk=invitation.pk, accepted=None).update(withdrawn=timezone.now()):
        raise ValidationError(_("This invitation was accepted already. Take the access away instead."))
    logger.info("invitation %s withdrawn by %s", invitation.pk, actor or "the panel")


def by_digest(digest: str) -> Invitation | None:
    """The open invitation with that link, if what it says can still be given."""
    invitation = open_ones().filter(digest=digest).select_related("member", "invited_by").first() if digest else None
    return invitation if invitation is not None and _still_stands(invitation) else None


@transaction.atomic
def accept(*, digest: str, login: Login) -> Invitation:
    """Give a login what the invitation says. Raises NotOpen."""
    invitation = _claim(digest)
    _give(invitation, login)
    return invitation


@transaction.atomic
def accept_as_new(
    *, digest: str, username: str, name: str, password: str, requested_from: str | None = None
) -> tuple[Login, Operation]:
    """A new login of the member, with its password in the directory. Raises NotOpen, ValidationError, DirectoryAway
    (then nothing was made, and the invitation is open as before)."""
    invitation = _claim(digest)
    login, operation = services.create_login(
        username=username,
        name=name,
        email=invitation.email,
        member=invitation.member,
        password=password,
        requested_from=requested_from,
    )
    if invitation.language:
        services.set_language(login=login, language=invitation.language)
    _give(invitation, login)
    return login, operation


def open_ones() -> QuerySet[Invitation]:
    """All that can still be accepted."""
    return Invitation.objects.filter(accepted=None, withdrawn=None, ends__gt=timezone.now())


def checked_orders(member: Member, role: str, order_ids: Iterable[int]) -> list[int]:
    """The orders, when they are the member's and go with the role. Raises ValidationError."""
    ids = sorted(set(order_ids))
    if role == Role.MEMBER_ADMIN:
        if ids:
            raise ValidationError({"orders": _("Who administers the member administers all its orders.")})
    elif role != Role.ORDER_ADMIN:
        raise ValidationError({"role": _("Nobody can be invited to that.")})
    elif not ids:
        raise ValidationError({"orders": _("Choose at least one order.")})
    elif orders.owners(ids) != {member.pk} or len(orders.find(ids)) != len(ids):
        raise ValidationError({"orders": _("There is no such order.")})
    return ids


def _claim(digest: str) -> Invitation:
    """The open invitation, locked: of two who accept at once, one does."""
    row = Invitation.objects.select_for_update(of=("self",)).select_related("member", "invited_by")
    invitation = row.filter(digest=digest, accepted=None, withdrawn=None, ends__gt=timezone.now()).first()
    if invitation is None or not _still_stands(invitation):
        raise NotOpen
    return invitation


def _still_stands(invitation: Invitation) -> bool:
    inviter = invitation.invited_by
    if inviter is None or not inviter.is_active:
        return False
    try:
        services.may_administer(inviter, invitation.member)
    except PermissionDenied:
        return False
    return invitation.role == Role.MEMBER_ADMIN or bool(_orders_of(invitation))


def _orders_of(invitation: Invitation) -> list[orders.Order]:
    """What there still is of the orders that it names."""
    return [order for order in orders.find(invitation.order_ids) if order.member_id == invitation.member_id]


def _give(invitation: Invitation, login: Login) -> None:
    invitation.accepted, invitation.accepted_by = timezone.now(), login
    invitation.save(update_fields=["accepted", "accepted_by"])
    if invitation.role == Role.MEMBER_ADMIN:
        services.grant(login=login, role=Role.MEMBER_ADMIN, member=invitation.member, actor=invitation.invited_by)
    for order in _orders_of(invitation):
        services.grant(
            login=login,
            role=Role.ORDER_ADMIN,
            order_id=order.pk,
            order_member=invitation.member,
            actor=invitation.invited_by,
        )
    if invitation.invited_by is not None and invitation.invited_by.email:
        context = {"invitation": invitation, "login": login, "member": invitation.member}
        mail.write(invitation.invited_by.email, "invitation_accepted", context, invitation.invited_by.language)
    logger.info("invitation %s accepted by %s", invitation.pk, login)


def _send(invitation: Invitation, secret: str) -> None:
    context = {
        "invitation": invitation,
        "member": invitation.member,
        "orders": _orders_of(invitation),
        "inviter": invitation.invited_by,
        "link": secret_links.address(PAGE, secret),
        "days": LIFETIME.days,
    }
    mail.write(invitation.email, "invitation", context, invitation.language, confidential=True)
