"""Could this host take over some sites? A look, before anything of a move has been done."""

from __future__ import annotations

import os
import pwd
import shutil
from typing import Any, Dict, Optional

from .. import fields
from ..calls import Context, call
from . import nginx, paths


@call("site.preflight", parallel=True)
def preflight(args: Dict[str, Any], context: Context) -> Dict[str, Any]:
    """Takes ``{"sites": [{"site", "uid", "php": bool}]}``, answers ``{"problems": {site: what is in the way}}``.

    What is in the way of all of them stands under "".
    """
    fields.only(args, ("sites",))
    sites = fields.list_of(args, "sites", _site, min=1, max=1000)
    problems: Dict[str, str] = {}
    general = _general(any(site["php"] for site in sites))
    if general:
        problems[""] = general
    for site in sites:
        problem = _of(site)
        if problem:
            problems[str(site["site"])] = problem
    return {"problems": problems}


def _site(spec: Dict[str, Any], key: str) -> Dict[str, Any]:
    site = fields.record(spec, key, ("site", "uid", "php"))
    return {
        "site": fields.integer(site, "site", 1, 10**12),
        "uid": fields.integer(site, "uid", 1000, 2**31 - 1),
        "php": fields.boolean(site, "php"),
    }


def _general(php: bool) -> Optional[str]:
    if nginx.master() is None:
        return "nginx does not run"
    if not os.path.exists(paths.READY):
        return "it has not brought back all that it serves since it was started"
    if shutil.which("ceph-fuse") is None:
        return "it cannot mount volumes: ceph-fuse is missing"
    if php and not os.path.exists(paths.php_program()):
        return "it has no PHP"
    return None


def _of(site: Dict[str, Any]) -> Optional[str]:
    name = f"site{site['site']}"
    try:
        found = pwd.getpwuid(site["uid"]).pw_name
    except KeyError:
        return f"the user {name} is not known there"
    if found != name:
        return f"the user id of {name} is {found}'s there"
    root = paths.root(str(site["site"]))
    if os.path.ismount(root):
        return f"something is mounted at {root} already"
    if os.path.isdir(root) and os.listdir(root):
        return f"{root} is not empty though nothing is mounted there"
    return None
