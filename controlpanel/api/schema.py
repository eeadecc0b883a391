"""What the OpenAPI schema says of every endpoint, beyond what it can see in the code."""

import re
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

KEY = {
    "in": "header",
    "name": "Idempotency-Key",
    "schema": {"type": "string", "pattern": r"^[\x21-\x7e]{1,80}$"},
    "description": "Chosen by you. The same request with the same key again within a day is not done again: it is "
    "answered the same (with `Idempotency-Replayed: true`), but for passwords and tokens, which are null then. Another "
    "request with that key is a 409. An operation keeps its key for ever.",
}

#: Collections and their rows, of which some fields may be asked for.
_SPARSE = re.compile(r"/api/v1/[a-z-]+/(\{id\}/)?\Z")

#: Statuses that any endpoint may answer with, and those that only some do.
ALWAYS = {"401": "Not logged in.", "403": "Not allowed.", "406": "Only JSON is offered.", "429": "Too many requests."}
WITH_BODY = {
    "413": "The body is too large.",
    "415": "Only JSON is read.",
    "409": "Not possible in the present state.",
    "503": "Try again later.",
}
#: A read that asks a host says so by ``extend_schema(extensions=ASKS_A_HOST)``.
ASKS_A_HOST = {"x-asks-a-host": True}
FROM_A_HOST = {"409": "Not possible in the present state.", "503": "The host does not answer; try again later."}
WITH_ID = {"404": "There is no such thing, or not for you."}
WITH_INPUT = {"400": "Something in the request is not right."}


def describe_problems(result: dict[str, Any], generator: Any, **kwargs: Any) -> dict[str, Any]:
    """drf-spectacular postprocessing hook: what every operation has in common."""
    schemas = result.setdefault("components", {}).setdefault("schemas", {})
    schemas["Problem"] = PROBLEM
    for path, methods in result.get("paths", {}).items():
        for method, operation in methods.items():
            if any(parameter["name"] == "preview" for parameter in operation.get("parameters", [])):
                operation["responses"].setdefault("200", PREVIEW)
            writes = method in ("post", "put", "patch", "delete")
            if writes:
                operation.setdefault("parameters", []).append(KEY)
            elif _SPARSE.match(path):
                _describe_fields(operation, schemas)
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


def _describe_fields(operation: dict[str, Any], schemas: dict[str, Any]) -> None:
    """``?fields=``, and that an answer may then have fewer."""
    content = operation["responses"]["200"]["content"]["application/json"]
    name = content["schema"]["$ref"].rsplit("/", 1)[1]
    place = content
    if name.startswith("Paginated"):
        place = schemas[name]["properties"]["results"]
        name = (place["items"].get("$ref") or place["items"]["anyOf"][0]["$ref"]).rsplit("/", 1)[1]
    sparse = f"Sparse{name}"
    schemas[sparse] = {key: value for key, value in schemas[name].items() if key != "required"}
    schemas[sparse]["description"] = f"Some fields of {name}, as ?fields= asked for."
    either = {"anyOf": [{"$ref": f"#/components/schemas/{kind}"} for kind in (name, sparse)]}
    place["items" if place is not content else "schema"] = either
    operation.setdefault("parameters", []).append(
        {
            "in": "query",
            "name": "fields",
            "schema": {"type": "string"},
            "description": f"Only these, with commas between them: {', '.join(schemas[name]['properties'])}.",
        }
    )
