"""What a member can do wrong with databases. See ``errors.py`` for the manner."""

from django.utils.translation import gettext_lazy as _

from ..errors import HostingError


class InvalidEngine(HostingError):
    code = "invalid_engine"
    message = _("Choose one of the kinds of database on offer.")


class InvalidAmount(HostingError):
    code = "invalid_amount"
    message = _("Enter a number from %(low)d to %(high)d.")


class InvalidUserName(HostingError):
    code = "invalid_user_name"
    message = _("A user's name has 1 to 16 lower-case letters and digits, and begins with a letter.")


class UserTaken(HostingError):
    code = "user_taken"
    status = 409
    message = _("This database already has a user “%(name)s”.")


class NoSuchUser(HostingError):
    code = "no_such_user"
    status = 404
    message = _("This database has no user of that name.")


class OwnerStays(HostingError):
    code = "owner_stays"
    status = 409
    message = _("The owner of a database cannot be removed. Give it a new password, or delete the database.")


class TooManyUsers(HostingError):
    code = "too_many_users"
    status = 409
    message = _("A database can have at most %(limit)d users.")


class WrongSite(HostingError):
    code = "wrong_site"
    message = _("The site and the database must belong to the same hosting order.")


class DatabasesFull(HostingError):
    code = "order_full"
    status = 409
    message = _("This hosting order has all of its %(limit)d databases. Delete one, or ask for a larger order.")


class NoDatabaseCapacity(HostingError):
    code = "no_capacity"
    status = 503
    message = _("No database server can take it just now. Nothing was changed; try again later or tell support.")


class DatabaseBusy(HostingError):
    code = "busy"
    status = 409
    message = _("Something else is under way with this database. Wait until it is done.")


class DatabaseDeleting(HostingError):
    code = "already_deleting"
    status = 409
    message = _("This database is already being deleted.")


class DatabaseDeleted(HostingError):
    code = "deleted"
    status = 409
    message = _("This database has been deleted. Restore it first.")


class DatabaseNeverCreated(HostingError):
    code = "never_created"
    status = 409
    message = _("This database could not be created. Retry its creation, or delete it.")


class DatabaseNotDeleted(HostingError):
    code = "not_deleted"
    status = 409
    message = _("Only a deleted database can be restored.")


class NoDumpKept(HostingError):
    code = "no_longer_kept"
    status = 409
    message = _("No dump of this database is kept any more, so it cannot be restored.")


class NoSuchDump(HostingError):
    code = "no_such_dump"
    status = 404
    message = _("This database has no such dump any more.")


class DumpAway(HostingError):
    code = "dump_away"
    status = 503
    message = _("The server that keeps the dump does not answer just now. Try again later.")


class DatabaseStale(HostingError):
    code = "stale"
    status = 409
    message = _("This database has been changed since you opened it. Look at it again, then repeat your change.")


# --- moves (staff) -----------------------------------------------------------------------------------------------


class NoSuchDatabaseHost(HostingError):
    code = "no_such_host"
    message = _("There is no database server of that name that could take it.")


class AlreadyThere(HostingError):
    code = "already_there"
    status = 409
    message = _("The database is on %(host)s already.")


class HostNotReady(HostingError):
    code = "host_not_ready"
    status = 409
    message = _("%(host)s is not active or does not answer, so nothing can be moved there.")


class SourceAway(HostingError):
    code = "source_away"
    status = 409
    message = _("%(host)s does not answer. If it is lost for good, restore the database from its last dump elsewhere.")


class CopyThere(HostingError):
    code = "copy_there"
    status = 409
    message = _("%(host)s still keeps the copy of an earlier move of this database. Drop that copy first.")


class NoRoom(HostingError):
    code = "no_room"
    status = 409
    message = _("%(host)s has not enough free disk for this database.")


class TooLargeToHold(HostingError):
    code = "too_large_to_hold"
    status = 409
    message = _("To copy it all would take longer than the %(minutes)d minutes for which connections may wait.")


class NoCopy(HostingError):
    code = "no_copy"
    status = 409
    message = _("No copy of an earlier move is kept.")
