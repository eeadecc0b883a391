"""``manage.py drift``: where hosts differ from what the database says."""

import json
import sys
from argparse import ArgumentParser
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import connection

from controlpanel.fleet import channel, selectors, services
from controlpanel.fleet.models import DriftReport, Host

#: Hosts that are compared at the same time.
AT_ONCE = 8


class Command(BaseCommand):
    help = (
        "Compare hosts (all, or those named) with what the database says, changing nothing. Exit status 1 when "
        "something differs or a host could not be compared."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("hosts", nargs="*", metavar="HOST")
        parser.add_argument("--json", action="store_true", help="for programs")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            hosts = selectors.hosts_named(options["hosts"]) if options["hosts"] else list(Host.objects.all())
        except selectors.UnknownHost as error:
            raise CommandError(str(error)) from error
        try:
            with ThreadPoolExecutor(AT_ONCE) as pool:
                reports = list(pool.map(_compare, hosts))
        finally:
            channel.close_all()
        if options["json"]:
            self.stdout.write(json.dumps([_as_json(report) for report in reports], indent=1))
        else:
            self._tell(reports)
        if any(report.differences or report.error for report in reports):
            sys.exit(1)

    def _tell(self, reports: list[DriftReport]) -> None:
        for report in reports:
            name = report.host.name
            if report.error:
                self.stdout.write(f"{name}: could not be compared. {report.error}")
            elif not report.differences:
                self.stdout.write(f"{name}: as it should be")
            for item in report.differences:
                detail = f" ({item['detail']})" if item.get("detail") else ""
                self.stdout.write(f"{name}: {item['kind']} {item['id']} is {item['problem']}{detail}")
        differing = [report.host.name for report in reports if report.differences]
        if differing:
            self.stdout.write(f"Mend it with: manage.py resync {' '.join(differing)}")


def _compare(host: Host) -> DriftReport:
    try:
        return services.drift_of(host)
    finally:
        connection.close()  # this thread's own


def _as_json(report: DriftReport) -> dict[str, Any]:
    return {
        "host": report.host.name,
        "checked": report.checked.isoformat(),
        "differences": report.differences,
        "error": report.error,
    }
