"""The LDAP directory: where logins and the sites' unix identities live, and passwords, which live nowhere else.

``Directory`` writes and asks, ``compare`` holds it against the database. People stand under ou=people (and under
ou=inactive while they may not log in), sites' identities under ou=sites, everybody's primary group under ou=groups.
"""

from controlpanel.operations.errors import DirectoryAway, Refused

from .connection import Settings
from .directory import Directory
from .entries import Person, SiteIdentity

__all__ = ["Directory", "DirectoryAway", "Person", "Refused", "Settings", "SiteIdentity"]
