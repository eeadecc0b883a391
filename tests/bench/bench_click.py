"""A member's click is answered in the same time whether all hosts are up or all are cut off."""

import time

from tests.bench import results
from tests.panel import Panel, fresh_name, lab

CLICKS = 30


def clicks(panel: Panel) -> tuple[list[float], list[dict]]:
    times, answers = [], []
    order = panel.member.first_order()
    for _ in range(CLICKS):
        data = {"order": order, "kind": "static", "domains": [fresh_name("click")]}
        begin = time.perf_counter()
        answers.append(panel.member.post("sites/", data))
        times.append(time.perf_counter() - begin)
    return times, answers


def clean_up(panel: Panel, answers: list[dict]) -> None:
    for answer in answers:
        panel.member.wait(answer, seconds=300)
        panel.member.wait(panel.member.delete(f"sites/{answer['site']['id']}/"))


def main() -> None:
    panel = Panel.running()
    panel.make_room()
    hosts = [name for name in panel.hosts if name.startswith(("edge", "web", "store", "dir"))]
    up, answers = clicks(panel)
    clean_up(panel, answers)
    for host in hosts:
        lab("cut", host)
    try:
        away, answers = clicks(panel)
    finally:
        for host in hosts:
            lab("rejoin", host)
    clean_up(panel, answers)
    here, gone = results.summary(up), results.summary(away)
    results.record(
        "click",
        numbers={"hosts_cut_off_s": gone},
        rivals={"the same click with all hosts up": {"answered_s": here}},
        ratios={"p95": round(here["p95"] / gone["p95"], 2)},
        notes="POST /api/v1/sites/ until its 202; every edge, web, storage and directory host without its network",
    )


if __name__ == "__main__":
    main()
