"""``nginx`` "base": the web server of a web host, before any site is on it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Dict, List, Optional

from .. import commands, fields
from ..errors import Failed
from ..install import PYTHON
from ..paths import Paths
from ..web import box, limits, mime, nginx, pages, paths, php, tending, wordpress
from .base import File, Item, Kind

if TYPE_CHECKING:
    from ..transaction import Transaction

_TEND = f"{PYTHON} -I {Paths().zipapp} tend"

_TMPFILES = """\
# Written by the control panel's agent.
d /var/log/sites 0755 root root -
# What is left of sites that have gone.
e /var/log/sites/* - - - 40d
d /run/sites 0755 root root -
"""

_UNIT = """\
# Written by the control panel's agent.
[Service]
Restart=on-failure
RestartSec=1
LimitNOFILE=131072
"""


class Nginx(Kind):
    """Spec: ``{"edges": [addresses]}``, the only ones who may connect (besides the host itself)."""

    name = "nginx"
    roles = frozenset({"web"})
    order = 20

    def validate(self, id: str, spec: Dict[str, Any]) -> Dict[str, Any]:
        fields.one_of({"id": id}, "id", ("base",))
        fields.only(spec, ("edges",))
        return {"edges": sorted(set(fields.list_of(spec, "edges", fields.ip_address, max=100)))}

    def files(self, id: str, spec: Dict[str, Any]) -> List[File]:
        return [
            File(paths.TYPES, (nginx.HEADER + mime.config()).encode()),
            File(paths.NGINX_CONF, nginx.main_config(spec["edges"]).encode()),
            File(f"{paths.PAGES}/disabled.html", pages.DISABLED.encode()),
            File(f"{paths.PAGES}/quarantined.html", pages.QUARANTINED.encode()),
            File(f"{paths.UNITS}/nginx.service.d/controlpanel.conf", _UNIT.encode()),
            File(f"{paths.UNITS}/site@.socket", php.socket_unit().encode()),
            File(f"{paths.UNITS}/site@.service", php.service_unit(paths.php_program()).encode()),
            File(f"{paths.UNITS}/{box.UNIT}", box.unit().encode()),
            limits.common_file(),
            File(f"{paths.UNITS}/room@.socket", php.room_socket_unit().encode()),
            File(f"{paths.UNITS}/room@.service", php.room_service_unit(paths.php_program()).encode()),
            File("/etc/tmpfiles.d/controlpanel-sites.conf", _TMPFILES.encode()),
            File(f"{paths.UNITS}/{tending.UNIT}.service", tending.service(_TEND).encode()),
            File(f"{paths.UNITS}/{tending.UNIT}.timer", tending.timer().encode()),
            File(wordpress.CONFIG, wordpress.CONFIG_TEXT.encode()),
            File(wordpress.TOOL, wordpress.TOOL_TEXT.encode()),
        ]

    def apply(self, tx: "Transaction", items: List[Item]) -> None:
        for directory in (
            os.path.dirname(paths.NGINX_CONF),
            paths.NGINX,
            paths.VHOSTS,
            paths.PAGES,
            paths.PHP,
            paths.LOGS,
            paths.SOCKETS,
            f"{paths.UNITS}/nginx.service.d",
            os.path.dirname(limits.COMMON),
            os.path.dirname(wordpress.CONFIG),
            wordpress.TOOLS,
        ):
            tx.mkdir(directory)
        box.make_places()
        tx.on_rollback(lambda: _reload_units(tx))  # undone last, when the files are back
        super().apply(tx, items)
        _reload_units(tx)  # systemd must know the template units before a site starts one, later in this very batch
        if f"{paths.UNITS}/{box.UNIT}" in tx.changed:
            tx.run(["systemctl", "restart", box.UNIT])
        tx.remove("/etc/logrotate.d/controlpanel-sites")  # of an earlier version
        self._retire_stock_php(tx)
        if not os.path.lexists(f"{paths.UNITS}/timers.target.wants/{tending.UNIT}.timer"):
            tx.run(["systemctl", "enable", "--now", f"{tending.UNIT}.timer"])
        if {paths.NGINX_CONF, paths.TYPES} & tx.changed or nginx.master() is None:
            tx.check("nginx", ["nginx", "-t", "-q"])
            tx.reload("nginx", nginx.reload)
            if nginx.master() is None:
                _enable(tx)
        tx.confirm(_host_answers)
        tx.confirm(lambda: announce_if_ready(tx))

    def remove(self, tx: "Transaction", items: List[Item]) -> None:
        """The files stay for another day; nginx itself stops."""
        tx.on_rollback(lambda: commands.run(["systemctl", "start", "nginx.service"]))
        tx.run(["systemctl", "disable", "--now", "nginx.service", f"{tending.UNIT}.timer"])

    def boot(self, tx: "Transaction", items: List[Item]) -> None:
        """systemd has started nginx already; this mends what a power cut may have left half written."""
        self.apply(tx, items)

    def observe(self, id: str, spec: Dict[str, Any]) -> Optional[str]:
        if nginx.master() is None:
            return "nginx does not run"
        status, _body = nginx.ask("localhost", nginx.HOST_CHECK)
        return None if status == 200 else f"nginx answers {status} to the check of the host"

    @staticmethod
    def _retire_stock_php(tx: "Transaction") -> None:
        unit = f"{os.path.basename(paths.php_program()).replace('php-fpm', 'php')}-fpm.service"
        if os.path.exists(f"/run/php/{unit.replace('.service', '.pid')}") or os.path.lexists(
            f"{paths.UNITS}/multi-user.target.wants/{unit}"
        ):
            tx.run(["systemctl", "disable", "--now", unit])


def announce_ready() -> None:
    """Tell edges that this host serves (they ask ``/.well-known/controlpanel-host``)."""
    with open(paths.READY, "w", encoding="ascii"):
        pass


def announce_if_ready(tx: "Transaction") -> None:
    """The same, once every site's volume is there; after a boot that may take a while."""
    if not os.path.exists(paths.READY) and all(os.path.ismount(paths.root(site)) for site in tx.specs("site")):
        announce_ready()


def _reload_units(tx: "Transaction") -> None:
    """Let systemd read the units if they changed. Masters that run keep the box that they were started in."""
    if any(path.startswith(paths.UNITS) for path in tx.changed):
        commands.run(["systemctl", "daemon-reload"])


def _enable(tx: "Transaction") -> None:
    if not os.path.lexists(f"{paths.UNITS}/multi-user.target.wants/nginx.service"):
        tx.run(["systemctl", "enable", "nginx.service"])


def _host_answers() -> None:
    status, body = nginx.ask("localhost", nginx.HOST_CHECK)
    if status not in (200, 503):
        raise Failed(f"nginx answers {status} to the check of the host", body)
