"""nginx: its configuration as text (pure functions), and the running program."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import time
from typing import Any, Callable, Dict, Iterable, Mapping, Optional, Sequence, Set

from .. import commands
from ..errors import Failed
from . import paths, settings, wordpress

PID_FILE = "/run/nginx.pid"
HEADER = "# Written by the control panel's agent. Changes by hand are found and undone.\n"
#: Answers "site <id>": how an edge (and the agent itself) knows that the site is set up here. It must not depend
#: on anything that the site's owner can change: a broken site is no broken host.
SITE_CHECK = "/.well-known/controlpanel"
#: Answers 200 when this host may get visitors.
HOST_CHECK = "/.well-known/controlpanel-host"
#: Marks the answer of a web host that does not have the site, so that an edge can tell it from one of the site's own.
LOST_HEADER = "X-Controlpanel-Lost"

_MAIN = """\
user www-data;
worker_processes auto;
# Old workers end when their last request does; a download that takes longer than this is cut by the reload after it.
worker_shutdown_timeout 15m;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log;

events {{
    worker_connections 8192;
}}

http {{
    include {types};
    default_type application/octet-stream;
    server_tokens off;
    sendfile on;
    tcp_nopush on;
    etag on;
    log_format site '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent '
                    '"$http_referer" "$http_user_agent" $request_time';
    access_log off;

    # Names of up to 253 characters, thousands of them.
    server_names_hash_bucket_size 512;
    server_names_hash_max_size 65536;
    variables_hash_max_size 2048;

    # Who speaks to us: 2 an edge, 1 this host itself, 0 anybody else. By the real peer, not by what a header says.
    geo $realip_remote_addr $controlpanel_peer {{
        default 0;
        127.0.0.1/32 1;
        ::1/128 1;
{peers}    }}
    # The visitor's address and scheme, from edges only.
{real_ip}    real_ip_header X-Forwarded-For;
    map "$controlpanel_peer:$http_x_forwarded_proto" $controlpanel_scheme {{
        default http;
        "2:https" https;
    }}
    # Edges let those who hold the secret of a quarantined site's clean room through, and say so.
    map "$controlpanel_peer:$http_x_forwarded_room" $controlpanel_room {{
        default "";
        "2:open" open;
    }}
    map $controlpanel_scheme $controlpanel_https {{
        default "";
        https on;
    }}
    map $controlpanel_scheme $controlpanel_port {{
        default 80;
        https 443;
    }}

    # A link may lead only to what has the link's own owner: never into another site, never to the system's files.
    disable_symlinks if_not_owner;

    # Edges keep their connections open and use them again.
    keepalive_timeout 75s;
    keepalive_requests 100000;
    client_header_timeout 20s;
    client_body_timeout 60s;
    send_timeout 60s;
    reset_timedout_connection on;
    large_client_header_buffers 4 16k;
    client_max_body_size 128m;
    client_body_temp_path /var/lib/nginx/body 1 2;
    fastcgi_connect_timeout 10s;
    fastcgi_read_timeout 130s;
    fastcgi_send_timeout 60s;
    fastcgi_buffers 16 16k;
    fastcgi_buffer_size 32k;

    gzip on;
    gzip_vary on;
    gzip_proxied any;
    gzip_min_length 1000;
    gzip_types text/plain text/css text/xml text/javascript application/javascript application/json application/xml
               application/rss+xml image/svg+xml;

    server {{
        listen 80 default_server backlog=4096;
        server_name _;
        if ($controlpanel_peer = 0) {{ return 403; }}
        location = {host_check} {{
            default_type text/plain;
            if (!-f {ready}) {{ return 503; }}
            return 200 "ready\\n";
        }}
        location / {{
            default_type text/plain;
            add_header {lost_header} 1 always;
            return 421 "No site of that name is here.\\n";
        }}
    }}

    include {vhosts}/*.conf;
}}
"""

_SERVER = """\
server {{
    listen 80;
    server_name {names};
    if ($controlpanel_peer = 0) {{ return 403; }}
    access_log {logs}/access.log site;
    error_log {logs}/error.log;
    root {root}/web;
    disable_symlinks if_not_owner from={root};
    charset utf-8;
{body}}}
"""

_CHECK = """\
    location = {check} {{
        access_log off;
        default_type text/plain;
        add_header Cache-Control no-store always;
        return 200 "site {site}\\n";
    }}
"""

#: The volume is not mounted (an empty mount point): "not now" is true, search engines would remember "not found".
_MOUNTED = """\
    set $controlpanel_here no;
    if (-d {root}/web) {{ set $controlpanel_here yes; }}
    if ($uri = {check}) {{ set $controlpanel_here yes; }}
    if ($controlpanel_here = no) {{ return 503; }}
"""

_DISABLED = """\
    location / {{ return 503; }}
    error_page 503 @disabled;
    location @disabled {{
        internal;
        root {pages};
        default_type text/html;
        add_header Retry-After 86400 always;
        add_header Cache-Control no-store always;
        try_files /disabled.html =503;
    }}
"""

#: Visitors get this from the edges; here it is for whom an edge that missed the change has sent.
_QUARANTINED = """\
    error_page 503 @quarantined;
    location @quarantined {{
        internal;
        root {pages};
        default_type text/html;
        add_header Cache-Control no-store always;
        try_files /quarantined.html =503;
    }}
"""

_CLOSED = """\
    location / { return 503; }
"""

_ROOM = """\
    set $controlpanel_enters $controlpanel_room;
    if ($uri = {check}) {{ set $controlpanel_enters open; }}
    if ($controlpanel_enters = "") {{ return 503; }}
    add_header Cache-Control no-store always;
    add_header X-Robots-Tag noindex always;
    add_header Referrer-Policy same-origin always;
"""

#: Never served: .git, .env, .htpasswd and their like; and the text of programs that only PHP should read.
_HIDDEN = """\
    location ~ /\\.(?!well-known/) { return 404; }
"""

_STATIC = """\
    index index.html index.htm;
    location ~ \\.(php|phtml|phar|inc)$ { return 404; }
    location / { try_files $uri $uri/ =404; }
"""

#: A call of PHP, but for the script.
_FASTCGI = """\
        fastcgi_pass unix:{socket};
        fastcgi_param SCRIPT_NAME $fastcgi_script_name;
        fastcgi_param DOCUMENT_ROOT {root}/web;
        fastcgi_param DOCUMENT_URI $document_uri;
        fastcgi_param REQUEST_URI $request_uri;
        fastcgi_param QUERY_STRING $query_string;
        fastcgi_param REQUEST_METHOD $request_method;
        fastcgi_param CONTENT_TYPE $content_type;
        fastcgi_param CONTENT_LENGTH $content_length;
        fastcgi_param SERVER_PROTOCOL $server_protocol;
        fastcgi_param GATEWAY_INTERFACE CGI/1.1;
        fastcgi_param SERVER_SOFTWARE nginx;
        fastcgi_param SERVER_NAME $host;
        fastcgi_param SERVER_ADDR $server_addr;
        fastcgi_param SERVER_PORT $controlpanel_port;
        fastcgi_param REMOTE_ADDR $remote_addr;
        fastcgi_param REMOTE_PORT $remote_port;
        fastcgi_param REQUEST_SCHEME $controlpanel_scheme;
        fastcgi_param HTTPS $controlpanel_https if_not_empty;
        fastcgi_param HTTP_X_FORWARDED_PROTO $controlpanel_scheme;
        fastcgi_param HTTP_X_FORWARDED_FOR $remote_addr;
        fastcgi_param HTTP_PROXY "";
        fastcgi_param REDIRECT_STATUS 200;
"""

_PHP = """\
    index index.php index.html index.htm;
    location / {{ try_files $uri $uri/ /index.php$is_args$args; }}
    location ~ [^/]\\.php(/|$) {{
        fastcgi_split_path_info ^(.+?\\.php)(/.*)$;
        set $controlpanel_path_info $fastcgi_path_info;
        try_files $fastcgi_script_name =404;
        fastcgi_param SCRIPT_FILENAME {root}/web$fastcgi_script_name;
        fastcgi_param PATH_INFO $controlpanel_path_info;
{fastcgi}    }}
    location ~ \\.(phtml|phar|inc)$ {{ return 404; }}
"""


# --- text --------------------------------------------------------------------------------------------------------


def main_config(edges: Sequence[str]) -> str:
    """nginx.conf for a host that these edges (addresses) may speak to."""
    return HEADER + _MAIN.format(
        peers="".join(f"        {edge} 2;\n" for edge in edges),
        real_ip="".join(f"    set_real_ip_from {edge};\n" for edge in edges),
        host_check=HOST_CHECK,
        lost_header=LOST_HEADER,
        ready=paths.READY,
        types=paths.TYPES,
        vhosts=paths.VHOSTS,
    )


def site_config(site: str, spec: Mapping[str, Any]) -> str:
    """The vhost of a site (a validated spec); just a comment when it has no names (then nothing leads to it)."""
    if not spec["domains"]:
        return HEADER
    root = paths.root(site)
    room, quarantined = paths.in_room(spec), spec.get("quarantined")
    body = _CHECK.format(check=SITE_CHECK, site=site)
    if quarantined:
        body += _QUARANTINED.format(pages=paths.PAGES)
    if quarantined and not room:
        body += _CLOSED
    elif not spec["enabled"] and not room:
        body += _DISABLED.format(pages=paths.PAGES)
    else:
        body = _MOUNTED.format(root=root, check=SITE_CHECK) + body + _HIDDEN + _answers(site, root, spec)
        body = _ROOM.format(check=SITE_CHECK) + body if room else body
    return HEADER + _SERVER.format(
        names="\n                ".join(spec["domains"]), logs=f"{paths.LOGS}/{site}", root=root, body=body
    )


def _answers(site: str, root: str, spec: Mapping[str, Any]) -> str:
    """How the site's kind answers its visitors."""
    if spec["kind"] == "static":
        return _STATIC
    body = f"    client_max_body_size {settings.body_limit_mb(spec.get('php_settings', {}))}m;\n"
    fastcgi = _FASTCGI.format(root=root, socket=paths.socket_for(site, spec))
    if spec["kind"] == "wordpress":
        return body + wordpress.vhost(root, fastcgi)
    return body + _PHP.format(root=root, fastcgi=fastcgi)


# --- the running program -----------------------------------------------------------------------------------------


def master() -> Optional[int]:
    """Process id of the running master; None when nginx does not run."""
    try:
        with open(PID_FILE, encoding="ascii") as file:
            pid = int(file.read())
        with open(f"/proc/{pid}/comm", encoding="utf-8") as file:
            return pid if file.read().strip() == "nginx" else None
    except (OSError, ValueError):
        return None


def _children(pid: int) -> "Dict[int, str]":
    """Command lines of a process's children, by process id."""
    found: Dict[int, str] = {}
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        with contextlib.suppress(OSError, ValueError, IndexError):
            with open(f"/proc/{name}/stat", "rb") as file:
                parent = int(file.read().rpartition(b")")[2].split()[1])
            if parent == pid:
                found[int(name)] = _title(int(name))
    return found


def _children_at_a_glance(pid: int) -> "Dict[int, str]":
    """The same, as the kernel lists them: without a look at each of the thousand processes of a host full of sites, but
    one may be missing when another ends meanwhile (proc(5))."""
    try:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
            pids = [int(one) for one in file.read().split()]
    except OSError:  # a kernel without it
        return _children(pid)
    found: Dict[int, str] = {}
    for one in pids:
        with contextlib.suppress(OSError):
            found[one] = _title(one)
    return found


def _title(pid: int) -> str:
    with open(f"/proc/{pid}/cmdline", "rb") as file:
        return file.read().decode(errors="replace").rstrip("\0 ")


def _workers(children: "Dict[int, str]") -> "Set[int]":
    """Those that take connections."""
    return {
        child
        for child, title in children.items()
        if title.startswith("nginx: worker process") and "shutting down" not in title
    }


def reload(timeout: float = 10.0) -> None:
    """Let nginx read its configuration; returns when no worker with the old one takes connections any more.

    Starts it when it does not run. Raises Failed when it goes on with the old configuration.
    """
    _reload(lambda old, workers: bool(workers) and not workers & old, timeout)


def reload_for_new_sites(timeout: float = 10.0) -> None:
    """The same, when all that changed is sites that nobody is sent to yet: returns when new workers have come.

    nginx lets the old workers go on beside them for a tenth of a second, and those answer 421 for the new names. That
    is most of the time that a new site takes, and does not matter before an edge knows the names; the edge's own look
    at the end (``edge.probe``) asks until the right answer comes. Before visitors of an existing site are switched
    over, call ``web.settle``.
    """
    _reload(lambda old, workers: bool(workers - old), timeout)


def _reload(done: "Callable[[Set[int], Set[int]], bool]", timeout: float) -> None:
    pid = master()
    if pid is None:
        commands.run(["systemctl", "start", "nginx.service"], reason="nginx does not start")
        return
    # Two logs a site, twice while it reloads: a master that its package's installation started, before our unit stood,
    # may open a thousand files, and would take no site beyond the 250th.
    commands.let_open_files(pid)
    old = _workers(_children(pid))
    os.kill(pid, signal.SIGHUP)
    end = time.monotonic() + timeout
    while not (done(old, _workers(_children_at_a_glance(pid))) and done(old, _workers(_children(pid)))):
        if time.monotonic() > end:
            raise Failed("nginx goes on with its old configuration", _tail("/var/log/nginx/error.log"))
        time.sleep(0.004)


def settle(timeout: float = 10.0) -> None:
    """Wait until all workers that take connections have the newest configuration. Raises Failed."""
    pid = master()
    if pid is None:
        raise Failed("nginx does not run")
    generation = os.sysconf("SC_NPROCESSORS_ONLN")  # what "worker_processes auto" makes of it
    end = time.monotonic() + timeout
    while not 0 < len(_workers(_children(pid))) <= generation:
        if time.monotonic() > end:
            raise Failed("nginx still has workers of an older configuration")
        time.sleep(0.01)


def let_go(directory: str, patience: float = 10.0) -> None:
    """Wait until no worker has a file below ``directory`` open; after ``patience`` seconds end the old ones that do.

    For a volume that is about to be detached, after the reload that took its site away.
    """
    end = time.monotonic() + patience
    while True:
        holders = [pid for pid, title in _children(master() or 0).items() if _holds(pid, directory)]
        if not holders:
            return
        if time.monotonic() > end:
            for pid in holders:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGTERM)
            end = time.monotonic() + 5
        time.sleep(0.02)


def _holds(pid: int, directory: str) -> bool:
    try:
        for name in os.listdir(f"/proc/{pid}/fd"):
            with contextlib.suppress(OSError):
                if os.readlink(f"/proc/{pid}/fd/{name}").startswith(directory + "/"):
                    return True
    except OSError:
        return False
    return False


def ask(host: str, path: str, timeout: float = 5.0) -> "tuple[int, str]":
    """Status and body of the answer to a request from this host itself; (0, why) when there is none."""
    connection = http.client.HTTPConnection("127.0.0.1", 80, timeout=timeout)
    try:
        connection.request("GET", path, headers={"Host": host, "Connection": "close"})
        response = connection.getresponse()
        return response.status, response.read(4096).decode(errors="replace")
    except (OSError, http.client.HTTPException) as error:
        return 0, str(error) or type(error).__name__
    finally:
        connection.close()


def wrong_answer(site: str, domain: str) -> Optional[str]:
    """What is wrong with how this host answers for a name of the site; None when all is well."""
    status, body = ask(domain, SITE_CHECK)
    if status == 200 and body == f"site {site}\n":
        return None
    if status == 0:
        return f"nginx does not answer: {body}"
    return f"nginx answers {status} for {domain} instead of the site"


def wrong_answers(expected: "Iterable[tuple[str, str]]", patience: float = 5.0) -> "Dict[str, Failed]":
    """Wait until each (site, name) is answered rightly; what is not after ``patience`` seconds in all, by site."""
    end = time.monotonic() + patience
    found: Dict[str, Failed] = {}
    for site, domain in expected:
        while True:
            problem = wrong_answer(site, domain)
            if problem is None:
                break
            if time.monotonic() > end:
                found[site] = Failed(f"site {site}: {problem}", _tail("/var/log/nginx/error.log"))
                break
            time.sleep(0.004)
    return found


def _tail(path: str, size: int = 2000) -> str:
    try:
        with open(path, "rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(file.tell() - size, 0))
            return file.read().decode(errors="replace")
    except OSError:
        return ""
