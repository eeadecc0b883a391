"""How a write answers: 202 with the operation, or with ``?preview=1`` the steps that it would take."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from django.db import transaction
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework import status
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from controlpanel.api.problems import Conflict

from .. import selectors
from ..access import Actor
from ..locks import lock_resources
from ..models import Operation
from .serializers import AcceptedOperationSerializer, OperationSerializer, operation_url

#: What a write's service left behind: the operation (None when nothing has to reach a host), and more for the body.
Outcome = tuple[Operation | None, Mapping[str, Any]]

KEY_HEADER = "Idempotency-Key"
_KEY = re.compile(r"\A[\x21-\x7e]{1,80}\Z")

#: For ``extend_schema(parameters=WRITE_PARAMETERS)`` of every write that answers 202. (The key's header is described
#: for all writes, by ``controlpanel.api.schema``.)
WRITE_PARAMETERS = [
    OpenApiParameter(
        "preview", OpenApiTypes.BOOL, description="Plan, and answer 200 with the steps; nothing is changed."
    ),
]


def idempotency_key(request: Request) -> str:
    """The client's key for this write; empty when it sent none, or only asks for a preview.

    Raises ValidationError for one that we cannot keep.
    """
    key = request.headers.get(KEY_HEADER, "")
    if key and not _KEY.match(key):
        raise ValidationError({KEY_HEADER: [_("Up to 80 printable ASCII characters, without spaces.")]})
    return "" if wants_preview(request) else key


def wants_preview(request: Request) -> bool:
    """Raises ValidationError for a value that is neither yes nor no: never do what was meant as a preview."""
    value = request.query_params.get("preview", "").lower()
    if value not in ("", "0", "1", "true", "false"):
        raise ValidationError({"preview": [_("Use 1 or 0.")]})
    return value in ("1", "true")


def carry_out(request: Request, work: Callable[[], Outcome], once: "Once | None" = None) -> Response:
    """Let ``work`` call the service, and answer.

    A preview does the same in a transaction that is rolled back, so it cannot differ from the real thing: the plan has
    seen the very rows that it would see, every check has been made, and nothing is left.

    ``once`` is for services that know no idempotency key themselves.
    """
    key, actor = idempotency_key(request), cast(Actor, request.user)
    if wants_preview(request):
        with transaction.atomic():
            operation, extra = work()
            body = {**extra, "preview": True, "operation": _planned(operation, request)}
            transaction.set_rollback(True)
        return Response(body)
    with transaction.atomic():
        if once and key:
            lock_resources([f"key:{actor.pk}:{key}"])
            if existing := selectors.by_key(actor, key):
                return accepted(request, existing, once.repeated(existing))
        operation, extra = work()
        if once and key and operation is not None:
            Operation.objects.filter(pk=operation.pk).update(idempotency_key=key)
    return accepted(request, operation, extra)


@dataclass(frozen=True)
class Once:
    """How to recognize a request that came before with the same key: its operation's kind and params."""

    kind: str
    about: Mapping[str, Any]
    #: The rest of the answer's body, when it did come before.
    body: Callable[[Operation], Mapping[str, Any]]

    def repeated(self, operation: Operation) -> Mapping[str, Any]:
        same = operation.kind == self.kind and self.about.items() <= operation.params.items()
        if not same:
            raise Conflict(_("This Idempotency-Key was used for something else."), "idempotency_key_reused")
        return self.body(operation)


def accepted(request: Request, operation: Operation | None, extra: Mapping[str, Any]) -> Response:
    """202 with where to watch; plain 200 when there is nothing to wait for."""
    if operation is None:
        return Response({**extra, "operation": None})
    body = {**extra, "operation": AcceptedOperationSerializer(operation, context={"request": request}).data}
    return Response(body, status=status.HTTP_202_ACCEPTED, headers={"Location": operation_url(operation, request)})


def _planned(operation: Operation | None, request: Request) -> dict[str, Any] | None:
    if operation is None:
        return None
    data = OperationSerializer(operation, context={"request": request}).data
    return {**data, "id": None, "url": None, "state": "planned"}
