"""`manage.py run_panel`: what `make run`, `make test` and `make bench` do after the installation."""

import argparse
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from controlpanel.lab import panel
from controlpanel.lab.errors import LabError
from controlpanel.lab.progress import Progress


class Command(BaseCommand):
    help = (
        "Bring the lab up, prepare it, and serve the panel until Ctrl-C; or, with a command after --, run that beside "
        "the panel and stop with its exit code."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("command", nargs=argparse.REMAINDER, metavar="-- COMMAND")

    def handle(self, *args: Any, command: list[str], **options: Any) -> None:
        beside = [word for index, word in enumerate(command) if index or word != "--"]
        try:
            if beside:
                sys.exit(panel.run_beside(beside, Progress()))
            panel.run(Progress())
        except LabError as error:
            sys.exit(f"panel: {error}")
        except KeyboardInterrupt:
            sys.exit(130 if beside else 0)  # Ctrl-C is how `make run` ends, and no way for a test run to end well
