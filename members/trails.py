"""What is audited of members and logins (``controlpanel.audit``)."""

from django.utils.translation import gettext_lazy as _

from controlpanel.audit.trail import Trail, trails

from . import selectors
from .link_models import Invitation, PasswordReset
from .models import Access, Block, Login, Mail, Member, PosixId, Token

trails.scope("member", "SELECT ARRAY['member:' || {id}]")
trails.scope("login", "SELECT ARRAY['login:' || l.id, 'member:' || l.member_id] FROM members_login l WHERE l.id = {id}")

trails.call("members.member", "SELECT m.name FROM members_member m WHERE m.id = {id}")
trails.call("members.login", "SELECT l.username FROM members_login l WHERE l.id = {id}")

#: Of so many a page offers a choice.
_OFFERED = 200
trails.offer(
    "person",
    lambda login: list(selectors.logins_for(login).order_by("username").values_list("pk", "username")[:_OFFERED]),
)

_LOGIN = ("members.login", "r.login_id")

trails.add(
    Trail(
        Member,
        _("the member %(name)s"),
        label="r.name",
        scopes=[("member", "r.id")],
        ignored=frozenset({"state_since", "reminded", "last_warning"}),
        fields={
            "name": _("name"),
            "kind": _("kind"),
            "state": _("standing"),
            "paid_until": _("paid until"),
            "grace_until": _("open until, after contact"),
            "created": _("since"),
        },
    )
)
trails.add(
    Trail(
        Login,
        _("the login %(name)s"),
        label="r.username",
        scopes=["ARRAY['login:' || r.id, 'member:' || r.member_id]"],
        # Sessions end and passwords change by deeds that write their own entries.
        ignored=frozenset({"last_login", "session_salt"}),
        named={"member_id": "members.member"},
        fields={
            "username": _("user name"),
            "name": _("name"),
            "email": _("e-mail address"),
            "member_id": _("member"),
            "is_active": _("may log in"),
            "language": _("language"),
            "ssh_keys": _("SSH keys"),
            "created": _("since"),
        },
    )
)
trails.add(
    Trail(
        Access,
        _("the access “%(name)s”"),
        label=(
            "r.role || COALESCE(' ' || (SELECT m.name FROM members_member m WHERE m.id = r.member_id), '')"
            " || COALESCE(' ' || (SELECT o.name FROM hosting_hostingorder o WHERE o.id = r.order_id), '')"
        ),
        scopes=[("login", "r.login_id"), ("member", "r.member_id"), ("order", "r.order_id")],
        about=_LOGIN,
        named={"login_id": "members.login", "member_id": "members.member", "order_id": "hosting.hostingorder"},
        fields={
            "login_id": _("login"),
            "role": _("role"),
            "member_id": _("member"),
            "order_id": _("hosting order"),
            "granted": _("since"),
        },
    )
)
trails.add(
    Trail(
        Token,
        _("the token “%(name)s”"),
        label="r.name",
        scopes=[("login", "r.login_id")],
        about=_LOGIN,
        ignored=frozenset({"last_used"}),
        named={"login_id": "members.login"},
        fields={"name": _("name"), "digest": _("secret"), "expires": _("ends"), "login_id": _("login")},
    )
)
trails.add(
    Trail(
        Block,
        _("a block of keys and tokens (%(name)s)"),
        label="r.cause",
        scopes=[("login", "r.login_id")],
        about=_LOGIN,
        named={"login_id": "members.login"},
        fields={"cause": _("cause"), "login_id": _("login")},
    )
)
trails.add(
    Trail(
        Invitation,
        _("the invitation of %(name)s"),
        label="r.email",
        scopes=[("member", "r.member_id")],
        about=("members.member", "r.member_id"),
        ignored=frozenset({"sent", "created", "accepted_by_id", "invited_by_id"}),
        named={"member_id": "members.member"},
        fields={
            "email": _("e-mail address"),
            "role": _("role"),
            "order_ids": _("hosting orders"),
            "member_id": _("member"),
            "language": _("language"),
            "ends": _("ends"),
            "accepted": _("accepted"),
            "withdrawn": _("withdrawn"),
            "digest": _("link"),
        },
    )
)
trails.leave_out("a question of somebody unknown; a password that was changed by it is noted", PasswordReset)
trails.leave_out("a number that is given along with its login or site, for ever", PosixId)
trails.leave_out("an outbox: what it tells has its own entries", Mail)
