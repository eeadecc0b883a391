"""Packs the agent into one zipapp: the same sources give the same bytes, so that its SHA-256 is its version."""

import base64
import hashlib
import io
import zipfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

SOURCE = Path(__file__).resolve().parent.parent / "agent"
#: Modules keep their names, so that a trace back from a host reads as one from here.
_MAIN = b"from controlpanel.agent.main import main\n\nraise SystemExit(main())\n"
_EPOCH = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True)
class Zipapp:
    """The packed agent; ``version`` is its SHA-256 in hexadecimal."""

    content: bytes
    version: str

    def as_args(self) -> dict[str, str]:
        """Arguments of the agent's ``upgrade`` call."""
        return {"sha256": self.version, "zipapp_b64": base64.b64encode(self.content).decode()}


def pack(source: Path = SOURCE) -> Zipapp:
    """Pack the sources as they are on disk now. Stored, not compressed: compressors differ between versions."""
    files = {"__main__.py": _MAIN, "controlpanel/__init__.py": b""}
    for path in sorted(source.rglob("*.py")):
        files[f"controlpanel/agent/{path.relative_to(source).as_posix()}"] = path.read_bytes()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(files):
            info = zipfile.ZipInfo(name, date_time=_EPOCH)
            info.create_system = 3
            info.external_attr = 0o644 << 16
            archive.writestr(info, files[name])
    content = buffer.getvalue()
    return Zipapp(content, hashlib.sha256(content).hexdigest())


@cache
def current() -> Zipapp:
    """The agent that this process brings with it: what its sources were when it first asked."""
    return pack()
