"""What a member can do wrong with edge rules. See ``hosting/errors.py`` for the manner."""

from django.utils.translation import gettext_lazy as _

from ..errors import HostingError


class InvalidPolicy(HostingError):
    code = "invalid_policy"
    message = _("Choose one of the ways on offer: off, redirect, hsts.")


class InvalidRulePath(HostingError):
    code = "invalid_path"
    message = _(
        "“%(path)s”: enter the path as it stands behind the site's name, beginning with a slash, for example /shop. It "
        "has no “?”, no “..”, and at most %(limit)d parts."
    )


class PathNotPlain(HostingError):
    code = "path_not_plain"
    message = _("“%(path)s”: here a path has no ; \\ or %%, and no part of it ends in a dot or a space.")


class InvalidTarget(HostingError):
    code = "invalid_target"
    message = _("“%(target)s”: enter a path of this site, such as /new, or a web address that begins with https://.")


class TargetTakesNoPath(HostingError):
    code = "target_takes_no_path"
    message = _("“%(target)s”: behind an address with “?” or “#”, the rest of the path cannot be kept.")


class RedirectLoop(HostingError):
    code = "redirect_loop"
    message = _("“%(path)s” would lead visitors round in a circle. Give it another target.")


class InvalidStatus(HostingError):
    code = "invalid_status"
    message = _("Choose one of the kinds of redirect on offer: 301, 302, 307, 308.")


class InvalidMatch(HostingError):
    code = "invalid_match"
    message = _("Choose “exact” (this path only) or “prefix” (this path and all below it).")


class InvalidAction(HostingError):
    code = "invalid_action"
    message = _("Choose “allow” or “deny”.")


class RuleTwice(HostingError):
    code = "rule_twice"
    message = _("“%(path)s” is there twice.")


class NoNetworks(HostingError):
    code = "no_networks"
    message = _("“%(path)s”: enter at least one address or network.")


class InvalidRealm(HostingError):
    code = "invalid_realm"
    message = _("Say in 1 to %(limit)d characters what is protected, without quotation marks.")


class InvalidVisitor(HostingError):
    code = "invalid_visitor"
    message = _(
        "“%(name)s”: a name has 1 to 32 letters (a to z), digits and . _ -, and begins with a letter or a digit."
    )


class NoVisitors(HostingError):
    code = "no_visitors"
    message = _("“%(path)s”: name at least one user, or nobody could open it.")


class WeakVisitorPassword(HostingError):
    code = "weak_password"
    message = _(
        "The password of “%(name)s” needs %(low)d to %(high)d letters, digits and signs of an English keyboard, and "
        "must not be a common one. Left empty, a good one is made."
    )


class NoSuchLock(HostingError):
    code = "no_such_lock"
    message = _("There is no protected path with this “lock” (any more). Leave it out for a new one.")


class InvalidNotice(HostingError):
    code = "invalid_notice"
    message = _("The text has at most %(limit)d characters, and no control characters.")


class InvalidUntil(HostingError):
    code = "invalid_until"
    message = _("Enter a time in the future, within a year.")
