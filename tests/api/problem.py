"""What every error answer must look like."""

from typing import Any


def assert_problem(response: Any, status: int, *fields: str) -> dict[str, Any]:
    """Check that the answer is a problem document with that status, and (only) those fields in ``errors``."""
    assert response.status_code == status, response.content
    assert response["Content-Type"] == "application/problem+json"
    body: dict[str, Any] = response.json()
    assert {"type", "title", "status", "detail"} <= body.keys()
    assert body["status"] == status
    assert body["detail"]
    assert set(body.get("errors", {})) == set(fields)
    for texts in body.get("errors", {}).values():
        assert texts and all(isinstance(text, str) for text in texts)
    return body
