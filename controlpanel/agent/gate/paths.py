"""Where everything of the gate stands on a web host."""

from __future__ import annotations

#: Hidden from the sites' boxes, but for the authority.
DIRECTORY = "/etc/controlpanel/gate"
CONFIG = DIRECTORY + "/haproxy.cfg"
SCRIPT = DIRECTORY + "/way.lua"
#: Loopback address of a database to ``address of its host/port/hold``; see ``rows.of_way``.
WAYS = DIRECTORY + "/ways.map"
#: By what applications know database servers.
AUTHORITY = "/etc/controlpanel/ca.pem"
HOSTS = "/etc/hosts"
UNIT = "controlpanel-gate.service"
UNIT_FILE = "/etc/systemd/system/" + UNIT

NETWORK = "127.64.0.0/10"
ZONE = "database.internal"
PORTS = (3306, 5432)
