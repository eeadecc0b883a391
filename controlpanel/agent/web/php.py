"""PHP: one master a site, started by systemd when its first visitor comes, in a box with nothing else in it.

The master does not run as root: ``setpriv`` changes to the site's uid and gid before it starts, with numbers, so that
it works when the directory is away. Its socket is made by systemd (root's directory, www-data's, mode 0600) and handed
over as file descriptor 3; while the master restarts, visitors wait in the socket's queue instead of getting an error.
"""

from __future__ import annotations

from typing import Any, List, Mapping, Sequence

from . import box, limits, paths, settings, wordpress

HEADER = "; Written by the control panel's agent. Changes by hand are found and undone.\n"
#: A test of pools needs at least one, and those that a rollback took away are missing then.
TEST_CONF = "/run/controlpanel/php-test.conf"

#: Where PHP may read beside the site's own directory: libraries of Debian's, and whom databases are certified by.
READABLE = ("/usr/share/php/", "/etc/controlpanel/ca.pem")

_CONF = """\
[global]
daemonize = no
; No sign of life every ten seconds from each of a thousand masters: systemd is not set to listen for it.
systemd_interval = 0
; The master speaks to the journal (--force-stderr); it may open no log of the system's.
error_log = /dev/null
; Seven notices at each start, of a thousand masters, are a tenth of what starting them takes.
log_level = warning
; Requests under way may finish when the master restarts (seconds).
process_control_timeout = 10

[site{site}]
; Read only by the test (which runs as root); the master itself already is this user.
user = {uid}
group = {gid}
listen = {socket}
pm = ondemand
pm.max_children = {workers}
pm.process_idle_timeout = 30s
pm.max_requests = 1000
request_terminate_timeout = 120s
clear_env = yes
env[HOME] = {root}
env[PATH] = /usr/local/bin:/usr/bin:/bin:{root}/bin
env[TMPDIR] = {root}/files/tmp
security.limit_extensions = .php
php_admin_value[open_basedir] = {readable}
php_admin_value[sys_temp_dir] = {root}/files/tmp
php_admin_value[upload_tmp_dir] = {root}/files/tmp
php_admin_value[session.save_path] = {root}/files/tmp
php_admin_value[error_log] = {root}/logs/php-error.log
php_admin_flag[log_errors] = on
php_admin_flag[expose_php] = off
php_admin_value[opcache.memory_consumption] = 64
php_value[include_path] = .:{root}/include:/usr/share/php
; Debian leaves old sessions to a job of its own, which does not come to a site's own directory.
php_admin_value[session.gc_probability] = 1
php_admin_value[session.gc_divisor] = 1000
php_flag[session.cookie_httponly] = on
{settings}"""

_TEST = """\
[global]
error_log = /dev/null
[none]
user = 65534
group = 65534
listen = /run/controlpanel/none.sock
pm = ondemand
pm.max_children = 1
"""

_SOCKET_UNIT = """\
# Written by the control panel's agent.
[Unit]
Description=Requests for PHP of site %i

[Socket]
ListenStream={sockets}/%i.sock
SocketUser=www-data
SocketGroup=root
SocketMode=0600
DirectoryMode=0755
Backlog=511
RemoveOnStop=yes
# A master that cannot start, or died, is tried again while visitors wait: a few times a minute, but for ever.
TriggerLimitIntervalSec=0
PollLimitIntervalSec=10
PollLimitBurst=3
Slice=site-%i.slice
"""

