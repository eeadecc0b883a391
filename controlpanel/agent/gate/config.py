"""The gate's haproxy.cfg, its script and its unit. None names a database or a host, so they hardly ever change."""

from __future__ import annotations

from ..haproxy.paths import GATE
from . import paths

_HEADER = "# Written by the control panel's agent. Changes by hand are found and undone.\n"

_BINDS = "".join(f"  bind 0.0.0.0:{port} interface lo\n" for port in paths.PORTS)

CONFIG = f"""{_HEADER}
global
  chroot /var/lib/haproxy
  user haproxy
  group haproxy
  stats socket {GATE.admin_socket} mode 600 level admin expose-fd listeners
  stats timeout 30s
  fd-hard-limit 50000
  # After a reload the old process keeps its connections, as long as an application may.
  hard-stop-after 24h
  lua-load {paths.SCRIPT}

defaults
  mode tcp
  timeout connect 5s
  # Not ours to end a connection that an application keeps: servers have limits of their own.
  timeout client 25h
  timeout server 25h
  timeout client-fin 5s
  timeout server-fin 5s
  option clitcpka
  option srvtcpka
  retries 3

frontend databases
{_BINDS}  # Only from this host, and only to the addresses of databases.
  tcp-request connection reject unless {{ dst {paths.NETWORK} }}
  tcp-request inspect-delay 60s
  tcp-request content lua.way
  tcp-request content reject unless {{ var(txn.host) -m found }}
  tcp-request content set-dst var(txn.host)
  default_backend host_of_the_day

backend host_of_the_day
  server any 0.0.0.0
"""

SCRIPT = f"""-- Written by the control panel's agent. Changes by hand are found and undone.
-- Where a connection goes, by the address that it was made to. While the way is held it waits, and looks again.
local ways = Map.new("{paths.WAYS}", Map._str)
-- Address to the hold that was last seen there, and when first (seconds).
local seen = {{}}
-- A hold ends by itself after so many seconds, so that a panel that died parks nobody; looked at every so many ms.
local LIMIT, LOOK = 30, 3

local function over(address, hold)
  local now = core.now()
  local known = seen[address]
  if known == nil or known.hold ~= hold then
    known = {{hold = hold, since = now.sec + now.usec / 1000000}}
    seen[address] = known
  end
  return now.sec + now.usec / 1000000 - known.since > LIMIT
end

core.register_action("way", {{"tcp-req"}}, function(txn)
  local address, port = txn.sf:dst(), tostring(txn.sf:dst_port())
  while true do
    local way = ways:lookup(address)
    if way == nil then return end
    local host, wanted, hold = string.match(way, "^([%x%._]+)/(%d+)/(%d+)$")
    if host == nil or wanted ~= port then return end
    if hold == "0" or over(address, hold) then
      local plain = string.gsub(host, "_", ":")
      txn:set_var("txn.host", plain)
      return
    end
    core.msleep(LOOK)
  end
end, 0)
"""

UNIT = f"""# Written by the control panel's agent.
[Unit]
Description=The way from the sites of this host to their databases
After=network.target
StartLimitIntervalSec=0

[Service]
Type=notify
ExecStart=/usr/sbin/haproxy -Ws -f {paths.CONFIG} -p /run/controlpanel-gate/haproxy.pid -S {GATE.master_socket}
ExecReload=/bin/kill -USR2 $MAINPID
KillMode=mixed
Restart=always
RestartSec=1
SuccessExitStatus=143
RuntimeDirectory=controlpanel-gate
RuntimeDirectoryMode=0755
LimitNOFILE=131072
OOMScoreAdjust=-500

[Install]
WantedBy=multi-user.target
"""
