"""Reads, scoped to who asks. Nobody, anonymous, inactive or without access: nothing."""

from collections.abc import Iterable
from typing import TypeGuard

from django.contrib.auth.models import AnonymousUser
from django.db.models import Q, QuerySet

from . import orders, sessions
from .choices import Role
from .models import Access, Invitation, Login, LoginSession, Member, Token

Actor = Login | AnonymousUser | None


def _known(actor: Actor) -> TypeGuard[Login]:
    return isinstance(actor, Login) and actor.pk is not None and actor.is_active


def members_for(actor: Actor) -> QuerySet[Member]:
    """Members that the actor administers; all for staff."""
    if not _known(actor):
        return Member.objects.none()
    return Member.objects.all() if actor.is_staff else Member.objects.filter(pk__in=actor.member_ids())


def logins_for(actor: Actor) -> QuerySet[Login]:
    """The actor, and the logins of members that it administers; all for staff."""
    if not _known(actor):
        return Login.objects.none()
    if actor.is_staff:
        return Login.objects.all()
    return Login.objects.filter(Q(pk=actor.pk) | Q(member__in=actor.member_ids()))


def accesses_for(actor: Actor, *, order_ids: Iterable[int] = ()) -> QuerySet[Access]:
    """The actor's own, and those on what it administers; all for staff. A narrowed token sees the latter only.

    ``order_ids``: orders that the caller knows it to administer by way of their member (which this app cannot know).
    """
    if not _known(actor):
        return Access.objects.none()
    if actor.is_staff:
        return Access.objects.all()
    own = Q(pk=None) if actor.is_narrowed else Q(login=actor)
    return Access.objects.filter(
        own
        | Q(role=Role.MEMBER_ADMIN, member__in=actor.member_ids())
        | Q(role=Role.ORDER_ADMIN, order_id__in=[*actor.order_ids(), *order_ids])
    )


def tokens_for(actor: Actor) -> QuerySet[Token]:
    """The actor's own tokens; nobody sees another's, staff neither. A narrowed token sees itself."""
    if not _known(actor):
        return Token.objects.none()
    own = Token.objects.filter(login=actor)
    return own.filter(pk=actor.token.pk) if actor.is_narrowed and actor.token else own


def invitations_for(actor: Actor) -> QuerySet[Invitation]:
    """Invitations to members that the actor administers; all for staff."""
    return Invitation.objects.filter(member__in=members_for(actor))


def people_of(actor: Actor, member: Member) -> QuerySet[Login]:
    """Logins of a member that the actor administers, and others' that may do something there."""
    if not members_for(actor).filter(pk=member.pk).exists():
        return Login.objects.none()
    within = Access.objects.filter(orders.accesses_within(member)).values("login")
    return Login.objects.filter(Q(member=member) | Q(pk__in=within)).order_by("username")


def sessions_for(actor: Actor) -> QuerySet[LoginSession]:
    """The actor's own sessions; nobody sees another's."""
    # Nor does a token that is narrowed to some things of its login's.
    return sessions.of(actor) if _known(actor) and not actor.is_narrowed else LoginSession.objects.none()
