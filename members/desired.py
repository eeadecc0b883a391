"""What hosts need to know the directory's users, and the directory itself held against the database."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings

from controlpanel.fleet.choices import Role
from controlpanel.fleet.desired import Inspector, Resource, inspector, provider
from controlpanel.fleet.models import Host

from .directory import Directory, Settings, compare


@provider(Role.WEB)
def name_service(host: Host) -> Iterable[Resource]:
    """Files of sites belong to users of the directory, so web hosts look users up there."""
    spec = {
        "uris": list(settings.LDAP_URIS),
        "base": settings.LDAP_BASE,
        "bind_dn": settings.LDAP_READER_DN,
        "bind_password": settings.LDAP_READER_PASSWORD,
        "ca_pem": Path(settings.LDAP_CA_FILE).read_text(),
    }
    # It follows from settings, not from rows, so it has one revision: the last one sent counts.
    return [Resource("nss", "directory", 1, spec)]


@inspector(Role.DIRECTORY)
class DirectoryInspector(Inspector):
    """People, groups and sites' identities on one directory server."""

    def drift(self, host: Host) -> list[dict[str, Any]]:
        return list(compare.drift(_directory_of(host)))

    def resync(self, host: Host) -> None:
        compare.resync(_directory_of(host))


def _directory_of(host: Host) -> Directory:
    """The server on that host alone when the settings name it, else whichever answers."""
    here = tuple(uri for uri in settings.LDAP_URIS if urlsplit(uri).hostname in (host.name, host.address))
    return Directory.at(Settings.of_panel(here))
