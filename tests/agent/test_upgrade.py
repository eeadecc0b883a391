"""The agent replaces itself whole, tested, or not at all."""

import base64
import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from controlpanel.agent import upgrade
from controlpanel.agent.errors import Invalid, Rejected
from controlpanel.fleet import packing


def args(content: bytes) -> dict[str, str]:
    return {"sha256": hashlib.sha256(content).hexdigest(), "zipapp_b64": base64.b64encode(content).decode()}


@pytest.fixture
def zipapp(agent):
    path = Path(agent.paths.zipapp)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"the old one")
    return path


def test_replaced_and_the_old_one_kept(agent, zipapp):
    new = packing.pack()
    answer = upgrade.replace(new.as_args(), agent.context)
    assert answer == {"version": new.version, "was": hashlib.sha256(b"the old one").hexdigest()}
    assert zipapp.read_bytes() == new.content
    assert zipapp.with_name("agent.pyz.previous").read_bytes() == b"the old one"
    assert sorted(path.name for path in zipapp.parent.iterdir()) == ["agent.pyz", "agent.pyz.previous"]
    assert upgrade.replace(new.as_args(), agent.context)["was"] == new.version, "another worker was first"


def test_one_that_fails_its_test_is_refused(agent, zipapp):
    for broken in (b"garbage", packing.pack().content[:-5000]):
        with pytest.raises(Rejected):
            upgrade.replace(args(broken), agent.context)
        assert zipapp.read_bytes() == b"the old one"
        assert [path.name for path in zipapp.parent.iterdir()] == ["agent.pyz"]


@pytest.mark.parametrize(
    "bad",
    [
        {},
        {"sha256": "x", "zipapp_b64": ""},
        {"sha256": "0" * 64, "zipapp_b64": "AAAA"},
        {"sha256": "0" * 64, "zipapp_b64": "not base64!"},
        {"sha256": "0" * 64, "zipapp_b64": None},
        {**args(b"x"), "path": "/etc/passwd"},
    ],
)
def test_what_was_not_meant_to_be_sent_is_refused(agent, zipapp, bad):
    with pytest.raises(Invalid):
        upgrade.replace(bad, agent.context)
    assert zipapp.read_bytes() == b"the old one"


def test_the_zipapp_tests_itself(tmp_path):
    new = packing.pack()
    path = tmp_path / "agent.pyz"
    path.write_bytes(new.content)
    done = subprocess.run([sys.executable, "-I", path, "selftest"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["version"] == new.version


def test_same_sources_same_bytes():
    assert packing.pack() == packing.pack()


def test_only_ours_is_packed(tmp_path):
    import io
    import zipfile

    names = zipfile.ZipFile(io.BytesIO(packing.pack().content)).namelist()
    assert {name.split("/")[0] for name in names} == {"__main__.py", "controlpanel"}
    assert all(name.endswith(".py") for name in names)
