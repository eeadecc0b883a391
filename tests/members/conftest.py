"""A directory of one's own: a subtree on the lab's real server, which nobody else looks at."""

import secrets
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import ldap
import pytest
from django.conf import settings as django_settings

from members.directory import Directory, Settings
from members.directory.connection import bind_first

Lab = Callable[..., str]


@pytest.fixture(scope="session")
def lab() -> Lab:
    """``lab("exec", "dir1", "--", "true")``: a verb of `manage.py lab`, and what it printed."""

    def run(*argv: str) -> str:
        command = [sys.executable, "-m", "controlpanel.lab", *argv]
        done = subprocess.run(command, cwd=django_settings.BASE_DIR, capture_output=True, text=True, timeout=120)
        if done.returncode:
            raise AssertionError(f"{' '.join(command)}: {done.stdout}{done.stderr}")
        return done.stdout

    return run


@pytest.fixture
def directory(settings: Any) -> Iterator[Directory]:
    """An empty directory below ou=test-…; the settings point at it, so logging in asks it too."""
    where = Settings.of_panel()
    base = f"ou=test-{secrets.token_hex(4)},{where.base}"
    writer = bind_first(where, where.bind_dn, where.bind_password)
    writer.add_s(base, [("objectClass", [b"organizationalUnit"])])
    settings.LDAP_BASE = base
    directory = Directory.at(replace(where, base=base))
    directory.ensure_units()
    yield directory
    directory.close()
    writer = bind_first(where, where.bind_dn, where.bind_password)  # the server may have been restarted meanwhile
    names = [name for name, _ in writer.search_s(base, ldap.SCOPE_SUBTREE, attrlist=["1.1"])]
    for name in sorted(names, key=len, reverse=True):
        writer.delete_s(name)
    writer.unbind_s()
