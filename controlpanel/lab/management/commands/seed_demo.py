"""`manage.py seed_demo`: the demonstration's members and sites, through the same services as the pages use."""

import json
import secrets
import time
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from controlpanel.fleet.choices import Role as HostRole
from controlpanel.fleet.models import Host
from controlpanel.lab import files
from controlpanel.lab.demonstration import MEMBERS, STAFF_PERSON, STAFF_USERNAME, DemoMember
from controlpanel.lab.hosts import HOSTS
from controlpanel.lab.instance import Lab
from controlpanel.lab.panel import DEMO
from controlpanel.operations.models import Operation
from hosting import services as hosting
from hosting.models import HostingOrder, Site
from members import services as members
from members.choices import Role
from members.models import Login, Member

#: What is easily read aloud and typed: no 0 and o, no 1 and l.
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"
#: How long the sites may take, seconds.
_PATIENCE = 180.0

#: {"username", "password", "token"} by user name: what the last run wrote, kept as long as it opens the panel.
Secrets = dict[str, dict[str, str]]


class Command(BaseCommand):
    help = "Make the demonstration's members, logins and sites where they are missing, and write var/demo.json."

    def handle(self, *args: Any, **options: Any) -> None:
        known = _known_secrets()
        staff = _login(STAFF_USERNAME, STAFF_PERSON, None, known)
        members.grant(login=staff, role=Role.STAFF)
        demo = {
            "panel_url": settings.PANEL_URL,
            "staff": _secrets(staff, known),
            "members": [{"member": each.name, **self._member(each, known)} for each in MEMBERS],
            "edges": [host.address for host in Host.objects.filter(roles__contains=[HostRole.EDGE])],
            "hosts": {host.name: str(Lab.from_environment().network[host.offset]) for host in HOSTS},
        }
        files.write(DEMO, json.dumps(demo, indent=2, ensure_ascii=False) + "\n")
        self._wait_for_sites()

    def _member(self, wanted: DemoMember, known: Secrets) -> dict[str, str]:
        member = Member.objects.filter(name=wanted.name).first()
        if member is None:
            member = members.create_member(name=wanted.name, kind=wanted.kind)
        login = _login(wanted.username, wanted.person, member, known)
        members.grant(login=login, role=wanted.role, member=member)
        order, is_new = HostingOrder.objects.get_or_create(member=member, name=wanted.order)
        if is_new:  # a site that a visitor deleted later stays deleted
            for site in wanted.sites:
                hosting.create_site(login, order, site.kind, site.domains)
        return _secrets(login, known)

    def _wait_for_sites(self) -> None:
        """Return when every operation has ended or waits for something; the panel is worth showing either way."""
        unfinished = Operation.objects.filter(state__in=("queued", "running"))
        deadline = time.monotonic() + _PATIENCE
        while (left := unfinished.count()) and time.monotonic() < deadline:
            time.sleep(0.2)
        if left:
            self.stdout.write(f"{left} operations take their time; their pages say what they wait for.")
        for operation in Operation.objects.filter(state__in=("failed", "waiting")):
            self.stdout.write(f"{operation.title}: {operation.state}")
        self.stdout.write(f"{Site.objects.filter(state='active').count()} sites of {len(MEMBERS)} members are served.")


def _known_secrets() -> Secrets:
    try:
        demo = json.loads(DEMO.read_text())
        return {entry["username"]: entry for entry in (demo["staff"], *demo["members"])}
    except (FileNotFoundError, ValueError, KeyError):
        return {}


def _login(username: str, person: str, member: Member | None, known: Secrets) -> Login:
    """The login, with the password that ``known`` says."""
    secret = known.setdefault(username, {"username": username})
    fresh = "password" not in secret
    if fresh:
        secret["password"] = "-".join("".join(secrets.choice(_LETTERS) for _ in range(4)) for _ in range(4))
    login = Login.objects.filter(username=username).first()
    if login is None:
        login, _operation = members.create_login(
            username=username,
            name=person,
            email=f"{username}@example.org",
            member=member,
            password=secret["password"],
        )
    elif fresh:
        members.set_password(login=login, password=secret["password"])
    return login


def _secrets(login: Login, known: Secrets) -> dict[str, str]:
    """The login's entry in demo.json, with a token that is valid."""
    secret = known[login.username]
    token = members.authenticate_token(secret.get("token", ""))
    if token is None or token.login_id != login.pk:
        _token, secret["token"] = members.create_token(login=login, name="demonstration")
    return {name: secret[name] for name in ("username", "password", "token")}
