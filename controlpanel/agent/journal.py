"""One line in the host's journal for each call that an operation or a request of the panel is the reason for::

    journalctl -t controlpanel-agent

Names and numbers only: what a call is about may be secret.
"""

from __future__ import annotations

import re
import syslog
from typing import Any, Dict, List

_ID = re.compile(r"\A[A-Za-z0-9]{1,64}\Z")
_NAME = re.compile(r"\A[a-z0-9_.]{1,80}\Z")


def note(request: Dict[str, Any], outcome: str, took: float) -> None:
    """``outcome``: "ok", or the code of an error; ``took`` seconds. Never raises for what stands in the request."""
    reasons = request.get("for")
    if not isinstance(reasons, dict):
        return
    words: List[str] = []
    for name in ("operation", "request"):
        value = str(reasons.get(name, ""))
        if _ID.match(value):
            words.append(f"{name}={value}")
    call = str(request.get("call"))
    if words and _NAME.match(call):
        syslog.openlog("controlpanel-agent")
        words = [f"call={call}", *words, f"outcome={outcome}", f"took_ms={took * 1000:.0f}"]
        syslog.syslog(syslog.LOG_INFO, " ".join(words))
