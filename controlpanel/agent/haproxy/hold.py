"""Mode *hold*: for the moment of a site's move its visitors wait at the edge, and then go where the site is by then.

A row of the mode map names each hold by a number of its own ("hold-57"). The wait ends when that row changes, and in
any case after LIMIT seconds from when this process first saw it: a panel that died, or a process that a reload has just
started, parks nobody for longer. (One that lives and needs longer begins another hold.) After that visitors are sent
where the site was last known to be, and get the page that says that it is being worked on when it is not there.
"""

from __future__ import annotations

import re
import time
from typing import Any, Dict, List

from .. import fields
from ..calls import Context, call
from ..web.nginx import LOST_HEADER
from . import paths, runtime, spread

#: Seconds that a hold lasts at most.
LIMIT = 15
#: Requests that one process parks, of one site and in all. Who comes on top is told to come back in a minute.
MOST_OF_SITE, MOST = 1000, 2000
#: How often a parked request looks (milliseconds), and how much less often for each that is parked beside it.
EVERY, EVERY_MORE = 20, 0.1
#: Seconds between two looks at what is under way.
_PAUSE = 0.02
_ROW = re.compile(r"\bkey=(\S+) .*\bconn_cur=([0-9]+)")

LUA = f"""\
-- Written by the control panel's agent. Changes by hand are found and undone.
local modes
local parked, of_site, since = 0, {{}}, {{}}

core.register_init(function() modes = Map.new("{paths.MODES}", Map._str) end)

local function now()
  local time = core.now()
  return time.sec + time.usec / 1000000
end

-- When this process first saw that hold; it forgets those of long ago.
local function begun(site, mode)
  local name, time = site .. " " .. mode, now()
  if not since[name] then
    for other, first in pairs(since) do
      if time - first > 3600 then since[other] = nil end
    end
    since[name] = time
  end
  return since[name]
end

-- A panel that needs longer begins another hold: who waits goes on with that one.
local function wait(txn, site)
  while true do
    local seen = modes:lookup(site) or "normal"
    if seen:sub(1, 5) ~= "hold-" then
      txn:set_var("txn.mode", seen)
      return
    end
    local passed = now() - begun(site, seen)
    if passed < 0 or passed >= {LIMIT} then
      txn:set_var("txn.mode", "normal")
      return
    end
    core.msleep(math.floor({EVERY} + {EVERY_MORE} * parked))
  end
end

core.register_action("hold", {{"http-req"}}, function(txn)
  local site = txn:get_var("txn.site")
  local beside = of_site[site] or 0
  if parked >= {MOST} or beside >= {MOST_OF_SITE} then
    txn:set_var("txn.mode", "maintenance")
    return
  end
  parked, of_site[site] = parked + 1, beside + 1
  local well, problem = pcall(wait, txn, site)
  parked, of_site[site] = parked - 1, of_site[site] - 1
  if of_site[site] == 0 then of_site[site] = nil end
  if not well then
    core.Warning("hold: " .. tostring(problem))
    txn:set_var("txn.mode", "maintenance")
  end
end, 0)
"""

#: Rules of the frontend; before those of all other modes, for one of them may follow on the hold.
RULES = "  http-request lua.hold if mode_hold\n"
#: The condition of a response from a web host that does not have the site, any more or as yet: the visitor's hold ended
#: by itself, or the request was on its way to a host that was cut off and came back.
LOST = "lost !itself"
LOST_ACLS = f"""\
  acl lost res.hdr({LOST_HEADER}) -m found
"""


def row(spec: Dict[str, Any]) -> str:
    """The value in the map of modes."""
    return "hold-%d" % spec["hold"] if spec["mode"] == "hold" else str(spec["mode"])


@call("edge.drain", parallel=True)
def drain(args: Dict[str, Any], context: Context) -> Dict[str, Any]:
    """Wait until no request for these sites is under way to a web host, for the moment after they were held.

    Takes ``{"sites": [ids], "host": name, "wait": seconds}`` and answers ``{"requests": {site: number}}`` with those
    that are left when the time is up.
    """
    fields.only(args, ("sites", "host", "wait"))
    sites = fields.list_of(args, "sites", lambda spec, key: fields.integer(spec, key, 1, 2**63 - 1), min=1, max=1000)
    host = fields.host_name(args, "host")
    deadline = time.monotonic() + fields.integer(args, "wait", 0, 300, 0)
    while True:
        left = under_way(sites, host)
        if not left or time.monotonic() > deadline:
            return {"requests": left}
        time.sleep(_PAUSE)


def under_way(sites: List[int], host: str) -> Dict[str, int]:
    """Of those sites that have any: requests under way to the host, also those of processes before a reload."""
    backend = paths.backend_name(host)
    wanted = {"%d.%s" % (site, backend): str(site) for site in sites}
    found: Dict[str, int] = {}
    for process in (runtime.Process(), *runtime.processes()[1]):
        try:
            answer = process.ask("show table %s data.conn_cur gt 0" % spread.TABLE)
        except runtime.Gone:
            continue
        for line in answer.splitlines():
            match = _ROW.search(line)
            if match and match.group(1) in wanted:
                site = wanted[match.group(1)]
                found[site] = found.get(site, 0) + int(match.group(2))
    return found