_SERVICE_UNIT = """\
# Written by the control panel's agent. One instance a site; no file of this unit differs between sites, so that a new
# site needs no daemon-reload.
[Unit]
Description=PHP of site %i
Requires=site@%i.socket
Wants={box_unit}
After=site@%i.socket {box_unit} network.target
StartLimitIntervalSec=0
CollectMode=inactive-or-failed

[Service]
Type=notify
NotifyAccess=main
EnvironmentFile={php}/%i.env
Environment=FPM_SOCKETS={sockets}/%i.sock=3
# That the volume is mounted is nginx's to see (it answers 503 else), and the agent's: a condition of this unit would be
# PID 1's to check, and a network file system may hang; a program to check it would be half of what a start takes.
ExecStart=/usr/bin/prlimit --nproc=${{SITE_TASKS}} \\
    /usr/bin/setpriv --reuid=${{SITE_UID}} --regid=${{SITE_GID}} --clear-groups --inh-caps=-all \\
    {program} --nodaemonize --force-stderr --fpm-config {php}/%i.conf
KillMode=mixed
KillSignal=SIGQUIT
TimeoutStartSec=30
TimeoutStopSec=20
Slice=site-%i.slice
UMask=0022

# What it may use up stands with its slice (limits.py), and the number of processes here too.
Environment=SITE_TASKS={tasks}
IOWeight=100
LimitNOFILE=8192
LimitCORE=0
OOMPolicy=continue

# What it can see: its own volume, the programs, and nothing of the host's state or of other sites. Its root is a box
# with what all sites see alike (box.py), and not the host's: of that, each volume would have to be hidden or made
# read-only one by one, which on a host with 400 of them takes a second for every start.
RootDirectory={box}
MountAPIVFS=yes
ProtectSystem=strict
TemporaryFileSystem={sites}:ro /run:ro /etc/controlpanel:ro /dev/shm:mode=1777,size=32M
BindPaths={sites}/%i
BindReadOnlyPaths=/run/systemd/notify -/run/systemd/resolve -/etc/controlpanel/ca.pem
# (+: of this root, not of the host's.)
ReadWritePaths=+{sites}/%i
InaccessiblePaths=-+/usr/local/lib/controlpanel -+/etc/ceph -+/etc/ssh -+/etc/nslcd.conf -+/etc/nginx
InaccessiblePaths=-+/etc/sudoers.d -+/sys/fs/cgroup -+/dev/mqueue
PrivateTmp=yes
PrivateDevices=yes
PrivateIPC=yes
ProtectProc=invisible
ProcSubset=pid

# What it can do: nothing that needs a privilege. setpriv needs the two capabilities to stop being root.
NoNewPrivileges=yes
CapabilityBoundingSet=CAP_SETUID CAP_SETGID
AmbientCapabilities=
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectKernelLogs=yes
ProtectControlGroups=yes
ProtectClock=yes
ProtectHostname=yes
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallErrorNumber=EPERM
"""


def conf(site: str, spec: Mapping[str, Any]) -> str:
    """The configuration of the site's PHP master; ``spec`` is the site's, validated."""
    root = paths.root(site)
    is_wordpress = spec["kind"] == "wordpress"
    return (
        HEADER
        + _CONF.format(
            site=site,
            uid=spec["uid"],
            gid=spec["gid"],
            workers=spec["php_workers"],
            root=root,
            socket=paths.socket_for(site, spec),
            readable=":".join([f"{root}/", *READABLE, *(wordpress.READABLE if is_wordpress else ())]),
            settings=settings.lines(spec.get("php_settings", {})),
        )
        + (wordpress.pool(next(iter(spec["domains"]), "")) if is_wordpress else "")
    )


def environment(uid: int, gid: int, tasks: int = limits.DEFAULTS["tasks"]) -> str:
    """What the unit needs to know: who the master becomes, and how many processes there may be."""
    own = f"SITE_TASKS={tasks}\n" if tasks != limits.DEFAULTS["tasks"] else ""
    return f"SITE_UID={uid}\nSITE_GID={gid}\n{own}"


def test_conf(sites: Sequence[str]) -> str:
    """A configuration that holds the pools of these sites, to be tested in one go."""
    return _TEST + "".join(f"include = {paths.php_conf(site)}\n" for site in sites)


def socket_unit() -> str:
    """The template unit ``site@.socket``."""
    return _SOCKET_UNIT.format(sockets=paths.SOCKETS)


def service_unit(program: str) -> str:
    """The template unit ``site@.service``."""
    return _SERVICE_UNIT.format(
        php=paths.PHP, sockets=paths.SOCKETS, sites=paths.SITES, box=paths.BOX, box_unit=box.UNIT,
        program=program, tasks=limits.DEFAULTS["tasks"],
    )  # fmt: skip


def room_socket_unit() -> str:
    """The template unit ``room@.socket``, of clean rooms."""
    return socket_unit().replace("%i.sock", "%i.room.sock").replace("PHP of site %i", "the clean room of site %i")


def room_service_unit(program: str) -> str:
    """The template unit ``room@.service``: the same box without names, for there is no network to use them on."""
    unit = service_unit(program).replace("%i.sock=", "%i.room.sock=").replace("site@%i.socket", "room@%i.socket")
    return unit.replace("PHP of site %i", "PHP in the clean room of site %i").replace(" -/run/systemd/resolve", "")


def rooms_of(sites: Sequence[str]) -> List[str]:
    """The sockets of their clean rooms, and then the services."""
    return [f"room@{site}.socket" for site in sites] + [f"room@{site}.service" for site in sites]


def sockets_of(sites: Sequence[str]) -> List[str]:
    return [f"site@{site}.socket" for site in sites]


def services_of(sites: Sequence[str]) -> List[str]:
    return [f"site@{site}.service" for site in sites]


def slices_of(sites: Sequence[str]) -> List[str]:
    """Everything of the site that ever runs is in its slice."""
    return [f"site-{site}.slice" for site in sites]
