"""SSH keys and tokens that open nothing for a while: those of logins that may have been taken over.

Passwords still open the panel, so that the people concerned can see why and help. Staff are never blocked: they would
lock themselves out of the house that they are to clean.
"""

import logging

from django.db import transaction
from django.db.models import Q

from .choices import Role
from .models import Access, Block, Login, Member

logger = logging.getLogger(__name__)


def concerned(member: Member, order_id: int) -> list[Login]:
    """Logins that may change what belongs to that hosting order of that member, but for staff."""
    access = Q(role=Role.MEMBER_ADMIN, member=member) | Q(role=Role.ORDER_ADMIN, order_id=order_id)
    staff = Login.objects.filter(accesses__role=Role.STAFF)
    found = Login.objects.filter(pk__in=Access.objects.filter(access).values("login")).exclude(pk__in=staff)
    return list(found.order_by("pk"))


@transaction.atomic
def block(logins: list[Login], cause: str) -> None:
    """From now on their tokens are refused. Step ``members.ensure_login`` takes their keys out of the directory."""
    Block.objects.bulk_create([Block(login=login, cause=cause) for login in logins], ignore_conflicts=True)
    logger.info("keys and tokens of %s blocked by %s", ", ".join(map(str, logins)) or "nobody", cause)


@transaction.atomic
def unblock(cause: str) -> list[Login]:
    """Take that reason away; those whom it concerned. Step ``members.ensure_login`` brings their keys back."""
    logins = blocked_by(cause)
    Block.objects.filter(cause=cause).delete()
    logger.info("keys and tokens of %s free of %s", ", ".join(map(str, logins)) or "nobody", cause)
    return logins


def blocked_by(cause: str) -> list[Login]:
    """Whom that reason concerns."""
    return list(Login.objects.filter(blocks__cause=cause).order_by("pk"))


def only_of(member: Member, order_ids: list[int]) -> list[Login]:
    """Logins of that member that have business nowhere else; never staff. Who works for several members is none."""
    here = Q(accesses__role=Role.MEMBER_ADMIN, accesses__member=member) | Q(
        accesses__role=Role.ORDER_ADMIN, accesses__order_id__in=order_ids
    )
    elsewhere = Access.objects.exclude(
        Q(role=Role.MEMBER_ADMIN, member=member) | Q(role=Role.ORDER_ADMIN, order_id__in=order_ids)
    )
    found = Login.objects.filter(Q(member=member) | here).exclude(pk__in=elsewhere.values("login"))
    return list(found.distinct().order_by("pk"))
