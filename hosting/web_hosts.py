"""What web hosts must know besides their sites: which edges they answer."""

from django.db import transaction

from controlpanel.operations import services as operations
from controlpanel.operations.models import Operation
from routing import selectors as routing_selectors

from .models import WebBase


@transaction.atomic
def web_base() -> WebBase:
    """The edges as web hosts should know them. Raises the revision when they are others than when last asked."""
    edges = sorted(edge.address for edge in routing_selectors.edges())
    base = WebBase.objects.filter(pk=1).first()
    if base is not None and base.edges == edges:
        return base
    base, created = WebBase.objects.select_for_update().get_or_create(pk=1, defaults={"edges": edges})
    if not created and base.edges != edges:
        base.edges = edges
        base.revision += 1
        base.save(update_fields=["edges", "revision"])
    return base


@transaction.atomic
def sync_if_needed() -> Operation | None:
    """Tell every web host which edges there are, if that has changed since it was last looked at."""
    before = WebBase.objects.filter(pk=1).values_list("revision", flat=True).first()
    if web_base().revision == before:
        return None
    return operations.start("hosting.sync_web_hosts", {}, scopes=[])
