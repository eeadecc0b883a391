"""What the OpenAPI schema says of every endpoint, beyond what it can see in the code."""

from typing import Any

from .problems import CONTENT_TYPE

PROBLEM = {
    "type": "object",
    "description": "What went wrong (RFC 9457).",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "In the reader's language (Accept-Language)."},
        "errors": {
            "type": "object",
            "description": "Texts for each field of the request.",
            "additionalProperties": {"type": "array", "items": {"type": "string"}},
        },
    },
}

PREVIEW = {
    "description": "With ?preview=1: what would come of it, and the steps that it would take. Nothing was changed.",
    "content": {
        "application/json": {
            "schema": {
                "type": "object",
                "required": ["operation"],
                "properties": {
                    "preview": {"type": "boolean"},
                    "operation": {
                        "type": "object",
                        "nullable": True,
                        "description": "As an operation reads, with the state “planned”; it has no id and no url.",
                        "additionalProperties": {},
                    },
                },
                "additionalProperties": {},
            }
        }
    },
}

#: Statuses that any endpoint may answer with, and those that only some do.
ALWAYS = {"401": "Not logged in.", "403": "Not allowed.", "406": "Only JSON is offered.", "429": "Too many requests."}
WITH_BODY = {"415": "Only JSON is read.", "409": "Not possible in the present state.", "503": "Try again later."}
#: A read that asks a host says so by ``extend_schema(extensions=ASKS_A_HOST)``.
ASKS_A_HOST = {"x-asks-a-host": True}
FROM_A_HOST = {"409": "Not possible in the present state.", "503": "The host does not answer; try again later."}
WITH_ID = {"404": "There is no such thing, or not for you."}
WITH_INPUT = {"400": "Something in the request is not right."}


def describe_problems(result: dict[str, Any], generator: Any, **kwargs: Any) -> dict[str, Any]:
    """drf-spectacular postprocessing hook: add the problem answers to every operation."""
    result.setdefault("components", {}).setdefault("schemas", {})["Problem"] = PROBLEM
    for _path, methods in result.get("paths", {}).items():
        for method, operation in methods.items():
            if any(parameter["name"] == "preview" for parameter in operation.get("parameters", [])):
                operation["responses"].setdefault("200", PREVIEW)
            writes = method in ("post", "put", "patch", "delete")
            # A collection answers 404 for a page that it does not have, and for others' ids in a body.
            statuses = ALWAYS | WITH_INPUT | WITH_ID | (WITH_BODY if writes else {})
            statuses |= FROM_A_HOST if "x-asks-a-host" in operation else {}
            for status, description in statuses.items():
                operation["responses"].setdefault(
                    status,
                    {
                        "description": description,
                        "content": {CONTENT_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
                    },
                )
    return result
