"""`manage.py lab …`: needs no database, no secret and no env file; it makes them."""

import argparse
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from controlpanel.lab import cli


class Command(BaseCommand):
    help = "Drives the lab: real Debian hosts on this machine."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        cli.add_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        cli.main(argparse.Namespace(**options))
