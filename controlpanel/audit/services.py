"""Deeds that change no audited row: somebody logged in, downloaded, looked."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from django.db import connection

from . import context


def note(
    verb: str,
    object: str,
    *,
    label: str = "",
    scopes: Iterable[str] = (),
    about: str = "",
    about_label: str = "",
    detail: Mapping[str, Any] | None = None,
    actor: Any = None,
    operation: int | None = None,
) -> None:
    """Write an entry, in the transaction that is open. ``detail``: never a secret.

    ``object`` is "app.model:id" of what it was done to.
    Who did it is known from the request, or is ``actor``, a login.
    """
    values = context.now() | ({"operation": operation} if operation else {})
    if actor is not None and "id" not in values:
        values |= context.person(actor)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT audit_write(%s::jsonb, %s, %s, %s, %s, %s, %s::text[], NULL, %s::jsonb, '{}'::text[])",
            [
                json.dumps(values, default=str),
                verb,
                object,
                label,
                about or object,
                about_label or label,
                sorted(set(scopes)),
                json.dumps(detail, default=str) if detail else None,
            ],
        )
