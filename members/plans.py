"""Operations on the directory, and the steps that other apps' operations contain."""

import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from django.utils.translation import gettext_lazy as _

from controlpanel.operations.errors import Refused, add_messages
from controlpanel.operations.models import Step
from controlpanel.operations.registry import Action, Params, Plan, PlannedStep, Reserve, Stages, register

from .directory import Directory
from .directory.compare import person_of
from .models import Login, PosixId

add_messages(
    {
        "directory_refused": _("The directory refused the change: %(reason)s"),
        "no_posix_id": _("%(owner)s has no number in the directory's sequence. Staff can see to it."),
        "no_login": _("This login does not exist any more."),
    }
)

_pool: ThreadPoolExecutor | None = None


def _forget_pool() -> None:
    global _pool
    _pool = None  # its threads stayed in the parent


os.register_at_fork(after_in_child=_forget_pool)


def in_background(work: Callable[[], dict[str, Any]]) -> "Future[dict[str, Any]]":
    """Do ``work`` (directory calls, no database) in one of a few threads, each with its own connection."""
    global _pool
    if _pool is None:
        _pool = ThreadPoolExecutor(max_workers=4, thread_name_prefix="directory")
    return _pool.submit(work)


def _directory() -> Directory:
    return Directory.shared()


def _number(owner: str) -> int:
    row = PosixId.objects.filter(owner=owner).first()
    if row is None:
        raise Refused("no_posix_id", {"owner": owner})
    return int(row.number)


@register
class EnsureSiteIdentity(Action):
    """``{"site": id}``: the site's unix user and group are in the directory. Call ``services.posix_id`` before."""

    name = "members.ensure_site_identity"
    title = _("Enter the site's user in the directory")
    undoable = True

    def submit(self, step: Step) -> "Future[dict[str, Any]]":
        site, number = int(step.args["site"]), _number(f"site:{step.args['site']}")
        return in_background(
            lambda: {"uid": number, "changed": _directory().ensure_site_identity(f"site{site}", number)}
        )

    def confirm(self, step: Step, answer: dict[str, Any]) -> None:
        _want(step, True)

    def submit_undo(self, step: Step) -> "Future[dict[str, Any]]":
        return _remove_site(step)

    def confirm_undo(self, step: Step, answer: dict[str, Any]) -> None:
        _want(step, False)


@register
class RemoveSiteIdentity(Action):
    """``{"site": id}``: the site's unix user is gone from the directory; its number is never given again."""

    name = "members.remove_site_identity"
    title = _("Remove the site's user from the directory")

    def submit(self, step: Step) -> "Future[dict[str, Any]]":
        return _remove_site(step)

    def confirm(self, step: Step, answer: dict[str, Any]) -> None:
        _want(step, False)


def _remove_site(step: Step) -> "Future[dict[str, Any]]":
    site = int(step.args["site"])
    return in_background(lambda: {"changed": _directory().remove_site_identity(f"site{site}")})


def _want(step: Step, wanted: bool) -> None:
    PosixId.objects.filter(owner=f"site:{step.args['site']}").update(wanted=wanted)


@register
class EnsureLoginAction(Action):
    """``{"login": id}``: the login's entry is in the directory as the database has it now; its password stays."""

    name = "members.ensure_login"
    title = _("Bring the login to the directory")

    def submit(self, step: Step) -> "Future[dict[str, Any]]":
        login = Login.objects.filter(pk=step.args["login"]).first()
        if login is None:
            raise Refused("no_login")
        person = person_of(login, _number(f"login:{login.pk}"))
        return in_background(lambda: {"uid": person.number, "changed": _directory().ensure_login(person)})


@register
class EnsureLogin(Plan):
    """``{"login": id, "username": name}``."""

    kind = "members.ensure_login"
    title = _("Login %(username)s: bring it to the directory")

    def stages(self, params: Params) -> Stages:
        return [[PlannedStep("members.ensure_login", args={"login": params["login"]})]]

    def reservations(self, params: Params) -> list[Reserve]:
        return [Reserve(f"login:{params['login']}")]
