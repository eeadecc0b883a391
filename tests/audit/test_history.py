"""The history page, its exports and the collection ``audit``: of what one may see, and safe to open."""

import csv
import io
import json
from typing import Any

import pytest
from asgiref.sync import async_to_sync

from controlpanel.audit import context, exports, sentences
from controlpanel.audit.models import Entry
from hosting import services
from hosting.models import HostingOrder
from members.models import Login
from tests import factories as make

pytestmark = pytest.mark.django_db


@pytest.fixture
def order(login: Login) -> HostingOrder:
    return make.HostingOrderFactory(member=login.member, name="Bookshop")


def text(response: Any) -> str:
    if response.streaming:

        async def whole() -> bytes:
            return b"".join([chunk async for chunk in response.streaming_content])

        return async_to_sync(whole)().decode()
    return response.content.decode()


def test_a_member_reads_what_was_done_to_what_is_theirs(browser_of: Any, login: Login, order: HostingOrder) -> None:
    site = make.SiteFactory(order=order, placed=True)
    staff = make.StaffFactory(username="sam", name="Sam")
    with context.acting(lambda: {**context.person(staff), "from": "192.0.2.77", "via": "web"}):
        services.edit_site(staff, site, domains=[site.primary, "shop.example.org"], php_workers=9)

    page = text(browser_of(login).get("/history/"))

    assert f"Sam (sam) of the staff added the name shop.example.org – {site.primary}." in page
    assert "PHP processes from 4 to 9" in page
    assert f"asked for: Change the site {site.name}" in page
    assert "192.0.2.77" not in page  # from where the staff work is theirs to know
    assert "192.0.2.77" in text(browser_of(staff).get("/history/"))


def test_it_speaks_spanish(browser_of: Any, login: Login, order: HostingOrder) -> None:
    with context.acting(lambda: context.person(login)):
        make.SiteFactory(order=order, placed=True)

    page = text(browser_of(login, language="es").get("/history/"))

    assert "creó el sitio" in page and "Antes" in page


def test_another_member_sees_nothing_of_it(browser_of: Any, stranger_api: Any, login: Login, order: Any) -> None:
    site = make.SiteFactory(order=order, placed=True)
    stranger = make.MemberAdminFactory()
    about = f"hosting.site:{site.pk}"
    mine = set(Entry.objects.filter(scopes__contains=[f"order:{order.pk}"]).values_list("pk", flat=True))
    assert mine

    assert site.primary not in text(browser_of(stranger).get("/history/", {"about": about, "order": order.pk}))
    assert site.primary not in text(browser_of(stranger).get("/history/export.csv", {"about": about}))
    listed = stranger_api.get("/api/v1/audit/", {"page_size": 500}).json()["results"]
    assert not mine & {row["id"] for row in listed}
    assert stranger_api.get(f"/api/v1/audit/{min(mine)}/").status_code == 404


def test_an_order_administrator_sees_that_order_alone(browser_of: Any, login: Login, order: HostingOrder) -> None:
    mine, other = (
        make.SiteFactory(order=order, placed=True),
        make.SiteFactory(order=make.HostingOrderFactory(member=login.member), placed=True),
    )
    helper = make.LoginFactory(member=login.member, administers_order=order)

    page = text(browser_of(helper).get("/history/"))

    assert mine.primary in page and other.primary not in page


def test_filters(browser_of: Any, login: Login, order: HostingOrder) -> None:
    first, second = make.SiteFactory(order=order, placed=True), make.SiteFactory(order=order, placed=True)
    ana = browser_of(login)

    page = text(ana.get("/history/", {"about": f"hosting.site:{first.pk}", "group": "changes"}))
    assert first.primary in page and second.primary not in page
    assert "Nothing here" in text(ana.get("/history/", {"until": "2001-01-01"}))
    assert "Nothing here" in text(ana.get("/history/", {"person": "999999"}))
    # What makes no sense is left out, and no error.
    for nonsense in ({"order": "x"}, {"since": "tomorrow"}, {"older": "-1"}, {"person": "9" * 70}, {"group": "%"}):
        assert ana.get("/history/", nonsense).status_code == 200, nonsense


