"""The agent's commands: ``serve`` ``boot`` ``tend`` ``database-boot`` ``install`` ``refresh`` ``selftest``."""

from __future__ import annotations

import json
import os
import platform
import sys
from typing import List, Optional

from . import builtins, commands, install, serve, settings, upgrade
from .calls import Context
from .errors import AgentError
from .kinds.registry import ROLES, Registry
from .paths import Paths
from .store import Store
from .web import tending


def main(arguments: Optional[List[str]] = None) -> int:
    """Run a command; 0 when it went well."""
    arguments = sys.argv[1:] if arguments is None else arguments
    verbs = {
        "serve": _serve,
        "boot": _boot,
        "database-boot": _database_boot,
        "tend": _tend,
        "install": _install,
        "refresh": _refresh,
        "selftest": _selftest,
    }
    if len(arguments) != 1 or arguments[0] not in verbs:
        print(f"usage: agent.pyz {'|'.join(verbs)}", file=sys.stderr)
        return 2
    os.umask(0o022)
    commands.let_open_files()  # nginx's test of its files opens two logs a site
    try:
        return verbs[arguments[0]]()
    except AgentError as error:
        print(f"{error.code}: {error.reason}\n{error.output}".rstrip(), file=sys.stderr)
        return 1


def own_version() -> str:
    """SHA-256 of the zipapp that runs; empty when it runs from source."""
    path = sys.argv[0] if sys.argv else ""
    return upgrade.digest_of(path) if path.endswith((".pyz", ".pyz.new")) else ""


def _context(paths: Paths, own: settings.Settings) -> Context:
    return Context(store=Store(paths.state), roles=own.roles, paths=paths, version=own_version())


def _serve() -> int:
    paths = Paths()
    own = settings.read(paths)
    return serve.serve(_context(paths, own), own)


def _boot() -> int:
    paths = Paths()
    own = settings.read(paths)
    troubles = builtins.prepare(_context(paths, own), own).boot()
    for trouble in troubles:
        print(trouble, file=sys.stderr)
    return 1 if troubles else 0


def _database_boot() -> int:
    from .databases import boot

    boot.prepare()
    return 0


def _tend() -> int:
    """Called by a timer of web hosts. A site whose scheduled work fails is its member's matter: the journal has it, and
    the unit does not count as failed, which is for the host's own troubles."""
    for trouble in tending.run(Store(Paths().state).specs("site")):
        print(trouble, file=sys.stderr)
    return 0


def _install() -> int:
    print(json.dumps(install.install(json.load(sys.stdin), Paths())))
    return 0


def _refresh() -> int:
    install.refresh(Paths())
    return 0


def _selftest() -> int:
    """Whether all of it can be imported by this Python and a store can be made."""
    registry = Registry(ROLES)
    Store(":memory:").close()
    for name, reason in registry.broken.items():
        print(f"{name}: {reason}", file=sys.stderr)
    print(json.dumps({"version": own_version(), "python": platform.python_version(), "kinds": sorted(registry.kinds)}))
    return 1 if registry.broken else 0
