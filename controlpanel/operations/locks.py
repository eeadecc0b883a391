"""Advisory locks that give reservations an order."""

from collections.abc import Iterable
from zlib import crc32

from django.db import connection

#: First half of the two-part lock number: keeps our locks apart from anybody else's.
_SPACE = 0x0CE5


def lock_resources(resources: Iterable[str]) -> None:
    """Hold, until this transaction ends, one lock a resource; sorted, so that two callers cannot deadlock.

    A CRC collision only makes two strangers wait for each other for a moment.
    """
    numbers = sorted({crc32(resource.encode()) - 2**31 for resource in resources})
    with connection.cursor() as cursor:
        # One after the other in the order of the array; a whole host's worth in one round trip.
        cursor.execute("SELECT pg_advisory_xact_lock(%s, number) FROM unnest(%s::int[]) number", [_SPACE, numbers])
