"""Dumps of databases, handed out: read from their host piece by piece, never kept here."""

import asyncio
import base64
from collections.abc import AsyncIterator

from django.http import StreamingHttpResponse

from controlpanel.fleet import channel
from controlpanel.fleet.choices import HostState

from ..choices import DatabaseEngine
from ..models import DatabaseDump
from .errors import DumpAway

#: Seconds for one piece.
_PATIENCE = 30.0
#: What a dump is, unpacked: PostgreSQL's is for ``pg_restore``.
_ENDINGS = {DatabaseEngine.MARIADB: "sql.gz", DatabaseEngine.POSTGRESQL: "dump.gz"}


def name_of(dump: DatabaseDump) -> str:
    """What its file is called by who downloads it."""
    database = dump.database
    return f"{database.name}-{dump.made:%Y-%m-%d-%H%M}.{_ENDINGS[DatabaseEngine(database.engine)]}"


def download(dump: DatabaseDump) -> StreamingHttpResponse:
    """The answer that hands out a dump. Raises DumpAway when its host cannot be asked.

    It tells its length: when it breaks off in the middle, whoever downloads it sees so.
    """
    if not dump.host.reachable or dump.host.state == HostState.FENCED:
        raise DumpAway
    response = StreamingHttpResponse(_pieces(dump), content_type="application/gzip")
    response["Content-Length"] = str(dump.size_bytes)
    response["Content-Disposition"] = f'attachment; filename="{name_of(dump)}"'
    response["X-Content-Type-Options"] = "nosniff"
    return response


async def _pieces(dump: DatabaseDump) -> AsyncIterator[bytes]:
    args = {"name": dump.database.name, "engine": dump.database.engine, "dump": dump.label, "sha256": dump.sha256}
    offset = 0
    while offset < dump.size_bytes:
        call = channel.call(dump.host, "database.read_dump", {**args, "offset": offset}, timeout=_PATIENCE, quick=True)
        data = base64.b64decode((await asyncio.wrap_future(call))["data"])
        if not data:
            raise DumpAway
        offset += len(data)
        yield data
