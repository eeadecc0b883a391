"""Errors as application/problem+json (RFC 9457): ``type``, ``title``, ``status``, ``detail``, and ``errors`` per field.

Apps say which of their own exceptions are which status with ``answer_with``.
"""

from collections.abc import Callable, Iterator, Mapping
from http import HTTPStatus
from typing import Any

import structlog
from django.core.exceptions import ObjectDoesNotExist, PermissionDenied, RequestDataTooBig
from django.core.exceptions import ValidationError as DjangoValidationError
from django.core.signals import got_request_exception
from django.db import InterfaceError, OperationalError
from django.http import Http404
from django.utils.translation import gettext as _
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import set_rollback

log = structlog.get_logger()

CONTENT_TYPE = "application/problem+json"

#: Errors per field; what concerns no single field is under this key.
WHOLE = "non_field_errors"
Errors = dict[str, list[str]]


class Problem(exceptions.APIException):
    """Any problem document: ``code`` is its type for programs, ``detail`` and ``errors`` are for people."""

    def __init__(self, status: int, code: str, detail: Any, errors: Errors | None = None) -> None:
        super().__init__(detail, code)
        self.status_code = status
        self.default_code = code
        self.errors = errors


class Conflict(Problem):
    """The request is well formed, but not possible in the state that things are in."""

    def __init__(self, detail: Any, code: str = "conflict") -> None:
        super().__init__(HTTPStatus.CONFLICT, code, detail)


class Unavailable(Problem):
    """Something that the answer needs does not work now; the same request may work later."""

    def __init__(self, detail: Any, code: str = "unavailable") -> None:
        super().__init__(HTTPStatus.SERVICE_UNAVAILABLE, code, detail)


_translations: list[tuple[type[Exception], Callable[[Any], exceptions.APIException]]] = []


def answer_with(kind: type[Exception], make: Callable[[Any], exceptions.APIException]) -> None:
    """Let ``make`` turn exceptions of that kind (or below it) into the answer. Later registrations go first."""
    _translations.insert(0, (kind, make))


def problem_response(error: Exception, context: Mapping[str, Any]) -> Response:
    """DRF's EXCEPTION_HANDLER. What nobody expected becomes a 500 that tells nothing but is logged in full."""
    problem = _as_api_exception(error)
    if problem is None:
        request = context.get("request")
        log.error("API request failed", path=getattr(request, "path", ""), exc_info=error)
        got_request_exception.send(sender=problem_response, request=getattr(request, "_request", request))
        problem = exceptions.APIException(_("Something unexpected went wrong. It has been recorded."))
    headers = {}
    if auth_header := getattr(problem, "auth_header", None):
        headers["WWW-Authenticate"] = auth_header
    if wait := getattr(problem, "wait", None):
        headers["Retry-After"] = f"{wait:.0f}"
    set_rollback()
    return Response(describe(problem), status=problem.status_code, headers=headers, content_type=CONTENT_TYPE)


def as_problem(error: Exception) -> dict[str, Any] | None:
    """What the API would answer for this error; None when nobody expected it."""
    problem = _as_api_exception(error)
    return None if problem is None else describe(problem)


def describe(problem: exceptions.APIException) -> dict[str, Any]:
    """The body of the answer."""
    status = HTTPStatus(problem.status_code)
    body: dict[str, Any] = {
        "type": f"urn:controlpanel:problem:{_code(problem).replace('_', '-')}",
        "title": status.phrase,
        "status": status.value,
    }
    if isinstance(problem.detail, (dict, list)):
        body["detail"] = _("Some fields are not right.")
        body["errors"] = per_field(problem.detail)
        if list(body["errors"]) == [WHOLE]:
            body["detail"] = " ".join(body["errors"][WHOLE])
    else:
        body["detail"] = str(problem.detail)
    if errors := getattr(problem, "errors", None):
        body["errors"] = errors
    return body


def per_field(detail: Any) -> Errors:
    """Any nesting of messages, flattened to a list of texts for each field of the request."""
    if not isinstance(detail, Mapping):
        return {WHOLE: list(_texts(detail))}
    return {str(field): list(_texts(messages)) for field, messages in detail.items()}


def _texts(detail: Any) -> Iterator[str]:
    if isinstance(detail, Mapping):
        for key, messages in detail.items():
            place = _("entry %(number)s") % {"number": int(key) + 1} if str(key).isdigit() else str(key)
            yield from (text if key == WHOLE else f"{place}: {text}" for text in _texts(messages))
    elif isinstance(detail, (list, tuple)):
        for messages in detail:
            yield from _texts(messages)
    else:
        yield str(detail)


def _as_api_exception(error: Exception) -> exceptions.APIException | None:
    if isinstance(error, exceptions.APIException):
        return error
    for kind, make in _translations:
        if isinstance(error, kind):
            return make(error)
    if isinstance(error, (Http404, ObjectDoesNotExist)):
        # Never the exception's own text: it may tell that somebody else's thing exists.
        return exceptions.NotFound()
    if isinstance(error, RequestDataTooBig):
        return Problem(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too_large", _("This is more than the panel reads at once.")
        )
    if isinstance(error, PermissionDenied):
        return exceptions.PermissionDenied()
    if isinstance(error, DjangoValidationError):
        return exceptions.ValidationError(validation_errors(error))
    if isinstance(error, (OperationalError, InterfaceError)):  # PostgreSQL is being restarted, say
        log.error("database away", error=str(error))
        return Unavailable(_("The panel cannot reach its database. Please try again in a few seconds."))
    return None


def validation_errors(error: DjangoValidationError) -> Errors:
    """The messages of a model's or a service's ValidationError, per field."""
    if hasattr(error, "error_dict"):
        return {WHOLE if field == "__all__" else field: messages for field, messages in error.message_dict.items()}
    return {WHOLE: error.messages}


def _code(problem: exceptions.APIException) -> str:
    """One word for the kind of problem. Messages of one text carry their own, and field errors have "invalid"."""
    code = problem.get_codes()
    return code if isinstance(code, str) else problem.default_code
