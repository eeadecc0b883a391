"""Pages of a database's dumps: made now, downloaded, gone back to. Others' is 404."""

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.utils import formats
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from members.reauthentication import recently_authenticated

from .. import services
from ..databases.downloads import download
from ..databases.errors import NoSuchDump
from ..models import Database, DatabaseDump
from .common import page
from .databases import confirmed, database_or_404


def _dump_or_404(request: HttpRequest, pk: int, dump: int) -> DatabaseDump:
    """The dump, when whoever asks may see its database. Raises DumpAway when its host does not answer."""
    try:
        return services.dump_for(request.user, pk, dump)
    except (Database.DoesNotExist, NoSuchDump):
        raise Http404 from None


@never_cache
@login_required
@page
def database_dump(request: HttpRequest, pk: int) -> HttpResponse:
    """Make a dump now."""
    database = database_or_404(request, pk)
    return confirmed(
        request,
        database,
        lambda **common: services.dump_database(request.user, database, **common),
        heading=_("Dump %(database)s now?") % {"database": database.name},
        button=_("Dump it now"),
        consequences=[
            _("It goes on serving. The dump is what is in it at one moment."),
            _("It takes the place of the last one that was asked for. Regular dumps go on beside it."),
        ],
    )


@never_cache
@login_required
@require_GET
@page
def database_dump_download(request: HttpRequest, pk: int, dump: int) -> HttpResponseBase:
    """The file. What it streams is asynchronous; this itself is not."""
    return download(_dump_or_404(request, pk, dump))


@never_cache
@login_required
@recently_authenticated
@page
def database_return(request: HttpRequest, pk: int, dump: int) -> HttpResponse:
    """Back to what it was at a dump."""
    found = _dump_or_404(request, pk, dump)
    database = database_or_404(request, pk)
    moment = formats.date_format(found.made, "SHORT_DATETIME_FORMAT") + " UTC"
    return confirmed(
        request,
        database,
        lambda **common: services.return_to_dump(request.user, database, found.pk, **common),
        heading=_("Bring %(database)s back to %(moment)s?") % {"database": database.name, "moment": moment},
        button=_("Go back to this dump"),
        dangerous=True,
        consequences=[
            _("What was written after that is no longer in it."),
            _("What is in it now is kept for a while. If you need it after all, ask the staff soon."),
            _("Connections are ended once, and for a moment none is taken. Users and passwords stay as they are."),
        ],
    )
