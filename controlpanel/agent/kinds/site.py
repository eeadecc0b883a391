"""``site`` "<number>": a site's directories, vhost and PHP on a web host. Its data is the attachment's."""

from __future__ import annotations

import contextlib
import grp
import os
import re
import threading
from typing import TYPE_CHECKING, Any, Dict, List, Sequence

from .. import commands, fields
from ..calls import Context, call
from ..errors import AgentError, Failed, Invalid
from ..isolation import apply as isolation
from ..isolation import calls as isolation_calls  # noqa: F401 (registers site.cut and site.evidence)
from ..snapshots import calls as snapshot_calls  # noqa: F401 (registers site.compare and site.restore)
from ..web import limits, nginx, paths, php, rotation, settings, tree
from ..web import preflight as preflight  # registers site.preflight
from .base import File, Item, Kind
from .nginx import announce_if_ready, announce_ready

if TYPE_CHECKING:
    from ..transaction import Transaction

_KEYS = ("kind", "domains", "uid", "gid", "enabled", "php_workers", "php_settings", "quarantined", "room", "standby")
_ID = re.compile(r"\A[1-9][0-9]{0,11}\Z")
#: Up to so many PHP masters are started at once, which proves that they can; of more, each waits for its first visitor.
#: (400 restarted together took longer than each may take, and one that failed took the whole batch with it.)
START_AT_ONCE = 5
#: Seconds for the logs of sites that leave to be brought onto their volumes.
LOGS_MAY_TAKE = 5.0
KINDS = ("static", "php", "wordpress")


def runs_php(spec: Dict[str, Any]) -> bool:
    """Whether such a site has a PHP master."""
    return bool(spec["kind"] != "static")


