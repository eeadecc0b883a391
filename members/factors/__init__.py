"""Second factors: an app's codes (TOTP), keys (WebAuthn), recovery codes.

What they are and how they are checked is django-allauth's ``mfa``; its pages and its login are not used: the password
lives in the directory, and the way in is ``members.views.account.login``.
"""

from .codes import LONGEST_CODE, TooManyCodes, check_code, confirm_app, new_app, new_recovery_codes, recovery_codes
from .keys import add_key, begin_key, begin_proof, check_key
from .state import LastFactor, State, has_factor, note_passed, passed, remove, required_of, reset, state_of

__all__ = [
    "LONGEST_CODE",
    "LastFactor",
    "State",
    "TooManyCodes",
    "add_key",
    "begin_key",
    "begin_proof",
    "check_code",
    "check_key",
    "confirm_app",
    "has_factor",
    "new_app",
    "new_recovery_codes",
    "note_passed",
    "passed",
    "recovery_codes",
    "remove",
    "required_of",
    "reset",
    "state_of",
]
