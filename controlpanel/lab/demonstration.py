"""Members, logins and sites to look at: what a visitor of the demonstration finds."""

from dataclasses import dataclass

from members.choices import MemberKind, Role


@dataclass(frozen=True)
class DemoSite:
    kind: str
    domains: tuple[str, ...]


@dataclass(frozen=True)
class DemoMember:
    """A member, its one hosting order, and a login that administers it."""

    name: str
    kind: MemberKind
    username: str
    person: str
    order: str
    sites: tuple[DemoSite, ...]
    role: Role = Role.MEMBER_ADMIN


MEMBERS = (
    DemoMember(
        name="Radio Río Bravo",
        kind=MemberKind.ORGANIZATION,
        username="radio",
        person="Lucía Herrera",
        order="Radio",
        sites=(
            DemoSite("php", ("radio-rio-bravo.test", "www.radio-rio-bravo.test")),
            DemoSite("static", ("archivo.radio-rio-bravo.test",)),
        ),
    ),
    DemoMember(
        name="Tenants Together Union",
        kind=MemberKind.ORGANIZATION,
        username="tenants",
        person="Sam Okafor",
        order="Campaign site",
        sites=(DemoSite("php", ("tenants-together.test",)),),
    ),
    DemoMember(
        name="Ana Morales",
        kind=MemberKind.PERSON,
        username="ana",
        person="Ana Morales",
        order="My page",
        sites=(DemoSite("static", ("ana-morales.test",)),),
    ),
)

STAFF_USERNAME, STAFF_PERSON = "marisol", "Marisol Vega"
