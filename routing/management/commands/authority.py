"""``manage.py authority``: the certificate of the local authority, to be trusted by who opens sites before ACME."""

from typing import Any

from django.core.management.base import BaseCommand

from routing import authority


class Command(BaseCommand):
    help = "Print the local certificate authority's certificate (PEM)."

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(authority.current().certificate_pem, ending="")
