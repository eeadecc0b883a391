"""A member's click is answered in the same time whether all hosts are up or all are cut off."""

from tests.bench import results
from tests.bench.timing import percentile, timed
from tests.panel import Panel, fresh_name, lab

CLICKS = 30


def clicks(panel: Panel) -> tuple[list[float], list[dict]]:
    times, answers = [], []
    order = panel.member.first_order()
    for _ in range(CLICKS):
        data = {"order": order, "kind": "static", "domains": [fresh_name("click")]}
        seconds, answer = timed(lambda data=data: panel.member.post("sites/", data))
        times.append(seconds)
        answers.append(answer)
    return times, answers


def clean_up(panel: Panel, answers: list[dict]) -> None:
    for answer in answers:
        panel.member.wait(answer, seconds=300)
        panel.member.delete(f"sites/{answer['site']['id']}/")


def main() -> None:
    panel = Panel.running()
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
    results.write(
        "click",
        what="POST /api/v1/sites/ answered, hosts up and hosts cut off",
        numbers={
            "up_p95_ms": round(percentile(up, 95) * 1000, 1),
            "cut_off_p95_ms": round(percentile(away, 95) * 1000, 1),
        },
        rival="the same click with all hosts up",
        ratio=round(percentile(away, 95) / percentile(up, 95), 2),
    )


if __name__ == "__main__":
    main()
