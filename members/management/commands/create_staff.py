"""The first login of a new installation: somebody of the staff, who makes all others in the panel."""

import getpass
import sys
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from controlpanel.operations.errors import DirectoryAway, Refused, explain
from members import services
from members.choices import Role
from members.models import Login


class Command(BaseCommand):
    help = (
        "Create a login with staff access (or give staff access to a login), with its password in the directory. "
        "The password is asked for, or read from standard input when that is not a terminal."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username")
        parser.add_argument("--name", default="", help="full name")
        parser.add_argument("--email", default="")

    def handle(self, *args: Any, username: str, name: str, email: str, **options: Any) -> None:
        password = self._password()
        try:
            with transaction.atomic():
                login = Login.objects.filter(username=username).first()
                if login is None:
                    login, _operation = services.create_login(
                        username=username, name=name, email=email, password=password
                    )
                else:
                    services.set_password(login=login, password=password)
                services.grant(login=login, role=Role.STAFF)
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from None
        except DirectoryAway as away:
            raise CommandError(f"The directory does not answer, so nothing was made. {away.output}") from None
        except Refused as refused:
            raise CommandError(f"Nothing was made. {explain(refused.as_trouble())}") from None
        self.stdout.write(f"{username} is staff and can log in.")

    def _password(self) -> str:
        if not sys.stdin.isatty():
            return sys.stdin.readline().rstrip("\n")
        password = getpass.getpass("Password: ")
        if getpass.getpass("Once more: ") != password:
            raise CommandError("The two are not the same.")
        return password
