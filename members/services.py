"""Writes: members, logins, what logins may do. Each call is one transaction.

``actor`` is who asks; None is the panel itself (a command, a seed). What the actor may not do raises PermissionDenied,
what is not well-formed raises ValidationError. Passwords and keys go to the directory; where that must happen while the
caller waits (a password is never written down to be sent later), DirectoryAway says so and nothing was changed.
"""

import logging
import secrets

from django.conf import settings
from django.contrib.auth import authenticate
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from controlpanel.audit.choices import Verb
from controlpanel.operations.locks import lock_resources
from controlpanel.operations.models import Operation
from controlpanel.operations.services import start

from . import administrators, factors, orders, sessions
from .choices import MemberKind, Role
from .directory import Directory
from .directory.compare import PRUNE_LOCK, person_of
from .models import Access, Login, Member, PosixId
from .notes import note
from .ssh_keys import parse_keys
from .tokens import authenticate_token, create_token, revoke_token

__all__ = [
    "WrongPassword",
    "activate_login",
    "authenticate_token",
    "change_own_password",
    "create_login",
    "create_member",
    "create_token",
    "deactivate_login",
    "grant",
    "login_of",
    "may_administer",
    "posix_id",
    "reset_second_factor",
    "revoke",
    "revoke_token",
    "set_language",
    "set_password",
    "set_ssh_keys",
    "sign_out_everywhere",
    "update_login",
]

logger = logging.getLogger(__name__)


class WrongPassword(Exception):
    """The password that was to prove who asks is not theirs."""


def login_of(request: HttpRequest) -> Login:
    """Who asks, where ``login_required`` stands before."""
    assert isinstance(request.user, Login)  # noqa: S101
    return request.user


def posix_id(owner: str) -> int:
    """The uid and gid of "login:7" or "site:12": given at the first call, the same for ever after.

    Calling it says that the directory should hold the account (again).
    """
    row, _created = PosixId.objects.get_or_create(owner=owner)
    if not row.wanted:
        PosixId.objects.filter(pk=row.pk).update(wanted=True)
    return int(row.number)


# --- members ------------------------------------------------------------------------------------------------------
@transaction.atomic
def create_member(*, name: str, kind: str = MemberKind.ORGANIZATION, actor: Login | None = None) -> Member:
    """A new member in good standing. Staff only."""
    _staff_only(actor)
    member = Member(name=" ".join(name.split()), kind=kind)
    member.full_clean()
    member.save()
    return member


# --- logins -------------------------------------------------------------------------------------------------------
@transaction.atomic
def create_login(
    *,
    username: str,
    name: str = "",
    email: str = "",
    member: Member | None = None,
    actor: Login | None = None,
    password: str | None = None,
    requested_from: str | None = None,
) -> tuple[Login, Operation]:
    """A login and the operation that brings it to the directory. It may do nothing until it is granted something.

    With a ``password`` the directory is written to at once, and DirectoryAway means that nothing was made.
    """
    _may_manage(actor, member)
    login = Login(username=username, name=" ".join(name.split()), email=email, member=member)
    login.full_clean()
    if password is not None:
        validate_password(password, login)
    login.save()
    posix_id(f"login:{login.pk}")
    operation = _to_directory(login, actor, requested_from)
    if password is not None:
        _write_password(login, password)
    return login, operation


@transaction.atomic
def update_login(
    *, login: Login, name: str, email: str, actor: Login | None = None, requested_from: str | None = None
) -> Operation:
    """Another name or address."""
    _may_manage(actor, login.member, login)
    login.name, login.email = " ".join(name.split()), email
    login.full_clean()
    login.save(update_fields=["name", "email"])
    return _to_directory(login, actor, requested_from)


@transaction.atomic
def set_ssh_keys(
    *, login: Login, keys: str, actor: Login | None = None, requested_from: str | None = None
) -> Operation:
    """Exactly these public keys, one a line. Raises ValidationError that names the line at fault."""
    _may_manage(actor, login.member, login)
    login.ssh_keys = "\n".join(str(key) for key in parse_keys(keys))
    login.save(update_fields=["ssh_keys"])
    return _to_directory(login, actor, requested_from)


@transaction.atomic
def deactivate_login(*, login: Login, actor: Login | None = None, requested_from: str | None = None) -> Operation:
    """It can no longer log in, its sessions end and its tokens are refused, now. ``activate_login`` gives all back."""
    may_administer(actor, login.member)
    if actor is not None and actor.pk == login.pk:
        raise ValidationError(_("You cannot deactivate your own login."))
    _may_manage(actor, login.member, login)
    administrators.keep_one(login, login.member, actor)
    login.is_active = False
    login.session_salt = secrets.token_hex()
    login.save(update_fields=["is_active", "session_salt"])
    sessions.forget(login)
    return _to_directory(login, actor, requested_from)


@transaction.atomic
def activate_login(*, login: Login, actor: Login | None = None, requested_from: str | None = None) -> Operation:
    """It may log in again, with the password that it had."""
    may_administer(actor, login.member)
    _may_manage(actor, login.member, login)
    login.is_active = True
    login.save(update_fields=["is_active"])
    return _to_directory(login, actor, requested_from)


@transaction.atomic
def set_password(*, login: Login, password: str, actor: Login | None = None) -> None:
    """Another password, in the directory; sessions of the old one end. Raises DirectoryAway when it cannot be reached.

    For one's own password there is ``change_own_password``, which asks for the old one.
    """
    if actor is not None and actor.pk == login.pk:
        raise PermissionDenied
    _may_manage(actor, login.member, login)
    note(Verb.PASSWORD_SET, login, actor=actor)
    _set_password(login, password)
    logger.info("password of %s set by %s", login, actor or "the panel")


