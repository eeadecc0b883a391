"""The env file that the panel reads: where the lab's services are, and the secrets to use them with."""

from . import files
from .credentials import ensure_authority, ensure_ssh_key, secrets_of
from .hosts import HOSTS
from .instance import Lab
from .provision import internet

LDAP_BASE = "dc=panel,dc=internal"


def prepare(lab: Lab) -> None:
    """Make the keys, certificates and passwords that are not there yet, and write ``panel.env``."""
    ensure_ssh_key(lab.home / "panel_key", f"panel@{lab.name}")
    ensure_ssh_key(lab.home / "bootstrap_key", f"bootstrap@{lab.name}")
    for host in HOSTS:
        ensure_ssh_key(lab.home / "hosts" / host.name / "ssh_host_ed25519_key", host.name)
    ensure_authority(lab)
    lines = "".join(f"{name}={value}\n" for name, value in variables(lab).items())
    files.write(
        lab.home / "panel.env", f"# Written by `manage.py lab up`; the names are those of settings.py.\n{lines}"
    )


def variables(lab: Lab) -> dict[str, str]:
    """Settings of the panel by the names of its environment."""
    secrets = secrets_of(lab)
    address = {host.name: lab.network[host.offset] for host in HOSTS}
    return {
        "SECRET_KEY": secrets["secret_key"],
        "FIELD_ENCRYPTION_KEYS": secrets["field_encryption_key"],
        "DATABASE_URL": f"postgresql://controlpanel:{secrets['database_password']}@{address['core1']}:5432/controlpanel",
        "REDIS_URL": f"redis://:{secrets['redis_password']}@{address['core1']}:6379/0",
        "LDAP_URIS": f"ldaps://{address['dir1']}",
        "LDAP_BASE": LDAP_BASE,
        "LDAP_BIND_DN": f"cn=panel,{LDAP_BASE}",
        "LDAP_BIND_PASSWORD": secrets["ldap_writer_password"],
        "LDAP_READER_DN": f"cn=reader,{LDAP_BASE}",
        "LDAP_READER_PASSWORD": secrets["ldap_reader_password"],
        "LDAP_CA_FILE": str(lab.home / "ca.pem"),
        "PANEL_SSH_KEY_FILE": str(lab.home / "panel_key"),
        "ACME_DIRECTORY": f"https://{address['core1']}:{internet.ACME_PORT}/dir",
        "ACME_CONTACT": "staff@panel.test",
        "ACME_CA_FILE": str(lab.home / "ca.pem"),
        "ACME_ORDERS_PER_HOUR": "100000",  # the lab's authority has no limits, and tests make many
        "DNS_RESOLVERS": f"{address['core1']}:53",
        "STAFF_SECOND_FACTOR": "optional",  # the demonstration's logins open the panel with their password alone
        # Receivers of webhooks may run on this machine; hosts and the loopback are refused as they are elsewhere.
        "WEBHOOK_ALLOWED_NETWORKS": f"{lab.network[1]}/32",
        "WEBHOOK_ALLOW_HTTP": "true",
        "METRICS_ALLOWED_NETWORKS": "127.0.0.0/8",
        "EMAIL_URL": f"filemail:///{lab.home / 'mail'}",
    }
