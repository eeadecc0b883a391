"""What the admin calls orders, sites and databases (``controlpanel.labels``)."""

from django.utils.translation import gettext_lazy as _

from controlpanel.labels import name

from .models import Database, DatabaseDump, DatabaseUser, Domain, HostingOrder, Quarantine, Site

name(
    HostingOrder,
    _("hosting order"),
    _("hosting orders"),
    site_size_bytes=_("space for each site, in bytes"),
    created=_("created"),
)
name(
    Site,
    _("site"),
    _("sites"),
    state=_("state"),
    path=_("directory"),
    uid=_("user id"),
    placed=_("its host has it"),
    memory_mb=_("memory in MB"),
    revision=_("revision"),
    created=_("created"),
)
name(Domain, _("name"), _("names"))
name(
    Database,
    _("database"),
    _("databases"),
    name=_("name"),
    host_name=_("name for applications"),
    state=_("state"),
    revision=_("revision"),
    created=_("created"),
    full=_("full"),
    open_connections=_("open connections"),
    used_at=_("measured"),
    copy_until=_("old copy kept until"),
)
name(DatabaseUser, _("database user"), _("database users"), changed=_("changed"))
name(
    DatabaseDump,
    _("dump"),
    _("dumps"),
    label=_("made because"),
    host=_("host"),
    made=_("made"),
    size_bytes=_("size in bytes"),
)
name(Quarantine, _("quarantine"), _("quarantines"), began=_("began"), began_by=_("by"), ended_by=_("ended by"))
