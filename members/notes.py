"""Deeds of people that change no row, written into the audit: coming and going, passwords, the first use of a token."""

from typing import Any

from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.dispatch import receiver

from controlpanel.audit import services as audit
from controlpanel.audit.choices import Verb

from .models import Login, Token


def note(verb: str, login: Login, *, actor: Login | None = None, detail: dict[str, Any] | None = None) -> None:
    """An entry about that login, for it and its member to see."""
    scopes = [f"login:{login.pk}", *([f"member:{login.member_id}"] if login.member_id else [])]
    audit.note(verb, f"members.login:{login.pk}", label=login.username, scopes=scopes, actor=actor, detail=detail)


def note_first_use(token: Token) -> None:
    """Somebody who was given the token has begun to use it."""
    login = token.login
    audit.note(
        Verb.FIRST_USED,
        f"members.token:{token.pk}",
        label=token.name,
        about=f"members.login:{login.pk}",
        about_label=login.username,
        scopes=[f"login:{login.pk}", *([f"member:{login.member_id}"] if login.member_id else [])],
        actor=login,
    )


@receiver(user_logged_in, dispatch_uid="members.notes.logged_in")
def _logged_in(sender: type, user: Any, **kwargs: Any) -> None:
    if isinstance(user, Login):
        note(Verb.LOGGED_IN, user, actor=user)


@receiver(user_logged_out, dispatch_uid="members.notes.logged_out")
def _logged_out(sender: type, user: Any, **kwargs: Any) -> None:
    if isinstance(user, Login):
        note(Verb.LOGGED_OUT, user, actor=user)


@receiver(user_login_failed, dispatch_uid="members.notes.login_failed")
def _login_failed(sender: type, credentials: dict[str, Any], **kwargs: Any) -> None:
    """Only of names that there are: in the place of a name people also type passwords."""
    login = Login.objects.filter(username=str(credentials.get("username") or "")[:64]).first()
    if login is not None:
        note(Verb.LOGIN_FAILED, login)
