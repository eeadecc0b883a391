"""Is it up, is it safe, is it full? What is known of sites and orders, as three answers with their reasons.

From the database alone, so that a page of fifty sites costs as many queries as a page of one; what visitors get this
very moment is asked of the edges by ``probing.py``.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Max
from django.template.defaultfilters import filesizeformat
from django.urls import reverse
from django.utils import formats, timezone
from django.utils.timesince import timesince
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from controlpanel.fleet.choices import HostState
from routing import own_certificates
from routing import selectors as routing
from routing.models import Shield
from storage import selectors as storage

from . import php_support
from .choices import DatabaseState, SiteState
from .models import Database, HostingOrder, Site

#: From good to bad; the worst reason decides an answer.
LEVELS = ("good", "neutral", "active", "warning", "bad")
WORDS: dict[str, dict[str, Any]] = {
    "up": {
        "good": gettext_lazy("Up"),
        "neutral": gettext_lazy("Nothing to show"),
        "active": gettext_lazy("Being worked on"),
        "warning": gettext_lazy("Not for visitors"),
        "bad": gettext_lazy("Down"),
    },
    "safe": {
        "good": gettext_lazy("Safe"),
        "neutral": gettext_lazy("Nothing to keep"),
        "active": gettext_lazy("Protected"),
        "warning": gettext_lazy("Needs a look"),
        "bad": gettext_lazy("In danger"),
    },
    "full": {
        "good": gettext_lazy("Room enough"),
        "neutral": gettext_lazy("Nothing stored"),
        "active": gettext_lazy("Room enough"),
        "warning": gettext_lazy("Nearly full"),
        "bad": gettext_lazy("Full"),
    },
}
QUESTIONS: dict[str, Any] = {
    "up": gettext_lazy("Is it up?"),
    "safe": gettext_lazy("Is it safe?"),
    "full": gettext_lazy("Is it full?"),
}
#: Percent of its space from which a site's owner is warned; the same as of a database.
NEARLY_FULL = 90
#: A certificate that ends so soon should have been renewed long ago.
CERTIFICATE_SOON = timedelta(days=14)
#: Reasons that a page shows of an answer.
SHOWN = 4
GONE = (SiteState.DELETED, SiteState.PURGING)
_DATABASE_GONE = (DatabaseState.DELETED, DatabaseState.PURGING)


@dataclass(frozen=True)
class Reason:
    """One thing that is known, how it is, and where something can be done about it."""

    level: str
    text: str
    href: str = ""
    #: The answer in a word, where that of its level would not do.
    word: str = ""


@dataclass(frozen=True)
class Answer:
    """To one of the three questions."""

    question: str
    reasons: tuple[Reason, ...] = ()

    @property
    def level(self) -> str:
        """One of LEVELS: that of the worst reason."""
        return max((reason.level for reason in self.reasons), key=LEVELS.index, default="neutral")

    @property
    def word(self) -> str:
        worst = next(iter(self._sorted), None)
        return (worst.word if worst else "") or str(WORDS[self.question][self.level])

    @property
    def asked(self) -> str:
        return str(QUESTIONS[self.question])

    @property
    def troubles(self) -> list[Reason]:
        """What is not as it should be, worst first."""
        return [reason for reason in self._sorted if reason.level in ("warning", "bad")]

    @property
    def shown(self) -> list[Reason]:
        """The reasons that a page has room for, worst first."""
        return self._sorted[:SHOWN]

    @property
    def more(self) -> int:
        """How many reasons that leaves out."""
        return max(0, len(self.reasons) - SHOWN)

    @property
    def _sorted(self) -> list[Reason]:
        return sorted(self.reasons, key=lambda reason: -LEVELS.index(reason.level))


@dataclass(frozen=True)
class Health:
    """The three answers about a site or an order."""

    up: Answer
    safe: Answer
    full: Answer

    @property
    def answers(self) -> tuple[Answer, Answer, Answer]:
        return self.up, self.safe, self.full

    @property
    def troubled(self) -> list[Answer]:
        return [answer for answer in self.answers if answer.troubles]


@dataclass
class _Facts:
    """All that is asked of the database, for any number of sites."""

    edges: bool
    certificates: dict[int, routing.Ends] = field(default_factory=dict)
    attacked: set[int] = field(default_factory=set)
    snapshots: dict[int, datetime] = field(default_factory=dict)
    databases: dict[int, list[Database]] = field(default_factory=dict)


def of_site(site: Site) -> Health:
    """The answers about one site. Who asks was checked by whoever found the site."""
    return of_sites([site])[site.pk]


def of_sites(sites: Sequence[Site]) -> dict[int, Health]:
    """By the site's id. Host, volume and names of the sites should be at hand (``select_related``)."""
    facts = _facts(sites)
    return {site.pk: Health(_up(site, facts), _safe(site, facts), _full(site, facts)) for site in sites}


