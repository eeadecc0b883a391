"""Calls that put an application into a site and look after it. The password of its database is in these calls alone.

Not a resource: what they leave behind is the site's own data, on its volume and in its database.
"""

from __future__ import annotations

import contextlib
import json
import re
import secrets
from typing import Any, Dict, Optional

from .. import fields
from ..calls import Context, call
from ..errors import AgentError, Failed, Invalid
from ..redaction import MASK
from ..web import fastcgi, logs, tree, wordpress

_SITE = re.compile(r"\A[1-9][0-9]{0,11}\Z")
_LANGUAGE = re.compile(r"\A(?:[a-z]{2,3}(?:_[A-Z]{2})?)?\Z")
_USER = re.compile(r"\A[a-z][a-z0-9_-]{0,40}\Z")
_MAIL = re.compile(r"\A[A-Za-z0-9._+-]{1,64}@[A-Za-z0-9.-]{1,190}\Z")
#: phpass, which every version of WordPress reads (and replaces by its own when the password is first used).
_HASH = re.compile(r"\A\$P\$[./0-9A-Za-z]{31}\Z")
_PASSWORD = re.compile(r"\A[A-Za-z0-9._~+/=-]{8,200}\Z")
_DATABASE = re.compile(r"\Adb[1-9][0-9]{0,11}(?:_[a-z0-9]{1,20})?\Z")


class ApplicationFailed(AgentError):
    """The application itself says that it cannot."""

    code = "application_failed"


@call("application.install")
def install(args: Dict[str, Any], context: Context) -> Dict[str, Any]:
    """Install WordPress into a site of that kind; done again, it leaves what is there.

    Args: ``{"site", "title", "language": "es_ES" or "", "username", "email", "password_hash": phpass,
    "database": {"name", "user", "password", "host"}}``. Answers ``{"version", "before": it was there already}``.
    """
    fields.only(args, ("site", "title", "language", "username", "email", "password_hash", "database"))
    site, spec = _site(args, context)
    database = fields.record(args, "database", ("name", "user", "password", "host"))
    config = wordpress.own_config(
        name=fields.matching(database, "name", _DATABASE, "a database", 40),
        user=fields.matching(database, "user", _DATABASE, "a database's user", 40),
        password=fields.matching(database, "password", _PASSWORD, "a generated password", 200),
        host=fields.domain_name(database, "host"),
        salts=[secrets.token_urlsafe(48) for _ in wordpress.SALTS],
    )
    order = {
        "do": "install",
        "title": fields.text(args, "title", 200, 1),
        "language": fields.matching(args, "language", _LANGUAGE, "a language", 6, ""),
        "username": fields.matching(args, "username", _USER, "a user's name", 41),
        "email": fields.matching(args, "email", _MAIL, "an address", 255),
        "password_hash": fields.matching(args, "password_hash", _HASH, "a hash", 34),
    }
    tree.put_wordpress(site, spec["uid"], spec["gid"], config)
    answer = _ask(site, spec, order, [database["password"], order["password_hash"]])
    return {"version": str(answer.get("version", ""))[:20], "before": bool(answer.get("before"))}


@call("application.set_password")
def set_password(args: Dict[str, Any], context: Context) -> Dict[str, Any]:
    """Give a user of the site's WordPress another password and end the user's sessions.

    Args: ``{"site", "username", "password_hash": phpass}``.
    """
    fields.only(args, ("site", "username", "password_hash"))
    site, spec = _site(args, context)
    order = {
        "do": "password",
        "username": fields.matching(args, "username", _USER, "a user's name", 41),
        "password_hash": fields.matching(args, "password_hash", _HASH, "a hash", 34),
    }
    _ask(site, spec, order, [order["password_hash"]])
    return {}


def _site(args: Dict[str, Any], context: Context) -> "tuple[str, Dict[str, Any]]":
    site = fields.matching(args, "site", _SITE, "a site's number", 12)
    spec: Optional[Dict[str, Any]] = context.store.spec("site", site)
    if spec is None or spec["kind"] != "wordpress" or not spec["enabled"] or not spec["domains"]:
        raise Invalid("site: no WordPress site that runs here")
    return site, spec


def _ask(site: str, spec: Dict[str, Any], order: Dict[str, Any], secret: "list[str]") -> Dict[str, Any]:
    """What the tool in the site's box answers. What goes wrong there is told without the secrets."""
    try:
        status, body = fastcgi.ask(site, wordpress.TOOL, spec["domains"][0], "/", json.dumps(order).encode(), 110.0)
        answer = json.loads(body) if status == 200 else None
    except (ValueError, Failed) as error:
        raise ApplicationFailed(
            "WordPress gave no answer", _scrubbed(str(getattr(error, "output", error)), secret)
        ) from None
    if not isinstance(answer, dict) or answer.get("error"):
        output = body.decode(errors="replace")[-4000:] + "\n" + _last_error(site)
        raise ApplicationFailed(f"WordPress answered {status}", _scrubbed(output, secret))
    return answer


def _scrubbed(text: str, secret: "list[str]") -> str:
    for one in secret:
        text = text.replace(one, MASK)
    return text


def _last_error(site: str) -> str:
    with contextlib.suppress(AgentError, OSError):
        return "\n".join(logs.tail(site, "php", 10).lines)
    return ""
