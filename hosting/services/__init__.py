"""Writes of hosting, one topic a module: each validates, writes the intent and starts its operation."""

from .applications import Credentials, create_wordpress, new_wordpress_password
from .certificates import automatic_certificate, retry_certificate, use_own_certificate
from .database_care import dump_databases_due, note_database_usage, refresh_database_usage
from .database_dumps import dump_database, dump_for, return_to_dump
from .database_moves import (
    drop_database_copies_due,
    drop_database_copy,
    move_database,
)
from .database_recovery import recover_database, recover_database_host
from .database_users import add_database_user, remove_database_user, rotate_database_password
from .databases import (
    change_database,
    create_database,
    delete_database,
    purge_databases_due,
    restore_database,
)
from .edge_rules import follow_certificates, set_edge_rules
from .evacuation import evacuate_host
from .files import compare, last_good, restore_files, snapshot_of, snapshots_of, take_snapshot
from .moves import move_site, move_sites
from .quarantine import (
    LONGEST_REASON,
    forget_quarantines,
    open_quarantine,
    quarantine_consequences,
    quarantine_site,
    release_site,
)
from .recovery import readmit_host, recover_host
from .rooms import address_of, close_due, close_room, open_room
from .scale import (
    intend_size,
    leave_host,
    move_others,
    promote,
    scale_site,
    settle_hosts,
    switch,
    switch_back,
    unshare_alone,
    without_host,
)
from .shields import begin_maintenance, decline_suggestion, end_maintenance, shield_all, shield_site
from .sites import (
    DEFAULT_WORKERS,
    LEAST_WORKERS,
    MOST_WORKERS,
    create_site,
    delete_site,
    disable_site,
    edit_site,
    enable_site,
    place_again,
    purge_due,
    restore_site,
)
from .suspension import delete_of_inactive, follow_members

__all__ = [
    "DEFAULT_WORKERS",
    "LEAST_WORKERS",
    "LONGEST_REASON",
    "MOST_WORKERS",
    "Credentials",
    "add_database_user",
    "address_of",
    "automatic_certificate",
    "begin_maintenance",
    "change_database",
    "close_due",
    "close_room",
    "compare",
    "create_database",
    "create_site",
    "create_wordpress",
    "decline_suggestion",
    "delete_database",
    "delete_of_inactive",
    "delete_site",
    "disable_site",
    "drop_database_copies_due",
    "drop_database_copy",
    "dump_database",
    "dump_databases_due",
    "dump_for",
    "edit_site",
    "enable_site",
    "end_maintenance",
    "evacuate_host",
    "follow_certificates",
    "follow_members",
    "forget_quarantines",
    "intend_size",
    "last_good",
    "leave_host",
    "move_database",
    "move_others",
    "move_site",
    "move_sites",
    "new_wordpress_password",
    "note_database_usage",
    "open_quarantine",
    "open_room",
    "place_again",
    "promote",
    "purge_databases_due",
    "purge_due",
    "quarantine_consequences",
    "quarantine_site",
    "readmit_host",
    "recover_database",
    "recover_database_host",
    "recover_host",
    "refresh_database_usage",
    "release_site",
    "remove_database_user",
    "restore_database",
    "restore_files",
    "restore_site",
    "retry_certificate",
    "return_to_dump",
    "rotate_database_password",
    "scale_site",
    "set_edge_rules",
    "settle_hosts",
    "shield_all",
    "shield_site",
    "snapshot_of",
    "snapshots_of",
    "switch",
    "switch_back",
    "take_snapshot",
    "unshare_alone",
    "use_own_certificate",
    "without_host",
]
