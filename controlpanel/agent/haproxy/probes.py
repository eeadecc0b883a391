"""Asking sites through this edge, as a visitor would: do all these names answer with their sites
(``edge.probe_many``), and what does one's start page say (``edge.visit``)?"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Dict, List

from .. import fields
from ..calls import Context, call
from .calls import PROBE_PATH as PROBE_PATH
from .calls import _ask

#: Asked at a time, and the pause (seconds) between two rounds of asking those that were not right.
PARALLEL = 16
PAUSE = 0.1
MOST = 5000
_LEADS_ON = (301, 302, 307, 308)


@call("edge.probe_many", parallel=True)
def probe_many(args: Dict[str, Any], context: Context) -> Dict[str, Any]:
    """Takes ``{"probes": [{"name", "expect"}], "tls": bool, "wait": seconds}``.

    Each is asked until its body is what is expected, or the time is up. Answers ``{"wrong": {name: why}}``, empty when
    all is well; tells on the way how many are right.
    """
    fields.only(args, ("probes", "tls", "wait"))
    tls = fields.boolean(args, "tls", False)
    raw = fields.list_of(args, "probes", _probe, max=MOST)
    deadline = time.monotonic() + fields.integer(args, "wait", 0, 120, 5)
    wrong: Dict[str, str] = {}
    left: List[Dict[str, Any]] = raw
    with ThreadPoolExecutor(PARALLEL) as pool:
        while True:
            told = list(pool.map(lambda probe: _problem(probe["name"], probe["expect"], tls), left))
            wrong = {probe["name"]: problem for probe, problem in zip(left, told) if problem}  # noqa: B905  # not in Python 3.9
            left = [probe for probe in left if probe["name"] in wrong]
            context.progress({"right": len(raw) - len(left), "of": len(raw)})
            if not left or time.monotonic() > deadline:
                return {"wrong": wrong}
            time.sleep(PAUSE)


def _probe(spec: Dict[str, Any], key: str) -> Dict[str, Any]:
    probe = fields.record(spec, key, ("name", "expect"))
    return {"name": fields.domain_name(probe, "name"), "expect": fields.text(probe, "expect", 200)}


def _problem(name: str, expect: str, tls: bool) -> str:
    answer = _ask(name, tls)
    if answer["status"] == 200 and answer["body"].strip() == expect:
        return ""
    return ("%s %s" % (answer["status"] or "no answer", answer["error"])).strip()


@call("edge.visit", parallel=True)
def visit(args: Dict[str, Any], context: Context) -> Dict[str, Any]:
    """Takes ``{"name"}``, opens its start page, and once more by HTTPS when that is where it leads.

    Answers ``{"status": number or None when nobody answered, "seconds"}``.
    """
    fields.only(args, ("name",))
    name = fields.domain_name(args, "name")
    begun = time.monotonic()
    answer = _ask(name, False, "/")
    if answer["status"] in _LEADS_ON:
        secure = _ask(name, True, "/")
        answer = secure if secure["status"] is not None else answer
    return {"status": answer["status"], "seconds": round(time.monotonic() - begun, 3)}
