"""What a member can do wrong with hosting, and what to do about it.

One family: forms put ``text`` beside ``field``, the API puts ``code``, ``field`` and ``text`` into a problem document
with ``status``. Texts say the way out; they never tell what another member has.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise


class HostingError(Exception):
    """Base. ``field`` is the form field at fault, empty when it is the whole request."""

    code: ClassVar[str] = "invalid"
    #: HTTP status that the API answers with.
    status: ClassVar[int] = 400
    message: ClassVar["str | _StrPromise"] = _("This cannot be done.")

    def __init__(self, field: str = "", **params: Any) -> None:
        super().__init__(self.code, field, params)
        self.field = field
        self.params: Mapping[str, Any] = params

    @property
    def text(self) -> str:
        """The explanation in the reader's language."""
        return str(self.message) % self.params

    @property
    def problems(self) -> "Sequence[HostingError]":
        """All that is wrong, one a field or name; usually just this."""
        return [self]

    def __str__(self) -> str:
        return self.text


class Several(HostingError):
    """More than one thing is wrong; each has its own text and field."""

    code = "several"

    def __init__(self, problems: Sequence[HostingError]) -> None:
        super().__init__()
        self._problems = list(problems)

    @property
    def text(self) -> str:
        return " ".join(problem.text for problem in self._problems)

    @property
    def problems(self) -> Sequence[HostingError]:
        return self._problems


def raise_all(problems: Sequence[HostingError]) -> None:
    """Raise what is in ``problems``: nothing, the one, or ``Several``."""
    if len(problems) == 1:
        raise problems[0]
    if problems:
        raise Several(problems)


# --- names -------------------------------------------------------------------------------------------------------

#: Why a text is not an acceptable domain name.
DOMAIN_REASONS: dict[str, Any] = {
    "empty": _("Enter a domain name, for example example.org."),
    "too_long": _("A domain name has at most 253 characters."),
    "label_too_long": _("“%(name)s”: each part between dots has at most 63 characters."),
    "control": _("A domain name cannot contain line breaks, blanks or control characters."),
    "url": _("“%(name)s”: enter only the name, without http:// and without a path."),
    "address": _("“%(name)s” is an IP address; enter a domain name."),
    "wildcard": _("“%(name)s”: wildcards (*) are not possible; list each name."),
    "single_label": _("“%(name)s” needs at least one dot, as in example.org."),
    "characters": _("“%(name)s” contains something that cannot be in a domain name."),
    "hyphen": _("“%(name)s”: a part of a domain name cannot begin or end with a hyphen."),
    "top_level": _("“%(name)s” does not end in a top-level domain."),
    "special": _("“%(name)s” ends in a name that is reserved and never works on the internet."),
    "homograph": _("“%(name)s” mixes letters that look alike but are different, so it could pass for another name."),
    "reserved": _("“%(name)s” belongs to this service itself."),
}


class InvalidDomain(HostingError):
    """``reason`` is a key of DOMAIN_REASONS."""

    code = "invalid_domain"

    def __init__(self, reason: str, name: str = "", field: str = "domains") -> None:
        # Shown back to its author only, and never longer than a name could be.
        super().__init__(field, name=name if len(name) <= 80 else name[:77] + "…")
        self.reason = reason

    @property
    def text(self) -> str:
        return str(DOMAIN_REASONS[self.reason]) % self.params


class DomainTaken(HostingError):
    code = "domain_taken"
    status = 409
    message = _("“%(name)s” is already in use here. If it is your name, contact support.")


class DomainYours(HostingError):
    """Taken, by a site that the asker may see."""

    code = "domain_taken"
    status = 409
    message = _("“%(name)s” already belongs to your site “%(site)s”. Remove it there first.")


class DomainTwice(HostingError):
    code = "domain_twice"
    message = _("“%(name)s” cannot be served and redirected at the same time.")


class NoDomain(HostingError):
    code = "no_domain"
    message = _("A site needs at least one domain name.")


class TooManyDomains(HostingError):
    code = "too_many_domains"
    message = _("A site can have at most %(limit)d names.")


# --- sites -------------------------------------------------------------------------------------------------------


class InvalidKind(HostingError):
    code = "invalid_kind"
    message = _("Choose one of the kinds of site on offer.")


class InvalidWorkers(HostingError):
    code = "invalid_workers"
    message = _("Enter a number from %(low)d to %(high)d.")


