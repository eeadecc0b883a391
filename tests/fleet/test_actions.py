"""Steps that speak to hosts: what they make of the agent's answers."""

import pytest

from controlpanel.fleet.actions import LISTED, raise_for_items
from controlpanel.operations.errors import NotNow, Refused


def item(id: str, status: str = "failed", code: str = "failed", **more) -> dict:
    return {"kind": "site", "id": id, "status": status, "code": code, "reason": f"reason {id}", **more}


def test_good_items_raise_nothing():
    raise_for_items({"items": [{"kind": "site", "id": "1", "status": "ok"}, {"status": "unchanged"}]}, "web1")
    raise_for_items({}, "web1")


def test_the_first_trouble_names_the_code_and_all_are_listed_for_staff():
    with pytest.raises(Refused) as raised:
        raise_for_items(
            {"items": [{"status": "ok"}, item("2", "refused", "stale_revision"), item("3", output="x")]}, "web1"
        )
    error = raised.value
    assert error.code == "stale_revision"
    assert error.params == {"host": "web1", "kind": "site", "id": "2", "reason": "reason 2"}
    assert error.output.splitlines() == ["site 2 stale_revision reason 2", "site 3 failed reason 3 x"]


def test_a_long_list_is_cut():
    with pytest.raises(Refused) as raised:
        raise_for_items({"items": [item(str(number)) for number in range(LISTED + 5)]}, "web1")
    assert raised.value.output.splitlines()[-1] == "… and 5 more"


def test_a_busy_host_is_asked_again():
    with pytest.raises(NotNow):
        raise_for_items({"items": [item("1", code="occupied")]}, "web1")
