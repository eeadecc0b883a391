"""Refuses to start with settings that would give the house away."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register
from django.core.exceptions import ImproperlyConfigured

#: Django's own limits for a good key (django.core.checks.security.base).
_KEY_LENGTH, _KEY_VARIETY = 50, 5


@register
def secrets_are_set(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """Errors for each secret that is missing, short, or a well-known default."""
    try:
        key = settings.SECRET_KEY
    except ImproperlyConfigured:  # Django refuses to hand out an empty key
        key = ""
    problems = []
    if len(key) < _KEY_LENGTH or len(set(key)) < _KEY_VARIETY or key.startswith("django-insecure-"):
        problems.append(("SECRET_KEY", "a random text of 50 characters or more", "controlpanel.E001"))
    if not settings.FIELD_ENCRYPTION_KEYS:
        problems.append(("FIELD_ENCRYPTION_KEYS", "one or more Fernet keys, newest first", "controlpanel.E002"))
    if not settings.DATABASES["default"].get("NAME"):
        problems.append(("DATABASE_URL", "postgresql://user:password@host/name", "controlpanel.E003"))
    if settings.STAFF_SECOND_FACTOR not in ("required", "optional"):
        problems.append(("STAFF_SECOND_FACTOR", "required or optional", "controlpanel.E004"))
    return [
        Error(f"{name} is missing or weak.", hint=f"Set {name} in the environment to {what}.", id=number)
        for name, what, number in problems
    ]


def refuse_unsafe_settings() -> None:
    """For servers that do not run Django's checks themselves. Raises ImproperlyConfigured with every problem."""
    if problems := secrets_are_set():
        raise ImproperlyConfigured(" ".join(f"{problem.msg} {problem.hint}" for problem in problems))
