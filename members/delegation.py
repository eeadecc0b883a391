"""Who administers what, changed as a whole by who administers a member. Writes."""

from collections.abc import Iterable

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from controlpanel.operations.locks import lock_resources

from . import orders, services
from .choices import Role
from .models import Access, Login, Member


@transaction.atomic
def set_access(
    *, login: Login, member: Member, whole: bool, order_ids: Iterable[int] = (), actor: Login | None = None
) -> None:
    """Exactly this within ``member``: all of it, these of its orders, or (neither) nothing. Elsewhere all stays.

    Raises PermissionDenied; ValidationError for orders that are not the member's, and for the last administrator.
    """
    services.may_administer(actor, member)
    lock_resources([f"people:{member.pk}"])
    theirs = {order.pk for order in orders.of_member(member)}
    wanted = set() if whole else set(order_ids)
    if not wanted <= theirs:
        raise ValidationError({"orders": _("There is no such order.")})
    have = Access.objects.filter(orders.accesses_within(member), login=login)
    for access in have:
        keep = whole if access.role == Role.MEMBER_ADMIN else access.order_id in wanted
        if not keep:
            services.revoke(access=access, order_member=member, actor=actor)
    if whole:
        services.grant(login=login, role=Role.MEMBER_ADMIN, member=member, actor=actor)
    for order_id in sorted(wanted):
        services.grant(login=login, role=Role.ORDER_ADMIN, order_id=order_id, order_member=member, actor=actor)
    for one in (login, actor):
        if one is not None:
            one.forget_accesses()
