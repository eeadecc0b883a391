"""The directory held against the database: what should be there, what differs, and putting it right."""

from collections.abc import Iterator

from django.db import transaction
from ldap.dn import dn2str, str2dn

from controlpanel.operations.locks import lock_resources

from ..models import Block, Login, PosixId
from .directory import Directory
from .entries import UNITS, Entry, Person, SiteIdentity, differences, group_entry, person_entry, site_entry

#: Held while an entry is made before its row is committed, and while entries without a row are removed.
PRUNE_LOCK = "directory:prune"


def person_of(login: Login, number: int, blocked: bool | None = None) -> Person:
    """What the directory should say about a login: no keys while they are blocked (asked for when not told)."""
    if blocked is None:
        blocked = login.blocks.exists()
    return Person(
        username=login.username,
        number=number,
        name=login.name,
        email=login.email,
        ssh_keys=() if blocked else tuple(login.ssh_keys.splitlines()),
        active=login.is_active,
    )


def expected_entries(base: str) -> dict[str, Entry]:
    """Every entry that should be below our units, by its name in ``normal`` form."""
    return {normal(entry.dn): entry for entry in _entries(base)}


def normal(name: str) -> str:
    """A DN as a key: case, spaces and ways of escaping do not count."""
    return dn2str(str2dn(name)).lower()


def _entries(base: str) -> Iterator[Entry]:
    for person in _people():
        yield person_entry(person, base)
        yield group_entry(person.username, person.number, base)
    for site, number in _numbers("site").items():
        yield site_entry(SiteIdentity(f"site{site}", number), base)
        yield group_entry(f"site{site}", number, base)


def _people() -> Iterator[Person]:
    numbers = _numbers("login")
    blocked = set(Block.objects.values_list("login_id", flat=True))
    for login in Login.objects.iterator():
        if str(login.pk) in numbers:
            yield person_of(login, numbers[str(login.pk)], login.pk in blocked)


def _numbers(kind: str) -> dict[str, int]:
    rows = PosixId.objects.filter(wanted=True, owner__startswith=f"{kind}:").values_list("owner", "number")
    return {owner.partition(":")[2]: number for owner, number in rows}


def _found_entries(directory: Directory) -> dict[str, tuple[str, dict[str, list[bytes]]]]:
    managed = sorted({name for entry in _samples(directory.base) for name in entry.attributes})
    return {
        normal(name): (name, attributes)
        for unit in UNITS
        for name, attributes in directory.search(unit, attributes=managed)
    }


def _samples(base: str) -> list[Entry]:
    return [person_entry(Person("a", 1), base), site_entry(SiteIdentity("site1", 1), base), group_entry("a", 1, base)]


def drift(directory: Directory) -> list[dict[str, str]]:
    """Where the directory differs from the database, as DriftReport.differences; values are not told, only names."""
    expected, found = expected_entries(directory.base), _found_entries(directory)
    report = []
    for key, entry in expected.items():
        if key not in found:
            report.append({"kind": entry.kind, "id": entry.id, "problem": "missing", "detail": entry.dn})
        elif wrong := differences(entry.attributes, found[key][1]):
            report.append({"kind": entry.kind, "id": entry.id, "problem": "different", "detail": ", ".join(wrong)})
    for key, (name, _attributes) in found.items():
        if key not in expected:
            report.append({"kind": "entry", "id": str2dn(name)[0][0][1], "problem": "unexpected", "detail": name})
    return report


def resync(directory: Directory) -> dict[str, int]:
    """Write what differs and remove what the database does not know. Returns how many of each.

    A person who has to be made anew has no password until one is set: passwords are only in the directory.
    """
    directory.ensure_units()
    found = _found_entries(directory)
    written = 0
    for person in _people():
        # Through ensure_login, which takes an entry in the wrong unit along with its password.
        if _differs(person_entry(person, directory.base), found):
            written += directory.ensure_login(person)
    for entry in expected_entries(directory.base).values():
        if entry.kind != "login" and _differs(entry, found):
            written += directory.ensure_entry(entry)
    return {"written": written, "removed": _prune(directory)}


def _differs(entry: Entry, found: dict[str, tuple[str, dict[str, list[bytes]]]]) -> bool:
    there = found.get(normal(entry.dn))
    return there is None or bool(differences(entry.attributes, there[1]))


@transaction.atomic
def _prune(directory: Directory) -> int:
    # Without the lock an entry whose row is about to be committed would look like one too many.
    lock_resources([PRUNE_LOCK])
    found, expected = _found_entries(directory), expected_entries(directory.base)
    return sum(directory.delete_entry(name) for key, (name, _) in found.items() if key not in expected)
