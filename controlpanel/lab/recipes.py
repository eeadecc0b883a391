"""What is in the images. A change here builds a new image at the next `lab up`."""

from dataclasses import dataclass

_EVERY_HOST = """
    systemd systemd-sysv dbus libpam-systemd openssh-server sudo python3 ca-certificates curl openssl
    iproute2 iputils-ping nftables procps psmisc e2fsprogs attr logrotate
"""
_PANEL = "postgresql redis-server"
_DIRECTORY = "slapd ldap-utils"
_EDGE = "haproxy"
# A certificate authority that speaks ACME, and a DNS for it to ask: what the internet is to an installation.
_INTERNET = "pebble dnsmasq-base"
_WEB = """
    nginx-light php8.4-fpm php8.4-cli php8.4-mysql php8.4-pgsql php8.4-curl php8.4-gd php8.4-mbstring php8.4-xml
    php8.4-zip php8.4-intl ceph-fuse libnss-ldapd nslcd php wordpress wordpress-l10n wordpress-theme-twentytwentyfive
"""
_DATABASE = "mariadb-server python3-pymysql python3-psycopg"
_STORAGE = "ceph-mon ceph-mgr ceph-osd ceph-mds ceph-common python3-rados ceph-fuse"


@dataclass(frozen=True)
class Recipe:
    """A Debian release and the packages of all hosts that run it; every service is off until a host wants it."""

    suite: str
    packages: tuple[str, ...]


def _packages(*lists: str) -> tuple[str, ...]:
    return tuple(name for text in lists for name in text.split())


TRIXIE = Recipe("trixie", _packages(_EVERY_HOST, _PANEL, _DIRECTORY, _EDGE, _WEB, _DATABASE, _INTERNET))
# Debian 13's Ceph manager (18.2.7) cannot load its modules with Python 3.13, so storage hosts stay on Debian 12.
BOOKWORM = Recipe("bookworm", _packages(_EVERY_HOST, _STORAGE))
RECIPES = (TRIXIE, BOOKWORM)

#: Answers to packages' questions, so that nothing is configured behind the product's back.
PRESEED = """\
slapd slapd/no_configuration boolean true
libnss-ldapd libnss-ldapd/nsswitch multiselect
"""

#: Files that are there before the packages are unpacked.
EARLY_FILES = {
    # A database cluster is made per host, by whoever wants one there.
    "etc/postgresql-common/createcluster.conf": "create_main_cluster = false\nadd_include_dir = 'conf.d'\n",
}

#: Files of the finished image.
FILES = {
    "etc/systemd/system-preset/00-lab.preset": (
        "enable ssh.service\nenable systemd-networkd.service\nenable logrotate.timer\ndisable *\n"
    ),
    "etc/systemd/system.conf.d/lab.conf": "[Manager]\nDefaultTimeoutStopSec=20s\n",
    "etc/resolv.conf": "",  # hosts of the lab reach each other and nothing else
}

MASKED_UNITS = (
    "nvmf-autoconnect.service",  # comes along with Ceph, fails without the kernel module, makes the host "degraded"
    "console-getty.service",  # nobody sits there
)

#: Left out of the images: a third of their size.
EXCLUDED_PATHS = ("/usr/share/man/*", "/usr/share/doc/*", "/usr/share/locale/*")