class OutOfRange(HostingError):
    code = "out_of_range"
    message = _("Enter a number from %(low)d to %(high)d.")


class InvalidChoice(HostingError):
    code = "invalid_choice"
    message = _("Choose one of those on offer.")


class InvalidSetting(HostingError):
    code = "invalid_setting"
    message = _("This is either on or off.")


class UnknownSetting(HostingError):
    code = "unknown_setting"
    message = _("“%(name)s” is not a setting that can be chosen here.")


class KindFixed(HostingError):
    code = "kind_fixed"
    status = 409
    message = _("A site cannot become a WordPress site or stop being one. Create a new site instead.")


class InvalidTitle(HostingError):
    code = "invalid_title"
    message = _("Enter a title of at most %(limit)d characters, without line breaks.")


class NoApplication(HostingError):
    code = "no_application"
    status = 409
    message = _("This site has no WordPress that the panel has installed.")


class SiteNotRunning(HostingError):
    code = "not_running"
    status = 409
    message = _("This site is disabled. Enable it first.")


class NoLogs(HostingError):
    code = "no_logs"
    status = 409
    message = _("This site is on no server just now, so there is no log to show.")


class LogsAway(HostingError):
    code = "logs_away"
    status = 503
    message = _("The site’s server does not answer just now. Try again in a moment.")


class LogReplaced(HostingError):
    code = "log_replaced"
    status = 409
    message = _("Something else is where this log should be, a link for example. Remove it, and the log comes back.")


class OrderFull(HostingError):
    code = "order_full"
    status = 409
    message = _("This hosting order has all of its %(limit)d sites. Delete one, or ask for a larger order.")


class NoCapacity(HostingError):
    code = "no_capacity"
    status = 503
    message = _("No server can take a new site just now. Nothing was created; try again later or tell support.")


class StaleForm(HostingError):
    """The form (or client) started from another revision than the site has now."""

    code = "stale"
    status = 409
    message = _("This site has been changed since you opened it. Look at it again, then repeat your change.")


class RulesChanged(HostingError):
    """``revision`` is not that of the edge rules any more."""

    code = "stale_form"
    status = 409
    message = _("These rules have been changed since you opened them. Look at them again, then repeat your change.")


class SiteBusy(HostingError):
    code = "busy"
    status = 409
    message = _("This site is still being created. Wait until it is ready, or cancel its creation.")


class MemberClosed(HostingError):
    code = "member_disabled"
    status = 409
    message = _(
        "Everything of this member is switched off, so nothing can be changed now. Nothing is lost: get in touch with "
        "the staff, and it comes back at once."
    )


class ServerDead(HostingError):
    code = "server_dead"
    status = 409
    message = _("The server of this site has failed, and the site is being brought up on another. Try again shortly.")


class NothingTakesItsPlace(HostingError):
    code = "nothing_takes_its_place"
    status = 409
    message = _(
        "%(host)s is a storage server, and nothing can take its place: the files are on it. Bring it back; sites wait "
        "for it, and go on by themselves."
    )


class HostAnswers(HostingError):
    code = "host_answers"
    status = 409
    message = _(
        "%(host)s answers the panel, so it is not dead. Evacuate it, or say that it is to be given up all the same."
    )


class HostNotFenced(HostingError):
    code = "not_fenced"
    status = 409
    message = _("%(host)s is not fenced off.")


class RecoveryUnderWay(HostingError):
    code = "under_way"
    status = 409
    message = _("The recovery or the readmission of %(host)s is under way already.")


class AlreadyDeleting(HostingError):
    code = "already_deleting"
    status = 409
    message = _("This site is already being deleted.")


class Deleted(HostingError):
    code = "deleted"
    status = 409
    message = _("This site has been deleted. Restore it first.")


class NeverCreated(HostingError):
    code = "never_created"
    status = 409
    message = _("This site could not be created. Retry its creation, or delete it.")


class NotDeleted(HostingError):
    code = "not_deleted"
    status = 409
    message = _("Only a deleted site can be restored.")


class NoLongerKept(HostingError):
    code = "no_longer_kept"
    status = 409
    message = _("The data of this site is no longer kept, so it cannot be restored.")


class AlreadyQuarantined(HostingError):
    code = "already_quarantined"
    status = 409
    message = _("This site is in quarantine already.")


class NotQuarantined(HostingError):
    code = "not_quarantined"
    status = 409
    message = _("This site is not in quarantine.")


