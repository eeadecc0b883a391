"""The same write twice (a retried POST): done once, answered the same.

``Idempotency-Key`` counts for every write of the API, whether it starts an operation or only changes rows. The answer
is stored in the transaction that does the work, so there is no moment at which one exists without the other. Of two at
the same instant the second waits for the first. Errors are not stored: they changed nothing, and the next try may go
well.
"""

import hashlib
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.db import DatabaseError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from controlpanel.api.problems import Conflict

from ..locks import lock_resources
from ..models import Answer
from ..redaction import is_secret

#: How long an answer is kept. (Operations keep their keys for ever: a site is never created twice.)
KEPT = timedelta(days=1)

Handler = Callable[..., Response]


def once(key: str, handler: Handler, request: Request, *args: Any, **kwargs: Any) -> Response:
    """What ``handler`` answers, or what it answered to the same request with the same key before.

    Raises Conflict when that was another request, and whatever ``handler`` raises: what that wrote by then stays
    written, as it would without a key (a wrong password is counted, say).
    """
    digest = _digest(request)
    error: Exception | None = None
    with transaction.atomic():
        lock_resources([f"key:{request.user.pk}:{key}"])
        fresh = Answer.objects.filter(created__gt=timezone.now() - KEPT)
        if known := fresh.filter(login_id=request.user.pk, key=key).first():
            return _again(known, digest)
        try:
            response = handler(request, *args, **kwargs)
        except DatabaseError:
            raise
        except Exception as raised:
            error = raised
        else:
            _keep(request.user.pk, key, digest, response)
    if error is not None:
        raise error
    return response


def forget_old() -> None:
    """Answers that nobody will ask for again."""
    Answer.objects.filter(created__lt=timezone.now() - KEPT).delete()


def _digest(request: Request) -> str:
    asked = [request.method, request.get_full_path(), request.data]
    return hashlib.sha256(json.dumps(asked, sort_keys=True, default=str).encode()).hexdigest()


def _keep(login_id: int, key: str, digest: str, response: Response) -> None:
    body = "" if response.data is None else JSONRenderer().render(without_secrets(response.data)).decode()
    Answer.objects.update_or_create(
        login_id=login_id,
        key=key,
        defaults={
            "digest": digest,
            "status": response.status_code,
            "location": response.get("Location", ""),
            "body": body,
            "created": timezone.now(),
        },
    )


def _again(known: Answer, digest: str) -> Response:
    if known.digest != digest:
        raise Conflict(_("This Idempotency-Key was used for something else."), "idempotency_key_reused")
    headers = {"Idempotency-Replayed": "true", **({"Location": known.location} if known.location else {})}
    return Response(json.loads(known.body) if known.body else None, status=known.status, headers=headers)


def without_secrets(body: Any) -> Any:
    """The body with null for what is shown only once."""
    if isinstance(body, dict):
        return {
            name: None if is_secret(str(name)) and isinstance(value, str) else without_secrets(value)
            for name, value in body.items()
        }
    return [without_secrets(one) for one in body] if isinstance(body, (list, tuple)) else body