class Site(Kind):
    """Spec: ``{"kind", "domains": [main name first], "uid", "gid", "enabled", "php_workers", "php_settings": {},
    "quarantined", "room"}``.

    ``php_settings`` are those of ``web/settings.py``; besides, what it may use up (``limits.RANGES``). A quarantined
    site has no network and no processes; with ``room`` those whom the edges let through still see it.
    ``standby``: all is made ready that does not need the volume, which another host still has; visitors would get 503.
    """

    name = "site"
    roles = frozenset({"web"})
    order = 40

    def validate(self, id: str, spec: Dict[str, Any]) -> Dict[str, Any]:
        if not _ID.match(id):
            raise Invalid("id: not a site's number")
        fields.only(spec, (*_KEYS, *limits.RANGES))
        # A site without names is one that is about to go; nothing leads to it.
        domains = fields.list_of(spec, "domains", fields.domain_name, max=200)
        if len(set(domains)) != len(domains):
            raise Invalid("domains: a name is there twice")
        quarantined = fields.boolean(spec, "quarantined", False)
        return {
            "kind": fields.one_of(spec, "kind", KINDS),
            "domains": domains,
            # Below 1000 are the system's own.
            "uid": fields.integer(spec, "uid", 1000, 2**31 - 1),
            "gid": fields.integer(spec, "gid", 1000, 2**31 - 1),
            "enabled": fields.boolean(spec, "enabled", True),
            "php_workers": fields.integer(spec, "php_workers", 1, 500, 4),
            "php_settings": settings.check(spec, "php_settings"),
            **limits.validate(spec),
            "quarantined": quarantined,
            "room": fields.boolean(spec, "room", False) and quarantined,
            **({"standby": True} if fields.boolean(spec, "standby", False) else {}),
        }

    def files(self, id: str, spec: Dict[str, Any]) -> List[File]:
        vhost = nginx.site_config(id, spec)
        found = [File(paths.vhost(id), vhost.encode())]
        if runs_php(spec):
            conf = php.conf(id, spec)
            # Read by the master, which is not root; not by other sites.
            found.append(File(paths.php_conf(id), conf.encode(), mode=0o640, gid=spec["gid"]))
            tasks = spec.get("tasks", limits.DEFAULTS["tasks"])
            found.append(File(paths.php_environment(id), php.environment(spec["uid"], spec["gid"], tasks).encode()))
        return found + limits.files(id, spec)

    # --- present ---------------------------------------------------------------------------------------------

    def apply(self, tx: "Transaction", items: List[Item]) -> None:
        group = grp.getgrnam("www-data").gr_gid
        isolated = isolation.begin(tx, items)
        for item in items:
            spec = item.spec
            if spec.get("standby"):
                continue
            try:
                main = spec["domains"][0] if spec["domains"] else ""
                tree.prepare(item.id, spec["uid"], spec["gid"], spec["kind"], main, group)
            except AgentError as error:
                item.failure = error  # this site alone; the others of the batch are none the worse
        items = [item for item in items if item.failure is None]
        for item in items:
            _log_directory(item.id, group)
        limits.make_room(tx, {item.id: item.spec for item in items})
        super().apply(tx, items)
        limits.take_up(tx)  # before anything of it starts
        self._php(tx, [item for item in items if not item.spec.get("standby")], isolated)
        changed = [item for item in items if paths.vhost(item.id) in tx.changed]
        new = all(item.previous is None for item in changed) and paths.NGINX_CONF not in tx.changed and not tx.force
        if changed:
            tx.check("nginx", ["nginx", "-t", "-q"])
            standby = any(item.spec.get("standby") for item in items)
            # Soon its visitors come, all at once: no worker that does not know it may be left by then.
            tx.reload("nginx", nginx.reload_for_new_sites if new and not standby else nginx.reload)
        known = [item for item in items if item.spec["domains"] and not (new and item in changed)]
        names = [(item.id, item.spec["domains"][0]) for item in known]
        tx.confirm(lambda: _blame(items, nginx.wrong_answers(names)))
        tx.confirm(lambda: announce_if_ready(tx))

    def _php(self, tx: "Transaction", items: List[Item], isolated: "Dict[str, isolation.Note]") -> None:
        """Sockets before nginx sends anybody there; masters with a new configuration restarted; the rest stopped."""
        isolation.stop(isolated)
        _rooms(tx, items)
        wanted = [item.id for item in items if _runs(item.spec) and item.id not in isolated]
        unwanted = [item.id for item in items if item.id not in wanted and os.path.exists(paths.php_socket(item.id))]
        changed = [site for site in wanted if {paths.php_conf(site), paths.php_environment(site)} & tx.changed]
        new = [site for site in wanted if not os.path.exists(paths.php_socket(site))]
        if new:
            tx.on_rollback(lambda: _systemctl("stop", php.sockets_of(new) + php.services_of(new)))
            # The first few are started at once, beside nginx's test and reload, which also proves that they can start;
            # of a whole host's worth, each waits for its first visitor.
            if len(new) <= START_AT_ONCE:
                started = _Start(new)
                tx.on_rollback(started.join)
                tx.confirm(lambda: _blame(items, started.failures()))
            else:
                _systemctl("start", php.sockets_of(new))
        untried = [site for site in changed if site not in new or len(new) > START_AT_ONCE]
        if untried:
            _write_test(untried)
            program = os.path.basename(paths.php_program())
            tx.check("php", [program, "--test", "--fpm-config", php.TEST_CONF])
        restart = sorted({site for site in changed if site not in new} | set(_on_another_mount(wanted)))
        if restart:
            verb = "try-restart" if len(restart) <= START_AT_ONCE else "stop"  # their sockets start them again
            tx.reload("php", lambda: _systemctl(verb, php.services_of(restart)))
        if unwanted:
            tx.confirm(lambda: _stop(tx, unwanted))

    # --- absent ----------------------------------------------------------------------------------------------

    def remove(self, tx: "Transaction", items: List[Item]) -> None:
        """At once, not at the end: when this returns nothing uses the volumes, which may be detached right after."""
        sites = [item.id for item in items]
        here = [site for site in sites if os.path.exists(paths.php_socket(site))]
        if here:
            tx.on_rollback(lambda: _systemctl("start", php.sockets_of(here)))
        tx.on_rollback(nginx.reload)  # undone last, when the files are back
        gone = False
        for site in sites:
            gone |= tx.remove(paths.vhost(site))
            tx.remove(paths.php_conf(site))
            tx.remove(paths.php_environment(site))
        limits.drop(tx, sites)
        if gone and nginx.master() is not None:
            tx.run(["nginx", "-t", "-q"])
            nginx.reload()
        rooms = [site for site in sites if os.path.exists(paths.room_socket(site))]
        if here or rooms:
            _halt(here + rooms)
        isolation.end(sites)
        limits.take_up(tx)
        owners = {item.id: item.previous for item in items if item.previous is not None}
        rotation.put_away(owners, LOGS_MAY_TAKE)
        for site in sites:
            nginx.let_go(paths.root(site))

    # --- boot and drift --------------------------------------------------------------------------------------

    def boot(self, tx: "Transaction", items: List[Item]) -> None:
        """The attachments are back; a site whose volume is not is left out (nginx answers 503 for it)."""
        self.apply(tx, items)
        tx.confirm(announce_ready)

    def observe_all(self, specs: Dict[str, Dict[str, Any]]) -> Dict[str, str]:
        found: Dict[str, str] = {}
        listening = _listening()
        for site, spec in specs.items():
            problem = nginx.wrong_answer(site, spec["domains"][0]) if spec["domains"] else None
            runs = paths.php_socket(site) in listening
            if _runs(spec) and not runs:
                problem = problem or "nothing listens for its PHP requests"
            elif runs and not _runs(spec):
                problem = problem or "PHP still listens"
            problem = problem or limits.problem(site, spec)
            if spec["quarantined"]:
                problem = problem or isolation.problem(site, spec["uid"])
            if _in_room(spec) != (paths.room_socket(site) in listening):
                problem = problem or "its clean room is not as it should be"
            if problem:
                found[site] = problem
        return found