class NoSuchSnapshot(HostingError):
    code = "no_such_snapshot"
    status = 404
    message = _("This site has no such snapshot (any more).")


class FilesAway(HostingError):
    code = "files_away"
    status = 503
    message = _("The files of this site cannot be looked at just now. Try again in a moment.")


class NothingToRestore(HostingError):
    code = "nothing_to_restore"
    message = _("Name the files to restore (at most %(limit)d), or say that it is all of them.")


class InvalidReason(HostingError):
    code = "invalid_reason"
    message = _("Say why, in at most %(limit)d characters: the site’s owners will read it.")


class VolumeBusy(HostingError):
    code = "volume_busy"
    status = 409
    message = _("The data of this site cannot be attached now: %(reason)s")


class KeyReused(HostingError):
    """The idempotency key was used by the same login for something else."""

    code = "idempotency_key_reused"
    status = 409
    message = _("This request was already used for something else. Load the page again and repeat it.")


# --- scale -------------------------------------------------------------------------------------------------------


class InvalidLimit(HostingError):
    code = "invalid_limit"
    message = _("Enter a number from %(low)d to %(high)d.")


class TooManyHosts(HostingError):
    code = "invalid_hosts"
    message = _("A site is on one to %(limit)d web hosts.")


class UnknownHost(HostingError):
    code = "unknown_host"
    message = _("There is no web host “%(name)s”.")


class HostUnfit(HostingError):
    code = "host_unfit"
    status = 409
    message = _("%(name)s takes no new sites at the moment.")


class HostReserved(HostingError):
    code = "host_reserved"
    status = 409
    message = _("%(name)s is reserved for another site.")


class LastHost(HostingError):
    """Its only host cannot be taken from a site without another in its place."""

    code = "last_host"
    status = 409
    message = _("This is the only web host of the site.")


class ChangeUnderWay(HostingError):
    code = "change_under_way"
    status = 409
    message = _("Another change of this site is under way. Wait until it has ended.")


# --- moves -------------------------------------------------------------------------------------------------------


class AlreadyThere(HostingError):
    code = "already_there"
    status = 409
    message = _("This site is on %(host)s already.")


class Moving(HostingError):
    code = "moving"
    status = 409
    message = _("This site is just being moved to another server, which takes some seconds. Try again after that.")


class Scaled(HostingError):
    code = "scaled"
    status = 409
    message = _("This site runs on several web hosts at once. Bring it back to one first.")


class TargetUnfit(HostingError):
    """``reason`` is one of those below."""

    code = "target_unfit"
    status = 409
    message = _("%(host)s cannot take it: %(reason)s")

    UNKNOWN = _("there is no web host of that name.")
    STATE = _("it takes no new work.")
    AWAY = _("it does not answer, or is due for a resync.")
    RESERVED = _("another site has it for itself.")
    FULL = _("it has no room for it.")


class NotAWebHost(HostingError):
    code = "not_a_web_host"
    status = 409
    message = _("%(host)s is no web host, so no sites are on it.")


class InQuarantine(HostingError):
    code = "in_quarantine"
    status = 409
    message = _("This site is in quarantine. Release it first.")


# --- nothing at all ----------------------------------------------------------------------------------------------


class NothingToChange(HostingError):
    code = "nothing_to_change"
    message = _("Say what is to change.")


# --- shields -----------------------------------------------------------------------------------------------------


class InvalidLevel(HostingError):
    code = "invalid_level"
    message = _("Choose one of the levels on offer: off, cache, limit, challenge.")


class InvalidNumber(HostingError):
    code = "invalid_number"
    message = _("Enter a number from %(low)d to %(high)d.")


class InvalidNetwork(HostingError):
    code = "invalid_network"
    message = _("“%(network)s” is no IP address and no network such as 192.0.2.0/24 or 2001:db8::/48.")


class NetworkTooWide(HostingError):
    code = "network_too_wide"
    message = _("“%(network)s” is too large a part of the internet; networks of /%(length)d and smaller are possible.")


class InvalidPath(HostingError):
    code = "invalid_path"
    message = _("“%(path)s”: enter the beginning of a path, such as /api/, of letters, digits and . _ ~ - / only.")


class BothLists(HostingError):
    code = "both_lists"
    message = _("“%(network)s” cannot be blocked and trusted at the same time.")


class TooManyEntries(HostingError):
    code = "too_many_entries"
    message = _("At most %(limit)d entries are possible here.")
