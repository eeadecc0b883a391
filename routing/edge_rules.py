"""Edge rules of sites: rows only. Hosting checks what members want, calls these, and starts the operation.

Like a shield, they are no mode of a site: they stay while it is moved, held, quarantined or disabled, and may be
changed meanwhile.
"""

import base64
import hmac
import secrets
from collections.abc import Collection, Iterable
from typing import Any

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from . import selectors
from .choices import HttpsPolicy
from .models import EdgeRules, EdgeRulesKey, Route

#: What may be set; the agent checks the same.
MOST_REDIRECTS, MOST_RULES, MOST_NETWORKS, MOST_DOORS, MOST_USERS, MOST_PATHS = 2000, 100, 500, 50, 200, 20
LONGEST_PATH, MOST_PARTS, LONGEST_TARGET, LONGEST_REALM, LONGEST_TEXT = 200, 16, 1000, 80, 1000
#: Seconds: two years, which is what browsers' own lists ask for.
LONGEST_AGE = 63_072_000
STATUSES = (301, 302, 307, 308)


def rules_of(site_id: int) -> EdgeRules:
    """The site's rules; none at all, and not saved, where it never had any."""
    return EdgeRules.objects.filter(site_id=site_id).first() or EdgeRules(site_id=site_id)


@transaction.atomic
def locked(site_id: int) -> EdgeRules:
    """The same to be changed in this transaction, by ``set_rules``."""
    return EdgeRules.objects.select_for_update().get_or_create(site_id=site_id)[0]


@transaction.atomic
def set_rules(site_id: int, **changes: Any) -> EdgeRules:
    """Change what is given (fields of EdgeRules), and raise the revision when that changes anything. Values were
    checked."""
    rules = locked(site_id)
    before = (rules.spec, rules.removed, rules.revision > 0)
    for name, value in changes.items():
        setattr(rules, name, value)
    rules.removed = False
    rules.https_names = _names(rules)
    if before != (rules.spec, False, True):
        rules.revision += 1
        rules.changed = timezone.now()
    rules.save()
    return rules


@transaction.atomic
def follow_names(site_id: int) -> bool:
    """The site has other names, other certificates, or is back: the names that are led to HTTPS follow. Whether edges
    are to be told anything."""
    rules = EdgeRules.objects.select_for_update().filter(site_id=site_id, revision__gt=0).first()
    if rules is None:
        return False
    names = _names(rules)
    if (rules.https_names, rules.removed) == (names, False):
        return False
    rules.https_names, rules.removed, rules.revision = names, False, rules.revision + 1
    rules.save(update_fields=["https_names", "removed", "revision"])
    return True


def behind_certificates(names: Collection[str] | None = None) -> list[int]:
    """Sites whose certificates are others than when edges were last told of their rules: all such, or only those with
    one of these names."""
    due = EdgeRules.objects.filter(removed=False, revision__gt=0).exclude(https=HttpsPolicy.OFF)
    if names is not None:
        due = due.filter(site_id__in=Route.objects.filter(name__in=names).values("backend__site_id"))
    known = dict(due.values_list("site_id", "https_names"))
    valid = selectors.names_with_certificates(known)
    return sorted(site for site, names in known.items() if sorted(valid.get(site, ())) != names)


def remove(site_id: int) -> None:
    """The site is gone from the edges."""
    EdgeRules.objects.filter(site_id=site_id, removed=False, revision__gt=0).update(
        removed=True, revision=F("revision") + 1
    )


def forget(site_ids: Iterable[int]) -> None:
    """These sites are gone for good."""
    EdgeRules.objects.filter(site_id__in=list(site_ids)).delete()


def key() -> EdgeRulesKey:
    """The secret that all edges look passwords up with; made at the first need."""
    found = EdgeRulesKey.objects.filter(pk=1).first()
    if found is None:
        fresh = base64.b64encode(secrets.token_bytes(32)).decode()
        found, _created = EdgeRulesKey.objects.get_or_create(pk=1, defaults={"key": fresh})
    return found


def new_lock() -> str:
    """The name of a protected path towards edges: it stays when the path changes, and so do its passwords."""
    return secrets.token_hex(6)


def digest_of(site_id: int, lock: str, user: str, password: str) -> str:
    """What edges look a password up by (see the agent's ``haproxy/edge_rules.py`` for how safe that is)."""
    sent = base64.b64encode(f"{user}:{password}".encode()).decode()  # as browsers send it
    return hmac.digest(base64.b64decode(key().key), f"{site_id}/{lock}/{sent}".encode(), "sha256").hex()


def _names(rules: EdgeRules) -> list[str]:
    return sorted(selectors.names_with_certificate(rules.site_id)) if rules.https != HttpsPolicy.OFF else []
