"""Where the parts of a site are on a web host. Only the site's number is ever part of a path."""

from __future__ import annotations

import glob
from typing import Any, Mapping

#: Below it, the mount of each site's volume.
SITES = "/srv/sites"
#: nginx: ours alone (the package's sites-enabled is not read).
NGINX_CONF = "/etc/nginx/nginx.conf"
NGINX = "/etc/nginx/controlpanel"
VHOSTS = NGINX + "/sites"
PAGES = NGINX + "/pages"
TYPES = NGINX + "/mime.types"
#: nginx opens logs as root, so they are not on the volume, where the site's owner could put a link in their way.
LOGS = "/var/log/sites"
#: What each site's PHP master reads.
PHP = "/etc/php/sites"
#: Sockets between nginx and the PHP masters. Made by systemd in a directory of root's, mode 0600: a site can neither
#: reach another's socket nor put something else in the place of its own.
SOCKETS = "/run/sites"
#: There when everything that this host serves has come back after a boot; edges send nobody here before.
READY = "/run/controlpanel/ready"
UNITS = "/etc/systemd/system"
#: What PHP's masters have as their root (``box.py``).
BOX = "/usr/local/lib/controlpanel/box"


def root(site: str) -> str:
    return f"{SITES}/{site}"


def vhost(site: str) -> str:
    return f"{VHOSTS}/{site}.conf"


def php_conf(site: str) -> str:
    return f"{PHP}/{site}.conf"


def php_environment(site: str) -> str:
    return f"{PHP}/{site}.env"


def php_socket(site: str) -> str:
    return f"{SOCKETS}/{site}.sock"


def room_socket(site: str) -> str:
    """Of its clean room: where PHP listens for those who look at it while it is quarantined."""
    return f"{SOCKETS}/{site}.room.sock"


def socket_for(site: str, spec: "Mapping[str, Any]") -> str:
    """Where the PHP listens that answers for the site as it is to be."""
    return room_socket(site) if in_room(spec) else php_socket(site)


def in_room(spec: "Mapping[str, Any]") -> bool:
    """Whether only those whom the edges let in see the site."""
    return bool(spec.get("quarantined") and spec.get("room"))


def php_program() -> str:
    """The PHP that sites run: the newest of this host; Debian 13's when there is none (yet)."""
    return max(_php_programs(), key=_version, default="/usr/sbin/php-fpm8.4")


def php_version() -> str:
    """Its release, "8.4"; empty when this host has none."""
    return ".".join(map(str, max(map(_version, _php_programs()), default=())))


def _php_programs() -> "list[str]":
    return [path for path in glob.glob("/usr/sbin/php-fpm[0-9]*") if path[-1].isdigit()]


def _version(path: str) -> "tuple[int, ...]":
    return tuple(int(part) for part in path.rpartition("php-fpm")[2].split(".") if part.isdigit())
