"""The names of a site as a whole: read from what a member typed, checked against other sites, written."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db import IntegrityError, transaction

from . import selectors
from .choices import DomainKind
from .errors import DomainTaken, DomainTwice, DomainYours, HostingError, NoDomain, TooManyDomains, raise_all
from .models import Domain, Site
from .validators import normalize, readable

#: Names of one site, aliases and redirects included. One certificate has to hold them all.
MOST = 100


@dataclass(frozen=True)
class Names:
    """Normalized names of a site; the main one first among those that it serves."""

    served: tuple[str, ...]
    redirects: tuple[str, ...] = ()

    @property
    def primary(self) -> str:
        return self.served[0] if self.served else ""

    @property
    def all(self) -> tuple[str, ...]:
        return self.served + self.redirects

    @classmethod
    def of(cls, site: Site) -> "Names":
        """As they stand in the database."""
        return cls(tuple(site.served_names), tuple(site.redirect_names))

    @classmethod
    def parse(cls, domains: Iterable[str], redirects: Iterable[str] = ()) -> "Names":
        """From what somebody typed. Raises InvalidDomain, NoDomain, DomainTwice, TooManyDomains, or Several of them."""
        problems: list[HostingError] = []
        served = _normalize_all(domains, "domains", problems)
        others = _normalize_all(redirects, "redirects", problems)
        problems += [DomainTwice("redirects", name=readable(name)) for name in others if name in served]
        if not served and not problems:
            problems.append(NoDomain("domains"))
        if len(served) + len(others) > MOST:
            problems.append(TooManyDomains("domains", limit=MOST))
        raise_all(problems)
        return cls(tuple(served), tuple(others))


def _normalize_all(texts: Iterable[str], field: str, problems: list[HostingError]) -> list[str]:
    """Each name once, in the order given; what is wrong is added to ``problems``."""
    names: dict[str, None] = {}
    for count, text in enumerate(texts):
        if count >= 2 * MOST:  # enough to say that it is too many
            break
        try:
            names[normalize(text, field)] = None
        except HostingError as error:
            problems.append(error)
    return list(names)


def check_free(actor: "selectors.Actor", names: Names, site: Site | None = None) -> None:
    """Raise DomainTaken (never saying whose it is) or DomainYours for what belongs to a site other than ``site``."""
    taken = Domain.objects.filter(name__in=names.all).select_related("site")
    if site is not None:
        taken = taken.exclude(site=site)
    problems: list[HostingError] = []
    for domain in taken:
        field = "redirects" if domain.name in names.redirects else "domains"
        mine = selectors.sites_for(actor).filter(pk=domain.site_id).first()
        if mine is None:
            problems.append(DomainTaken(field, name=readable(domain.name)))
        else:
            problems.append(DomainYours(field, name=readable(domain.name), site=mine.name))
    raise_all(problems)


def write(actor: "selectors.Actor", site: Site, names: Names) -> Sequence[str]:
    """Make these the site's names, inside the caller's transaction; returns those that it no longer has.

    Raises DomainTaken or DomainYours, also when another request takes one at this instant.
    """
    check_free(actor, names, site)
    wanted = dict.fromkeys(names.served, DomainKind.ALIAS) | dict.fromkeys(names.redirects, DomainKind.REDIRECT)
    if names.primary:
        wanted[names.primary] = DomainKind.PRIMARY
    have = dict(site.domains.values_list("name", "kind"))
    removed = [name for name in have if name not in wanted]
    if removed:
        site.domains.filter(name__in=removed).delete()
    # The old main name steps back before there is a new one: never two, not even between two statements.
    for kind in (DomainKind.ALIAS, DomainKind.REDIRECT, DomainKind.PRIMARY):
        others = [name for name, now in have.items() if wanted.get(name) == kind != now]
        if others:
            site.domains.filter(name__in=others).update(kind=kind)
    try:
        with transaction.atomic():
            Domain.objects.bulk_create(
                Domain(site=site, name=name, kind=kind) for name, kind in wanted.items() if name not in have
            )
    except IntegrityError:
        check_free(actor, names, site)
        raise
    site.__dict__.pop("_prefetched_objects_cache", None)
    return removed