def of_order(order: HostingOrder, sites: Iterable[Site], known: dict[int, Health]) -> Health:
    """The answers about an order: what troubles its sites and databases, or that nothing does.

    ``known``: the answers about its sites; databases of no site come in here.
    """
    kept = [site for site in sites if site.state not in GONE]
    lonely = _with_dumps(order.databases.filter(site=None).exclude(state__in=_DATABASE_GONE))
    safe = [reason for database in lonely for reason in _dump_of(database)]
    full = [reason for database in lonely for reason in _room_of(database)]
    answers = [known[site.pk] for site in kept]
    return Health(
        Answer("up", tuple(_gather("up", kept, [health.up for health in answers]))),
        Answer("safe", (*_gather("safe", kept, [health.safe for health in answers]), *safe)),
        Answer("full", (*_gather("full", kept, [health.full for health in answers]), *full)),
    )


def _gather(question: str, sites: Sequence[Site], answers: Sequence[Answer]) -> Iterable[Reason]:
    """Each trouble with the name of its site, and in one line how many sites have none."""
    fine = 0
    for site, answer in zip(sites, answers, strict=True):
        for one in answer.troubles:
            href = one.href if one.href.startswith("/") else site.get_absolute_url() + one.href
            yield Reason(one.level, f"{site.name}: {one.text}", href)
        fine += not answer.troubles
    if fine:
        yield Reason("good", _fine(question, fine) % {"count": fine})


def _fine(question: str, count: int) -> str:
    if question == "up":
        return ngettext("%(count)d site is up.", "%(count)d sites are up.", count)
    if question == "safe":
        return ngettext("%(count)d site is safe.", "%(count)d sites are safe.", count)
    return ngettext("%(count)d site has room enough.", "%(count)d sites have room enough.", count)


# --- the three --------------------------------------------------------------------------------------------------------


def _up(site: Site, facts: _Facts) -> Answer:
    reasons = [_mode(site)]
    if not facts.edges:
        reasons.append(Reason("bad", _("The servers that visitors reach do not answer at the moment. Staff are told.")))
    if site.host and site.state not in GONE:
        if site.host.state == HostState.FENCED:
            text = _("Its server has failed. It is being brought up on another one; you need not do anything.")
            reasons.append(Reason("bad", text))
        elif not site.host.reachable:
            reasons.append(Reason("warning", _("Its server does not answer the panel at the moment.")))
    return Answer("up", tuple(reasons))


def _mode(site: Site) -> Reason:
    """What the edges are told to do with its visitors."""
    if site.state in GONE:
        return Reason("neutral", _("It was deleted."))
    if site.quarantined:
        return Reason("bad", _("It is in quarantine: visitors see a page that says so."), "#quarantine-title")
    if not site.enabled:
        href = reverse("hosting:enable_site", args=[site.pk])
        return Reason("warning", _("It is disabled: visitors see a page that says so."), href)
    if site.maintenance:
        href = reverse("hosting:end_maintenance", args=[site.pk])
        return Reason("warning", _("It is in maintenance: visitors see a page that says so."), href)
    if site.state == SiteState.FAILED:
        if site.placed:
            return Reason("warning", _("Its last change did not work."), "#history-title", _("Needs a look"))
        return Reason("bad", _("It could not be created."), "#history-title")
    if not site.placed:
        return Reason("active", _("It is being created."))
    return Reason("good", _("Its visitors get it."))


def _safe(site: Site, facts: _Facts) -> Answer:
    if site.state in GONE:
        return Answer("safe")
    reasons = []
    if site.quarantined:
        reasons.append(Reason("bad", _("It was broken into, or sends what it should not."), "#quarantine-title"))
    if site.placed:
        reasons.append(_certificate(facts.certificates.get(site.pk)))
    if site.pk in facts.attacked:
        reasons.append(Reason("warning", _("It gets far more requests than usual."), "#shield"))
    if site.volume_id and site.placed:
        reasons.append(_snapshot(site, facts.snapshots.get(site.volume_id)))
    for database in facts.databases.get(site.pk, ()):
        reasons += _dump_of(database)
    reasons += _php(site)
    return Answer("safe", tuple(reasons))


