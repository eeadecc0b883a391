"""``manage.py resync``: bring hosts back to exactly what the database says."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from controlpanel.fleet import channel, inline, selectors, services


class Command(BaseCommand):
    help = "Send hosts everything that they should hold, and take away what they should not. Data is never removed."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("hosts", nargs="*", metavar="HOST")
        parser.add_argument("--all", action="store_true", help="every host that is not fenced")
        wait = inline.PATIENCE
        parser.add_argument("--wait", type=float, default=wait, help=f"seconds for a host that is away ({wait:g})")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["all"] == bool(options["hosts"]):
            raise CommandError("Name the hosts, or give --all.")
        try:
            hosts = selectors.hosts_named(options["hosts"]) if options["hosts"] else selectors.unfenced()
            operation = services.resync(hosts)
        except (selectors.UnknownHost, services.NotAllowed) as error:
            raise CommandError(str(error)) from error
        try:
            done = inline.follow(operation, self.stdout.write, patience=options["wait"])
        finally:
            channel.close_all()
        if not done:
            raise CommandError("Not every host holds what it should; see above.")
        self.stdout.write(self.style.SUCCESS(f"In line: {', '.join(host.name for host in hosts)}"))