def change_own_password(*, login: Login, old: str, new: str, request: HttpRequest) -> None:
    """As ``set_password``, by whoever knows the old one. Raises WrongPassword, DirectoryAway.

    The old one is checked like a login, so that the throttle counts it: an open session must not be a place to guess.
    """
    if authenticate(request, username=login.username, password=old) is None:
        raise WrongPassword
    with transaction.atomic():
        note(Verb.PASSWORD_SET, login, actor=login)
        _set_password(login, new)
    logger.info("password of %s changed", login)


@transaction.atomic
def sign_out_everywhere(*, login: Login, actor: Login | None = None) -> None:
    """All its sessions end; tokens stay."""
    _may_manage(actor, login.member, login)
    note(Verb.SIGNED_OUT, login, actor=actor)
    _end_sessions(login)


def set_language(*, login: Login, language: str, actor: Login | None = None) -> None:
    """The language that the panel speaks to it, a code of settings.LANGUAGES. Raises ValidationError for others."""
    _may_manage(actor, login.member, login)
    if language not in dict(settings.LANGUAGES):
        raise ValidationError(_("The panel does not speak this language."))
    login.language = language
    login.save(update_fields=["language"])


@transaction.atomic
def reset_second_factor(*, login: Login, actor: Login | None = None) -> None:
    """For who has lost everything that proves who they are. Staff only, and nobody their own; its sessions end."""
    _staff_only(actor)
    if actor is not None and actor.pk == login.pk:
        raise ValidationError(_("Somebody else of the staff has to reset yours."))
    factors.reset(login)
    _end_sessions(login)
    logger.info("second factors of %s reset by %s", login, actor or "the panel")


# --- what logins may do -------------------------------------------------------------------------------------------
@transaction.atomic
def grant(
    *,
    login: Login,
    role: str,
    member: Member | None = None,
    order_id: int | None = None,
    order_member: Member | None = None,
    actor: Login | None = None,
) -> Access:
    """Give a role, on everything (staff), on ``member``, or on the hosting order ``order_id``; twice is once.

    ``order_member`` is the order's member, by which the actor's right to grant is judged: orders are not known here.
    """
    if role == Role.STAFF:
        _staff_only(actor)
    else:
        may_administer(actor, member if role == Role.MEMBER_ADMIN else order_member)
    access = Access(login=login, role=role, member=member, order_id=order_id)
    access.full_clean(validate_unique=False, validate_constraints=False)
    access.validate_constraints(exclude=["login"])
    access, _created = Access.objects.get_or_create(login=login, role=role, member=member, order_id=order_id)
    login.forget_accesses()
    logger.info("%s granted by %s", access, actor or "the panel")
    return access


@transaction.atomic
def revoke(*, access: Access, order_member: Member | None = None, actor: Login | None = None) -> None:
    """Take a role away; it counts from the next request on. ``order_member`` as in ``grant``."""
    if access.role == Role.STAFF:
        _staff_only(actor)
        if actor is not None and actor.pk == access.login_id:
            raise ValidationError(_("You cannot take your own staff access away."))
    else:
        may_administer(actor, access.member if access.role == Role.MEMBER_ADMIN else order_member)
    if access.role == Role.MEMBER_ADMIN:
        administrators.keep_one(access.login, access.member, actor)
    access.delete()
    access.login.forget_accesses()
    logger.info("%s revoked by %s", access, actor or "the panel")


# --- the pieces ---------------------------------------------------------------------------------------------------
def _staff_only(actor: Login | None) -> None:
    if actor is not None and not actor.is_staff:
        raise PermissionDenied


def may_administer(actor: Login | None, member: Member | None) -> None:
    """Raise PermissionDenied unless the actor is the panel, staff, or an administrator of ``member``."""
    _may_manage(actor, member)


def _may_manage(actor: Login | None, member: Member | None, login: Login | None = None) -> None:
    """The actor is the panel, staff, an administrator of ``member``, or the ``login`` itself (but not by a narrowed
    token: keys and passwords of its own login would open more than the token does).

    Who administers a member may not touch those of its logins that reach beyond it: staff, or somebody who
    administers another member too. Their password would open what is none of the actor's.
    """
    if actor is None or actor.is_staff:
        return
    own = login is not None and actor.pk == login.pk
    if own and actor.is_narrowed:
        raise PermissionDenied
    administers = member is not None and member.pk in actor.member_ids()
    if not actor.is_active or not (own or administers):
        raise PermissionDenied
    if login is not None and not own and orders.reaches_beyond(login, actor):
        raise PermissionDenied


def _to_directory(login: Login, actor: Login | None, requested_from: str | None) -> Operation:
    return start(
        "members.ensure_login",
        {"login": login.pk, "username": login.username},
        scopes=[f"member:{login.member_id}"] if login.member_id else [],
        actor=actor,
        requested_from=requested_from,
    )


def _end_sessions(login: Login) -> None:
    login.session_salt = secrets.token_hex()
    login.save(update_fields=["session_salt"])
    sessions.forget(login)


def _set_password(login: Login, password: str) -> None:
    validate_password(password, login)
    _end_sessions(login)
    _write_password(login, password)


def _write_password(login: Login, password: str) -> None:
    """Last in its transaction: when the directory fails, everything is as before."""
    lock_resources([PRUNE_LOCK])
    directory = Directory.shared()
    directory.ensure_login(person_of(login, posix_id(f"login:{login.pk}")))
    directory.set_password(login.username, password)