def _certificate(ends: routing.Ends | None) -> Reason:
    now, href = timezone.now(), "#certificates"
    if ends is None:
        return Reason("warning", _("It has no certificate yet, so browsers cannot talk to it in private."), href)
    if ends.first < now:
        return Reason("bad", _("Its certificate has ended, so browsers warn of it."), href)
    if ends.own and ends.own < now + own_certificates.SOON:
        text = _("A certificate that you uploaded ends in %(time)s. Upload the next one, or go back to automatic ones.")
        return Reason("warning", text % {"time": timesince(now, ends.own, depth=1)}, href)
    left = {"time": timesince(now, ends.first, depth=1)}
    if ends.first < now + CERTIFICATE_SOON:
        return Reason("warning", _("Its certificate ends in %(time)s.") % left, href)
    return Reason("good", _("Its certificate is valid for %(time)s more.") % left, href)


def _snapshot(site: Site, taken: datetime | None) -> Reason:
    """Whether files that get lost can be brought back."""
    now = timezone.now()
    late = timedelta(hours=2 * settings.SNAPSHOT_EVERY)
    href = "#snapshots-title"
    if taken is None:
        young = site.created > now - late
        return Reason("good" if young else "warning", _("There is no snapshot of its files yet."), href)
    text = _("Its files were last kept %(time)s ago.") % {"time": timesince(taken, now, depth=1)}
    return Reason("warning" if taken < now - late else "good", text, href)


def _dump_of(database: Database) -> list[Reason]:
    """Whether a database that gets lost can be brought back."""
    now, made = timezone.now(), database.last_dump  # type: ignore[attr-defined]  # by _with_dumps
    late = timedelta(seconds=2 * settings.DATABASE_DUMP_EVERY)
    href = database.get_absolute_url()
    if made is None:
        young = database.created > now - late
        text = _("There is no dump of the database %(name)s yet.") % {"name": database.name}
        return [Reason("good" if young else "warning", text, href)]
    values = {"name": database.name, "time": timesince(made, now, depth=1)}
    text = _("The database %(name)s was last dumped %(time)s ago.") % values
    return [Reason("warning" if made < now - late else "good", text, href)]


def _php(site: Site) -> Iterable[Reason]:
    """Whether holes in the PHP of its main host are still mended."""
    support = php_support.support_of(site.host.facts) if site.runs_php and site.placed and site.host else None
    if support is None:
        return
    href = "#php-title"
    values = {"version": support.version, "day": formats.date_format(support.until, "DATE_FORMAT")}
    if support.ended:
        text = _(
            "Its PHP %(version)s has had no security fixes since %(day)s. Update its programs so that they run with a "
            "newer one, and ask the staff to move it to a server that has it."
        )
        yield Reason("bad", text % values, href)
    elif support.ends_soon:
        text = _(
            "Its PHP %(version)s gets security fixes until %(day)s only. Until then update its programs so that they "
            "run with a newer one, and ask the staff to move it to a server that has it."
        )
        yield Reason("warning", text % values, href)
    else:
        yield Reason("good", _("Its PHP %(version)s gets security fixes until %(day)s.") % values, href)


def _full(site: Site, facts: _Facts) -> Answer:
    if site.state in GONE or site.volume is None:
        return Answer("full")
    used, size = site.volume.used_bytes or 0, site.volume.size_bytes
    percent = 100 * used // size
    values = {"used": filesizeformat(used), "size": filesizeformat(size)}
    text = _("%(used)s of %(size)s are used.") % values
    level = "bad" if percent >= 100 else "warning" if percent >= NEARLY_FULL else "good"
    reasons = [Reason(level, text, "#space-title")]
    for database in facts.databases.get(site.pk, ()):
        reasons += _room_of(database)
    return Answer("full", tuple(reasons))


def _room_of(database: Database) -> list[Reason]:
    values = {
        "name": database.name,
        "used": filesizeformat(database.size_bytes or 0),
        "size": filesizeformat(database.quota_bytes),
    }
    level = "bad" if database.full else "warning" if database.nearly_full else "good"
    return [Reason(level, _("%(name)s: %(used)s of %(size)s") % values, database.get_absolute_url())]


# --- what is asked of the database ------------------------------------------------------------------------------------


def _facts(sites: Sequence[Site]) -> _Facts:
    ids = [site.pk for site in sites]
    volumes = [site.volume_id for site in sites if site.volume_id]
    facts = _Facts(edges=routing.edges_answer())
    if not ids:
        return facts
    facts.certificates = routing.certificates_until(ids)
    facts.attacked = set(
        Shield.objects.filter(site_id__in=ids, removed=False).exclude(suggested=None).values_list("site_id", flat=True)
    )
    facts.snapshots = storage.last_snapshots(volumes)
    for database in _with_dumps(Database.objects.filter(site__in=ids).exclude(state__in=_DATABASE_GONE)):
        facts.databases.setdefault(database.site_id or 0, []).append(database)
    return facts


def _with_dumps(databases: Any) -> list[Database]:
    """Each with ``last_dump``."""
    return list(databases.annotate(last_dump=Max("dumps__made")))
