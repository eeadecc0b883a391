"""All endpoints of the API, found by themselves: what is added later is walked too."""

import re
from dataclasses import dataclass
from typing import Any

from drf_spectacular.generators import EndpointEnumerator, SchemaGenerator

ID_PARAMETER = "{id}"


@dataclass(frozen=True)
class Endpoint:
    """One method on one path, with the view that answers."""

    path: str
    method: str
    view: Any

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def model(self) -> Any:
        return self.view.queryset.model

    @property
    def collection(self) -> str:
        return self.path.removeprefix("/api/v1/").split("/")[0]

    def url(self, row: Any) -> str:
        """Its path for that row; other parameters (a step's position, a user's name) are 0."""
        return re.sub(r"{\w+}", "0", self.path.replace(ID_PARAMETER, str(row.pk)))


def all_endpoints() -> list[Endpoint]:
    found = []
    for path, _regex, method, callback in EndpointEnumerator().get_api_endpoints():
        found.append(Endpoint(path.replace("{pk}", ID_PARAMETER), method, callback.cls))
    assert found
    return found


#: No collections: the documents, which hold nothing of anybody's, and what has tests of its own (test_search.py).
OTHERS = ("/schema/", "/docs/", "/search/")
ALL = [endpoint for endpoint in all_endpoints() if not endpoint.path.endswith(OTHERS)]
OF_ONE_ROW = [endpoint for endpoint in ALL if ID_PARAMETER in endpoint.path]
LISTS = [
    endpoint
    for endpoint in ALL
    if endpoint.method == "GET"
    and "{" not in endpoint.path
    and "/me/" not in endpoint.path
    and not endpoint.path.endswith(("/csv/", "/jsonl/"))
]


def schema() -> dict[str, Any]:
    """The OpenAPI document."""
    document: dict[str, Any] = SchemaGenerator().get_schema(public=True)
    return document
