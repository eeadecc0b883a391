"""What the internet is to an installation: a DNS in which every .test name leads to the edges, and an ACME authority.

The authority (pebble) forgets everything when it is restarted, account and root too. Its own root is at
``https://core1:15000/roots/0``.
"""

import json
from typing import TYPE_CHECKING

from ..credentials import issue
from ..process import wait_until

if TYPE_CHECKING:
    from ..machine import Machine

ACME_PORT, MANAGEMENT_PORT = 14000, 15000
#: A file ``NAME.conf`` here with a line ``address=/NAME/192.0.2.1`` makes a name lead elsewhere, after a restart.
ZONES = "/etc/lab-dns"
DNS_UNIT, ACME_UNIT = "lab-dns.service", "lab-acme.service"

_PEBBLE = {
    "listenAddress": f"0.0.0.0:{ACME_PORT}",
    "managementListenAddress": f"0.0.0.0:{MANAGEMENT_PORT}",
    "certificate": "/etc/lab-acme/certificate.pem",
    "privateKey": "/etc/lab-acme/key.pem",
    "httpPort": 80,
    "tlsPort": 443,
    "retryAfter": {"authz": 1, "order": 1},
    "certificateValidityPeriod": 90 * 24 * 3600,
    "profiles": {"default": {"description": "As long as others'", "validityPeriod": 90 * 24 * 3600}},
}
_DNS_SERVICE = f"""\
[Unit]
Description=DNS of the lab
After=network.target

[Service]
ExecStart=/usr/sbin/dnsmasq --keep-in-foreground --no-resolv --no-hosts --user=nobody --conf-dir={ZONES},*.conf
Restart=on-failure

[Install]
WantedBy=multi-user.target
"""
_ACME_SERVICE = """\
[Unit]
Description=Certificate authority of the lab
After=network.target

[Service]
DynamicUser=yes
SupplementaryGroups=ssl-cert
# It validates at once, and always: who wants it slow or lazy puts something in front of it.
Environment=PEBBLE_VA_NOSLEEP=1 PEBBLE_AUTHZREUSE=0
ExecStart=/usr/bin/pebble -config /etc/lab-acme/config.json -dnsserver 127.0.0.1:53
Restart=on-failure

[Install]
WantedBy=multi-user.target
"""


def provision(machine: "Machine") -> None:
    from ..hosts import HOSTS  # it imports us

    edges = [machine.lab.network[host.offset] for host in HOSTS if "edge" in host.roles]
    zone = "".join(f"address=/test/{address}\n" for address in edges)
    machine.write(f"{ZONES}/lab.conf", f"# Everything else is not there.\naddress=/#/\n{zone}")
    machine.write(f"/etc/systemd/system/{DNS_UNIT}", _DNS_SERVICE)
    certificate, key = issue(machine.lab, machine.name, machine.address)
    machine.write("/etc/lab-acme/certificate.pem", certificate)
    machine.write("/etc/lab-acme/key.pem", key, mode=0o640, owner="root:ssl-cert")
    machine.write("/etc/lab-acme/config.json", json.dumps({"pebble": _PEBBLE}, indent=2) + "\n")
    machine.write(f"/etc/systemd/system/{ACME_UNIT}", _ACME_SERVICE)
    machine.run(["systemctl", "daemon-reload"])
    machine.run(["systemctl", "enable", "--now", DNS_UNIT, ACME_UNIT])


def wait_until_ready(machine: "Machine") -> None:
    ask = ["curl", "--silent", "--insecure", "--max-time", "2", f"https://127.0.0.1:{ACME_PORT}/dir"]
    wait_until(
        "the lab's certificate authority answers", lambda: "newOrder" in machine.run(ask, check=False), timeout=30
    )
