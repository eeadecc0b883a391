"""All endpoints of the API, found by themselves: what is added later is walked too."""

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
        """Its path for that row; other parameters (a step's position) are 0."""
        return (
            self.path.replace(ID_PARAMETER, str(row.pk))
            .replace("{position}", "0")
            .replace("{user}", "nobody")
            .replace("{dump}", "0")
        )


def all_endpoints() -> list[Endpoint]:
    found = []
    for path, _regex, method, callback in EndpointEnumerator().get_api_endpoints():
        found.append(Endpoint(path.replace("{pk}", ID_PARAMETER), method, callback.cls))
    assert found
    return found


ALL = [endpoint for endpoint in all_endpoints() if not endpoint.path.endswith(("/schema/", "/docs/"))]
OF_ONE_ROW = [endpoint for endpoint in ALL if ID_PARAMETER in endpoint.path]
LISTS = [
    endpoint
    for endpoint in ALL
    if endpoint.method == "GET" and "{" not in endpoint.path and "/me/" not in endpoint.path
]


def schema() -> dict[str, Any]:
    """The OpenAPI document."""
    document: dict[str, Any] = SchemaGenerator().get_schema(public=True)
    return document
