"""Nobody locks the last administrator of a member out: only staff may, who can let somebody in again."""

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from controlpanel.operations.locks import lock_resources

from .choices import Role
from .models import Access, Login, Member


def keep_one(login: Login, member: Member | None, actor: Login | None) -> None:
    """Raise ValidationError when ``member`` would have no administrator who may log in without ``login``."""
    if actor is None or actor.is_staff or member is None:
        return
    lock_resources([f"people:{member.pk}"])
    administrators = Access.objects.filter(role=Role.MEMBER_ADMIN, member=member, login__is_active=True)
    if administrators.filter(login=login).exists() and not administrators.exclude(login=login).exists():
        raise ValidationError(
            _("%(name)s is the only administrator of %(member)s. Let somebody else administer it first.")
            % {"name": login, "member": member}
        )
