"""``manage.py enroll``: take a Debian host into the fleet."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from controlpanel.fleet import channel, enrolment, inline
from controlpanel.fleet.choices import Role


class Command(BaseCommand):
    help = (
        "Take a Debian host into the fleet, or take it in again after it was rebuilt: pin its host key, install the "
        "agent and the packages of its roles, and send it everything that it should hold."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="the panel's name for it: lower-case letters, digits, hyphens")
        parser.add_argument("address", help="its IP address")
        parser.add_argument("--role", action="append", required=True, choices=Role.values, help="may be given often")
        parser.add_argument("--user", default="root", help="root, or who may run sudo without a password (root)")
        parser.add_argument("--identity", help="private key file of that user; without it the keys of your ssh-agent")
        parser.add_argument("--host-key", help='its public host key ("ssh-ed25519 AAAA…"); without it the one it shows')
        parser.add_argument("--port", type=int, default=22, help="of its SSH server (22)")
        parser.add_argument("--no-resync", action="store_true", help="do not send it what it should hold")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            host = enrolment.enroll(
                options["name"],
                options["address"],
                options["role"],
                port=options["port"],
                user=options["user"],
                identity=options["identity"],
                host_key=options["host_key"],
                report=self.stdout.write,
            )
            if options["no_resync"]:
                return
            operation = enrolment.resync(host)
            if operation is None:
                self.stdout.write(f"{host.name} is fenced off: it gets nothing before it is readmitted.")
            elif not inline.follow(operation, self.stdout.write):
                raise CommandError(
                    f"{host.name} is enrolled, but does not hold all that it should. Mend the cause, then run: "
                    f"manage.py resync {host.name}"
                )
            else:
                self.stdout.write(self.style.SUCCESS(f"{host.name} is enrolled and holds what it should."))
        except enrolment.EnrolmentError as error:
            raise CommandError(str(error)) from error
        finally:
            channel.close_all()
