"""For the day when nobody of the staff can log in any more: whoever has a shell on the panel lets one in."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from members import services
from members.models import Login


class Command(BaseCommand):
    help = "Take all second factors of a login away: its password alone opens the panel again."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username")

    def handle(self, *args: Any, username: str, **options: Any) -> None:
        login = Login.objects.filter(username=username).first()
        if login is None:
            raise CommandError(f"There is no login {username}.")
        services.reset_second_factor(login=login)
        self.stdout.write(f"{username} logs in with the password alone now.")
