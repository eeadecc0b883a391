"""Where everything of HAProxy stands on an edge."""

from dataclasses import dataclass

CONFIG = "/etc/haproxy/haproxy.cfg"
DIRECTORY = "/etc/haproxy/controlpanel"
PAGES = DIRECTORY + "/pages"
MAPS = DIRECTORY + "/maps"
CERTIFICATES = DIRECTORY + "/certificates"

#: Public name to site id.
HOSTS = MAPS + "/hosts.map"
#: Public name to the name that it redirects to.
REDIRECTS = MAPS + "/redirects.map"
#: Site id to backend.
BACKENDS = MAPS + "/backends.map"
#: Of sites on several web hosts: site id to how many, and "id.0", "id.1", … to their backends.
SPREAD = MAPS + "/spread.map"
#: Site id to mode; a site that is not in it is in mode normal.
MODES = MAPS + "/modes.map"
#: Site id to ``level/requests in 10 s/requests at a time``; "all" for the least of every site.
SHIELDS = MAPS + "/shields.map"
#: ``site id/digits of an address/its first digits`` to block or trust.
SHIELD_NETWORKS = MAPS + "/shield_networks.map"
#: Site id and the beginning of a path, which is never challenged.
SHIELD_PATHS = MAPS + "/shield_paths.map"
#: "key" to the secret that tasks are made with.
SHIELD_KEY = MAPS + "/shield_key.map"
#: SHA-256 of what opens a clean room to ``site id.end``.
ROOMS = MAPS + "/rooms.map"
#: Token to what a certificate authority is answered.
CHALLENGES = MAPS + "/challenges.map"
#: Edge rules of sites; what stands in each, ``edge_rules_rows.py`` says.
EDGE_RULES = MAPS + "/edge_rules.map"
EDGE_HTTPS = MAPS + "/edge_https.map"
EDGE_ADDRESSES = MAPS + "/edge_addresses.map"
EDGE_NETWORKS = MAPS + "/edge_networks.map"
EDGE_DOORS = MAPS + "/edge_doors.map"
EDGE_OPENERS = MAPS + "/edge_openers.map"
EDGE_REDIRECTS = MAPS + "/edge_redirects.map"
EDGE_NOTICES = MAPS + "/edge_notices.map"
#: "key" to the secret that passwords of visitors are looked up with.
EDGE_RULES_KEY = MAPS + "/edge_rules_key.map"
ALL_EDGE_RULES = (
    EDGE_RULES_KEY, EDGE_OPENERS, EDGE_NETWORKS, EDGE_ADDRESSES, EDGE_DOORS, EDGE_REDIRECTS, EDGE_NOTICES, EDGE_RULES,
    EDGE_HTTPS,
)  # fmt: skip
ALL_MAPS = (
    HOSTS, REDIRECTS, BACKENDS, SPREAD, MODES, ROOMS, SHIELDS, SHIELD_NETWORKS, SHIELD_PATHS, SHIELD_KEY,
    CHALLENGES, *ALL_EDGE_RULES,
)  # fmt: skip

#: The program that lets visitors wait (``hold.py``).
HOLD = DIRECTORY + "/hold.lua"
#: The program that reads visitors' paths (``edge_rules_lua.py``).
EDGE_RULES_PROGRAM = DIRECTORY + "/edge_rules.lua"

#: The certificates to serve, one a line. The first is for names that have none.
CERTIFICATE_LIST = DIRECTORY + "/certificates.list"
FALLBACK_CERTIFICATE = CERTIFICATES + "/fallback.pem"

ADMIN_SOCKET = "/run/haproxy/admin.sock"
MASTER_SOCKET = "/run/haproxy-master.sock"
#: What was up and what was down before a reload; without it a dead host would count as up for a moment.
SERVER_STATE = "/run/haproxy/servers.state"

UNIT = "haproxy.service"

#: Beginning of the name of the backend that a web host has for what only reads.
READS = "reads-"
#: Where this edge asks itself again for what a dead web host had under way.
AGAIN_PORT = 8079


def certificate_path(id: str) -> str:
    return "%s/%s.pem" % (CERTIFICATES, id)


def backend_name(host: str) -> str:
    """The backend of a web host. The prefix keeps hosts' names apart from backends of our own."""
    return "host-" + host


@dataclass(frozen=True)
class Instance:
    """One HAProxy of a host: a unit, and the sockets of its worker and its master."""

    unit: str
    admin_socket: str
    master_socket: str
    #: What was up and what was down before a reload; empty when it does not matter.
    server_state: str = ""


EDGE = Instance(UNIT, ADMIN_SOCKET, MASTER_SOCKET, SERVER_STATE)
#: The way from the sites of a web host to their databases (``controlpanel/agent/gate``).
GATE = Instance("controlpanel-gate.service", "/run/controlpanel-gate/admin.sock", "/run/controlpanel-gate/master.sock")
INSTANCES = (EDGE, GATE)
