"""The banner that tells people of a member how it stands with it, and what to do."""

from typing import Any

from django import template

from members import standing
from members.choices import MemberState
from members.models import Login

register = template.Library()


@register.inclusion_tag("members/standing.html", takes_context=True)
def standing_banner(context: dict[str, Any]) -> dict[str, Any]:
    """One line for each member of whoever looks that is not in good standing; staff see none."""
    login = getattr(context.get("request"), "user", None)
    if not isinstance(login, Login) or login.is_staff:
        return {"troubled": []}
    troubled = [member for member in login.members_administered() if member.state != MemberState.GOOD_STANDING]
    return {"troubled": [(member, standing.outlook(member)) for member in troubled]}