def test_pages_go_on_where_the_last_one_ended(browser_of: Any, login: Login) -> None:
    for number in range(60):
        type(login.member).objects.filter(pk=login.member_id).update(name=f"Name {number}")
    ana = browser_of(login)

    first = text(ana.get("/history/"))
    older = first.split("?older=")[1].split('"')[0].split("&")[0]
    second = text(ana.get("/history/", {"older": older}))

    assert "to Name 59" in first and "to Name 1." not in first
    assert "to Name 1." in second and "to Name 59" not in second


def test_names_are_escaped_and_no_spreadsheet_computes_them(browser_of: Any, api: Any, login: Login) -> None:
    evil = '=cmd|"/c calc"!A1<script>alert(1)</script>'
    type(login.member).objects.filter(pk=login.member_id).update(name=evil)

    assert "<script>alert" not in text(browser_of(login).get("/history/"))
    table = list(csv.reader(io.StringIO(text(browser_of(login).get("/history/export.csv")))))
    assert table[0] == list(exports.COLUMNS)
    assert any(cell == f"'{evil}" for row in table for cell in row)
    assert not any(cell[:1] in ("=", "+", "-", "@") for row in table for cell in row)
    lines = [json.loads(line) for line in text(api.get("/api/v1/audit/jsonl/")).splitlines()]
    assert evil in {line["label"] for line in lines}


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx"])
def test_cells_that_would_be_formulas_are_text(cell: str) -> None:
    assert exports.cell(cell) == f"'{cell}"


def test_an_export_is_itself_noted(browser_of: Any, login: Login) -> None:
    text(browser_of(login).get("/history/export.jsonl"))

    entry = Entry.objects.get(verb="read")
    assert entry.actor_id == login.pk
    assert sentences.sentence(entry).endswith("downloaded this record")


def test_an_export_goes_on_over_many_chunks(login: Login, monkeypatch: Any) -> None:
    for number in range(7):
        type(login.member).objects.filter(pk=login.member_id).update(name=f"Name {number}")
    from controlpanel.audit import selectors

    every = [entry.pk for chunk in selectors.newest_first(selectors.entries_for(login), chunk=3) for entry in chunk]
    assert every == sorted(every, reverse=True) and len(every) == selectors.entries_for(login).count()


def test_the_collection_narrows_and_links(api: Any, login: Login, order: HostingOrder) -> None:
    site = make.SiteFactory(order=order, placed=True)
    response = api.patch(f"/api/v1/sites/{site.pk}/", {"php_workers": 7}, format="json")
    operation = response.json()["operation"]["id"]

    rows = api.get("/api/v1/audit/", {"about": f"hosting.site:{site.pk}", "verb": "changed"}).json()["results"]
    assert [(row["before"], row["after"], row["operation"]) for row in rows] == [
        ({"php_workers": 4}, {"php_workers": 7}, operation)
    ]
    assert api.get("/api/v1/audit/", {"operation": operation}).json()["results"]
    assert api.get(f"/api/v1/audit/{rows[0]['id']}/").json()["operation"] == operation


def test_every_kind_of_entry_reads_as_a_sentence() -> None:
    """Of every audited model and every verb there is one in each language, without a hole."""
    from django.utils import translation

    from controlpanel.audit.choices import Verb
    from tests.audit.test_trails import AUDITED, MAKERS, MORE

    for trail in AUDITED:
        {**MAKERS, **MORE}[trail.model]()
    for verb in Verb:
        Entry.objects.create(
            time="2026-01-01T00:00:00Z", transaction=1, verb=verb, object="members.login:1", label="anna",
            about="members.login:1", about_label="anna",
        )  # fmt: skip
    for language in ("en", "es"):
        with translation.override(language):
            for entry in Entry.objects.all():
                assert "%(" not in sentences.sentence(entry) and sentences.sentence(entry).strip()
