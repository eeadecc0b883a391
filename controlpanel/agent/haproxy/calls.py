"""Calls of an edge: does a name answer, and how is HAProxy."""

from __future__ import annotations

import csv
import hashlib
import http.client
import socket
import ssl
import time
from typing import Any, Dict, List, Optional, Tuple

from .. import fields
from ..calls import Context, call
from . import paths, runtime, service, spread
from .changes import read
from .tables import Table

#: Where every site's web server says which site it is.
PROBE_PATH = "/.well-known/controlpanel"
#: Seconds of one try, and between two.
_TRY, _PAUSE = 3.0, 0.05
_BODY = 4096

_INFO = ("Version", "Uptime_sec", "CurrConns", "CumReq", "MaxConn", "Maxconn", "Pid", "Memmax_MB", "PoolUsed_MB")
_STAT = ("scur", "smax", "stot", "req_tot", "hrsp_5xx", "econ", "eresp", "status", "lastchg", "check_status")


@call("edge.probe", parallel=True)
def probe(args: Dict[str, Any], context: Context) -> Dict[str, Any]:
    """Ask this edge for a name, as a visitor would.

    Takes ``{"name", "tls": bool, "expect": text, "wait": seconds}``. With ``expect`` it asks again until the body is
    that, or the time is up: web servers replace their processes after a reload, the old may answer a last time.
    Answers ``{"status": number or None, "body", "certificate": SHA-256 (hex) of the one offered, "error"}``, whatever
    it found.
    """
    fields.only(args, ("name", "tls", "expect", "wait"))
    name = fields.domain_name(args, "name")
    tls = fields.boolean(args, "tls", False)
    expect = fields.text(args, "expect", 200, default="").strip()
    deadline = time.monotonic() + fields.integer(args, "wait", 0, 30, 3)
    while True:
        answer = _ask(name, tls)
        fits = answer["status"] == 200 and answer["body"].strip() == expect if expect else answer["status"] is not None
        if fits or time.monotonic() > deadline:
            return answer
        time.sleep(_PAUSE)


def _ask(name: str, tls: bool, path: str = PROBE_PATH) -> Dict[str, Any]:
    answer: Dict[str, Any] = {"status": None, "body": "", "certificate": "", "error": ""}
    connection: Optional[socket.socket] = None
    try:
        connection = socket.create_connection(("127.0.0.1", 443 if tls else 80), timeout=_TRY)
        if tls:
            # Not checked here: the panel compares the certificate with the one that it has issued.
            insecure = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            insecure.check_hostname = False
            insecure.verify_mode = ssl.CERT_NONE
            secured = insecure.wrap_socket(connection, server_hostname=name)
            connection = secured
            answer["certificate"] = hashlib.sha256(secured.getpeercert(binary_form=True) or b"").hexdigest()
        connection.sendall(
            (
                "GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: controlpanel\r\nConnection: close\r\n\r\n" % (path, name)
            ).encode()
        )
        response = http.client.HTTPResponse(connection)
        response.begin()
        answer["status"] = response.status
        answer["body"] = response.read(_BODY).decode("utf-8", "replace")
    except (OSError, http.client.HTTPException) as error:
        answer["error"] = "%s: %s" % (type(error).__name__, error)
    finally:
        if connection is not None:
            connection.close()
    return answer


@call("edge.under_way", parallel=True)
def under_way(args: Dict[str, Any], context: Context) -> Dict[str, Any]:
    """How many requests this edge has under way for a site with each of some web hosts.

    Takes ``{"site": id, "hosts": [names], "wait": seconds}`` and answers ``{"requests": {host: number}}``, as soon as
    there are none, or when the time is up. For draining a host: edges send it nobody new before this is asked.
    """
    fields.only(args, ("site", "hosts", "wait"))
    site = str(fields.integer(args, "site", 1, 2**63 - 1))
    hosts = fields.list_of(args, "hosts", fields.host_name, min=1, max=100)
    deadline = time.monotonic() + fields.integer(args, "wait", 0, 30, 0)
    while True:
        requests = {host: spread.under_way(site, host) for host in hosts}
        if not any(requests.values()) or time.monotonic() > deadline:
            return {"requests": requests}
        time.sleep(_PAUSE)


@call("edge.stats", parallel=True)
def stats(args: Dict[str, Any], context: Context) -> Dict[str, Any]:
    """How HAProxy is: ``{"running", "info", "frontend", "backends", "rows", "older_processes"}``.

    The numbers are HAProxy's own, as text.
    """
    fields.only(args, ())
    rows = {
        path.rpartition("/")[2]: len(Table(read(path), trust=True))
        for path in (*paths.ALL_MAPS, paths.CERTIFICATE_LIST)
    }
    if not service.is_running():
        return {"running": False, "rows": rows}
    process = runtime.Process()
    info = dict(_pair(line) for line in process.ask("show info").splitlines() if ": " in line)
    answer: Dict[str, Any] = {
        "running": True,
        "info": {key: info[key] for key in _INFO if key in info},
        "backends": {},
        "frontend": {},
        "rows": rows,
        "older_processes": len(runtime.processes()[1]),
    }
    for row in csv.DictReader(process.ask("show stat").lstrip("# ").splitlines()):
        numbers = {key: row.get(key) or "" for key in _STAT}
        if row.get("svname") == "FRONTEND" and row.get("pxname") == "web":
            answer["frontend"] = numbers
        elif row.get("pxname", "").startswith("host-") and row.get("svname") != "BACKEND":
            answer["backends"][row["svname"]] = numbers
    return answer


@call("edge.sites", parallel=True)
def sites(args: Dict[str, Any], context: Context) -> Dict[str, Any]:
    """What visitors have asked of each site since this HAProxy has started.

    Takes ``{"only": [ids]}`` (without it all), and answers ``{"process": its number, "all": counts, "sites": {"12":
    counts}}`` with counts of [requests, of these stopped, of these answered from memory]. They begin anew with another
    process, and after 2**32.
    """
    fields.only(args, ("only",))
    only = args.get("only") is not None and {
        str(id)
        for id in fields.list_of(args, "only", lambda one, key: fields.integer(one, key, 1, 2**63 - 1), max=1000)
    }
    everything = [0, 0, 0]
    if not service.is_running():
        return {"process": 0, "all": everything, "sites": {}}
    process = runtime.Process()
    found: Dict[str, List[int]] = {}
    for line in process.ask("show table shield_sites").splitlines():
        words = dict(word.split("=", 1) for word in line.split() if "=" in word)
        if "key" in words:
            counts = [int(words.get(name, 0)) for name in ("http_req_cnt", "gpc0", "gpc1")]
            everything = [everything[at] + counts[at] for at in range(3)]
            if only is False or words["key"] in only:
                found[words["key"]] = counts
    info = dict(_pair(line) for line in process.ask("show info").splitlines() if ": " in line)
    return {"process": int(info.get("Pid", 0)), "all": everything, "sites": found}


def _pair(line: str) -> Tuple[str, str]:
    key, _, value = line.partition(": ")
    return key, value
