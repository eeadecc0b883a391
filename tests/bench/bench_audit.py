"""What the audit costs: a site's edit with its triggers and without, and the views of a record of a million entries.

In a database of its own, which goes again.
"""

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "controlpanel.settings")
django.setup()

from django.db import connection, transaction  # noqa: E402

from controlpanel.audit import context, selectors  # noqa: E402
from controlpanel.audit.models import Entry  # noqa: E402
from controlpanel.audit.trail import trails  # noqa: E402
from hosting import services  # noqa: E402
from hosting.models import Site  # noqa: E402
from members.models import Login  # noqa: E402
from tests import factories as make  # noqa: E402
from tests.bench.results import record  # noqa: E402

MEMBERS = 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--edits", type=int, default=150)
    parser.add_argument("--keep", action="store_true", help="record nothing")
    options = parser.parse_args()
    connection.settings_dict["TEST"]["NAME"] = "bench_audit"
    connection.creation.create_test_db(verbosity=0, autoclobber=True)
    try:
        found = {**edit(options.edits), **views(options.rows)}
    finally:
        connection.creation.destroy_test_db("bench_audit", verbosity=0)
    print(json.dumps(found, indent=1))
    if not options.keep:
        record("audit", numbers=found, notes=f"{options.rows} entries of {MEMBERS} members; medians")


def edit(times: int) -> dict[str, Any]:
    """Milliseconds of one edit of a site that adds a name, with triggers and without, taking turns."""
    with transaction.atomic():
        login = make.MemberAdminFactory()
        site = make.SiteFactory(order=make.HostingOrderFactory(member=login.member), placed=True)
        taken: dict[bool, list[float]] = {True: [], False: []}
        for number in range(2 * times):
            audited = bool(number % 2)
            _switch(audited)
            taken[audited].append(_edit(login, site, number))
        transaction.set_rollback(True)
    with_it, without = (statistics.median(taken[audited][10:]) for audited in (True, False))
    return {
        "edit_ms": round(with_it, 2),
        "edit_without_ms": round(without, 2),
        "costs_percent": round(100 * (with_it / without - 1), 1),
    }


def _edit(login: Login, site: Site, number: int) -> float:
    begun = time.perf_counter()
    with context.acting(lambda: {**context.person(login), "from": "192.0.2.1"}), transaction.atomic():
        services.edit_site(login, site, domains=[site.primary, f"more{number}.example.org"], php_workers=1 + number % 9)
    return 1000 * (time.perf_counter() - begun)


def _switch(on: bool) -> None:
    """The triggers, and what is told to the database beside each write."""
    tables = {trail.table for trail in trails.by_kind.values()}
    trails.tables = tables if on else set()
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for table in sorted(tables):
            cursor.execute(f'ALTER TABLE "{table}" {"ENABLE" if on else "DISABLE"} TRIGGER USER')


def views(rows: int) -> dict[str, Any]:
    """Milliseconds of a page of a member's history, of a thing's, of a person's deeds, and of staff's list."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO audit_entry (time, transaction, verb, actor_id, actor, actor_is_staff, impersonator, token, via,
                request, object, label, about, about_label, scopes, before, after)
            SELECT now() - n * interval '1 minute', n, 'changed', n %% 2500, 'somebody', false, '', '', 'web', '',
                'hosting.site:' || n %% 4000, 'x', 'hosting.site:' || n %% 4000, 'x',
                ARRAY['member:' || n %% %(members)s, 'order:' || n %% 4000], '{"php_workers": 4}', '{"php_workers": 5}'
            FROM generate_series(1, %(rows)s) AS n
            """,
            {"rows": rows, "members": MEMBERS},
        )
        cursor.execute("ANALYZE audit_entry")
        everything = Entry.objects.order_by("-id")
        member = everything.filter(scopes__overlap=["member:7", "login:7"])
        small = everything.filter(scopes__overlap=["order:77", "login:7"])
        middle = Entry.objects.order_by("id")[rows // 2].pk
        asked: dict[str, Any] = {
            "member": member,
            "member_deep": member.filter(pk__lt=middle),
            "order": small,
            "thing": everything.filter(about="hosting.site:77"),
            "thing_of_member": member.filter(about="hosting.site:1007"),
            "person": everything.filter(actor_id=77),
            "staff": everything,
            "staff_deep": everything.filter(pk__lt=middle),
        }
        found = {
            f"{name}_ms": _median(lambda query=query: selectors.with_operations(list(query[:51])))
            for name, query in asked.items()
        }
        transaction.set_rollback(True)
    return found


def _median(work: Callable[[], object], times: int = 15) -> float:
    taken = []
    for _ in range(times):
        begun = time.perf_counter()
        work()
        taken.append(1000 * (time.perf_counter() - begun))
    return round(statistics.median(taken), 2)


if __name__ == "__main__":
    main()
