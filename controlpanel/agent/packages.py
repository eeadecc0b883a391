"""Debian packages that the roles need, and their installation where they are missing."""

from __future__ import annotations

import re
from typing import Iterable, List, Set

from . import commands
from .errors import Failed

#: For every host. The agent itself needs only python3 and sudo.
ALL = ("sudo", "openssh-server", "python3", "curl")
#: By role; "{php}" becomes this Debian's version of PHP, "{theme}" the package of its WordPress' default theme.
ROLES = {
    "web": (
        "nginx-light",
        "{php}-fpm",
        "{php}-mysql",
        "{php}-pgsql",
        "{php}-curl",
        "{php}-gd",
        "{php}-mbstring",
        "{php}-xml",
        "{php}-zip",
        "{php}-intl",
        "{php}-cli",
        # Named, or WordPress would bring Apache along.
        "php",
        "wordpress",
        "wordpress-l10n",
        "{theme}",
        "logrotate",
        "ceph-fuse",
        "libnss-ldapd",
        "nslcd",
        "haproxy",
        "nftables",
    ),
    "edge": ("haproxy", "openssl", "nftables"),
    "storage": ("ceph-common", "python3-rados", "python3-cephfs"),
    "database": ("mariadb-server", "postgresql", "python3-pymysql", "python3-psycopg", "nftables", "openssl"),
    "mail": (),
    "directory": (),
}


def missing(roles: Iterable[str]) -> List[str]:
    """Packages that the roles need and this host does not have."""
    wanted = list(ALL) + [name for role in sorted(roles) for name in ROLES.get(role, ())]
    if any("{php}" in name for name in wanted):
        php = _php()
        theme = _theme()
        wanted = [name.replace("{php}", php).replace("{theme}", theme) for name in wanted]
    here = _installed()
    return [name for name in wanted if name not in here]


def install(names: List[str]) -> None:
    """Install packages by apt-get, without questions and without starting what nobody has configured. Raises Failed."""
    if not names:
        return
    apt = ["apt-get", "-q", "-y", "-o", "DPkg::Lock::Timeout=120", "-o", "Dpkg::Options::=--force-confold"]
    environment = ["env", "DEBIAN_FRONTEND=noninteractive"]
    try:
        commands.run([*environment, *apt, "update"], timeout=300)
        commands.run([*environment, *apt, "--no-install-recommends", "install", *names], timeout=1800)
    except Failed as error:
        raise Failed(
            f"these packages are missing and could not be installed: {' '.join(names)}. Install them by hand "
            "(apt-get install …), then enrol this host again.",
            error.output,
        ) from error


def _installed() -> Set[str]:
    output = commands.run(["dpkg-query", "-W", "-f", "${db:Status-Status} ${Package}\n"], timeout=60)
    return {line.partition(" ")[2] for line in output.splitlines() if line.startswith("installed ")}


def _php() -> str:
    """ "php8.4" on Debian 13, "php8.2" on Debian 12: the version that the metapackage php-fpm depends on."""
    return _named("php-fpm", r"\b(php[0-9]+\.[0-9]+)-fpm\b", "php8.4")


def _theme() -> str:
    """The package with the theme that this Debian's WordPress begins with."""
    return _named("wordpress", r"\b(wordpress-theme-[a-z]+)\b", "wordpress-theme-twentytwentyfive")


def _named(package: str, pattern: str, otherwise: str) -> str:
    """What the pattern finds in the dependencies of a package, or (without lists of packages) among those here."""
    try:
        output = commands.run(["apt-cache", "depends", package], timeout=60)
    except Failed:
        output = ""
    found = re.search(pattern, output) or re.search(pattern, " ".join(sorted(_installed())))
    return found.group(1) if found else otherwise
