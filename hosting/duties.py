"""What comes round by the clock."""

from controlpanel.operations.recovery import every

from . import services, web_hosts
from .databases import servers
from .own_certificates import reminders


@every(seconds=600)
def purge() -> None:
    """The data of sites deleted long ago."""
    services.purge_due()


@every(seconds=30)
def follow_edges() -> None:
    """An edge was enrolled or removed: web hosts must know whom they may answer."""
    web_hosts.sync_if_needed()


@every(seconds=60)
def follow_certificates() -> None:
    """A name has got a certificate, or lost it: only those that have one are led to HTTPS."""
    services.follow_certificates()


@every(seconds=3600)
def remind_of_own_certificates() -> None:
    """Certificates that owners brought and that end soon."""
    reminders.send()


@every(seconds=60)
def close_rooms() -> None:
    """Clean rooms whose time is over."""
    services.close_due()


@every(seconds=60)
def unshare_volumes() -> None:
    """Sites that are on one host again."""
    services.unshare_alone()


@every(seconds=60)
def measure_databases() -> None:
    """How large databases are; full ones stop being written, those with room again go on."""
    services.refresh_database_usage()


@every(seconds=10)
def announce_database_servers() -> None:
    """Web or database hosts have come or gone, or a certificate ends soon."""
    servers.sync_if_needed()


@every(seconds=60)
def dump_databases() -> None:
    """Databases whose last dump is old."""
    services.dump_databases_due()


@every(seconds=300)
def drop_databases() -> None:
    """Copies of moved databases and dumps of deleted ones whose time is over."""
    services.drop_database_copies_due()
    services.purge_databases_due()


@every(seconds=60)
def follow_members() -> None:
    """What was just being created or moved when its member was switched off or on."""
    services.follow_members()


@every(seconds=3600)
def delete_of_inactive() -> None:
    """What members have who left long ago."""
    services.delete_of_inactive()
