"""``manage.py prune_audit --older-than 3650``: the one way by which entries leave the record."""

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import connection, transaction
from django.utils import timezone

from controlpanel.audit import services
from controlpanel.audit.choices import Verb
from controlpanel.audit.models import Entry

#: Days: nothing younger is ever removed.
LEAST = 365


class Command(BaseCommand):
    help = (
        "Remove old entries of the audit for good, and write down that it was done. Runs as the owner of the table: "
        "for the length of one transaction it lifts the trigger that refuses every removal."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--older-than", type=int, required=True, metavar="DAYS", help=f"at least {LEAST}")
        parser.add_argument("--yes", action="store_true", help="do it; without it only say how many there are")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["older_than"] < LEAST:
            raise CommandError(f"Entries of the last {LEAST} days stay.")
        before = timezone.now() - timedelta(days=options["older_than"])
        old = Entry.objects.filter(time__lt=before)
        if not options["yes"]:
            self.stdout.write(f"{old.count()} entries are older than {before:%Y-%m-%d}. --yes removes them for good.")
            return
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("ALTER TABLE audit_entry DISABLE TRIGGER audit_append_only")
            count = old._raw_delete(old.db)
            cursor.execute("ALTER TABLE audit_entry ENABLE TRIGGER audit_append_only")
            services.note(Verb.PRUNED, "audit.record:all", detail={"before": before.isoformat(), "entries": count})
        self.stdout.write(f"{count} entries removed.")