@call("web.settle", parallel=True)
def settle(args: Dict[str, Any], context: Context) -> Dict[str, Any]:
    """Wait until every visitor is answered from the newest configuration. For the moment before edges switch over."""
    fields.only(args, ())
    nginx.settle()
    return {}


# --- helpers -----------------------------------------------------------------------------------------------------


def _runs(spec: Dict[str, Any]) -> bool:
    """Whether its PHP answers visitors."""
    return bool(runs_php(spec) and spec["enabled"] and not spec["quarantined"] and not spec.get("standby"))


def _in_room(spec: Dict[str, Any]) -> bool:
    """Whether its PHP answers those who look at it while it is quarantined."""
    return runs_php(spec) and paths.in_room(spec)


def _rooms(tx: "Transaction", items: List[Item]) -> None:
    """Open and close clean rooms: sockets of their own, so that nothing of the public's ever starts there."""
    opened = [item.id for item in items if _in_room(item.spec)]
    closed = [item.id for item in items if item.id not in opened and os.path.exists(paths.room_socket(item.id))]
    if opened:
        changed = [site for site in opened if {paths.php_conf(site), paths.php_environment(site)} & tx.changed]
        tx.on_rollback(lambda: _systemctl("stop", php.rooms_of(opened)))
        _systemctl("start", [f"room@{site}.socket" for site in opened])
        if changed:
            tx.reload("rooms", lambda: _systemctl("try-restart", [f"room@{site}.service" for site in changed]))
    if closed:
        _systemctl("stop", php.rooms_of(closed))


def _blame(items: List[Item], failures: "Dict[str, Failed]") -> None:
    """A site that is alone in its batch takes the batch with it; of many, each fails for itself."""
    for item in items:
        if item.id in failures:
            if len(items) == 1:
                raise failures[item.id]
            item.failure = failures[item.id]


class _Start:
    """PHP masters (and with them their sockets) being started while this process does other things."""

    def __init__(self, sites: Sequence[str]) -> None:
        self.sites = sites
        self._failed = False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            _systemctl("start", php.services_of(self.sites))
        except Failed:
            self._failed = True

    def join(self) -> None:
        self._thread.join()

    def failures(self) -> "Dict[str, Failed]":
        """Those that could not be started, and why."""
        self.join()
        found: Dict[str, Failed] = {}
        for site in self.sites if self._failed else ():
            try:
                _systemctl("start", php.services_of([site]))
            except Failed as error:
                journal = commands.run(["journalctl", "-n", "20", "--no-pager", "-u", f"site@{site}.service"])
                found[site] = Failed(f"PHP of site {site} does not start", f"{error.output}\n{journal}")
        return found


def _systemctl(verb: str, units: Sequence[str]) -> None:
    """One call for all units; systemd does them in parallel."""
    for start in range(0, len(units), 500):
        commands.run(["systemctl", verb, *units[start : start + 500]], timeout=90)


def _log_directory(site: str, group: int) -> None:
    """nginx logs there. Not part of the transaction: by the time of a rollback there may be logs in it."""
    directory = f"{paths.LOGS}/{site}"
    with contextlib.suppress(FileExistsError):
        os.mkdir(directory, 0o750)
    os.chown(directory, 0, group)


def _write_test(sites: Sequence[str]) -> None:
    with open(php.TEST_CONF, "w", encoding="utf-8") as file:
        file.write(php.test_conf(sites))


def _halt(sites: Sequence[str]) -> None:
    """Socket, master, and whatever else runs in the site's slice."""
    rooms = [site for site in sites if os.path.exists(paths.room_socket(site))]
    _systemctl("stop", php.sockets_of(sites) + php.services_of(sites) + php.rooms_of(rooms))
    _systemctl("stop", php.slices_of(sites))


def _stop(tx: "Transaction", sites: Sequence[str]) -> None:
    """PHP off, after nginx sends nobody there any more."""
    tx.on_rollback(lambda: _systemctl("start", php.sockets_of(sites)))
    _halt(sites)


def _on_another_mount(sites: Sequence[str]) -> List[str]:
    """Sites whose PHP master still holds a mount that has been replaced since it started."""
    found = []
    for site in sites:
        group = f"/sys/fs/cgroup/site.slice/site-{site}.slice/site@{site}.service/cgroup.procs"
        try:
            with open(group, encoding="ascii") as file:
                pids = file.read().split()
            inside = os.stat(f"/proc/{pids[0]}/root{paths.root(site)}").st_dev if pids else None
        except OSError:
            continue  # it does not run
        if inside is not None and inside != os.stat(paths.root(site)).st_dev:
            found.append(site)
    return found


def _listening() -> "set[str]":
    """Paths of all Unix sockets that somebody listens on (asking systemd would be a process a site)."""
    found = set()
    with open("/proc/net/unix", encoding="utf-8", errors="replace") as file:
        for line in file:
            parts = line.split()
            if len(parts) >= 8 and parts[3] == "00010000":
                found.add(parts[7])
    return found
