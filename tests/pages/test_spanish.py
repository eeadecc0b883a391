"""Everything is there in Spanish too."""

import re
import subprocess
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client
from django.utils.translation.template import templatize

from controlpanel.operations.choices import OperationState
from hosting.models import HostingOrder
from members.models import Login
from tests.factories import OperationFactory, SiteFactory

from .conftest import BrowserOf
from .html import Page

CATALOG = Path(settings.BASE_DIR) / "locale" / "es" / "LC_MESSAGES" / "django.po"
PLACEHOLDER = re.compile(r"%\((\w+)\)[sd]|\{(\w+)\}")


def entries(catalog: Path = CATALOG) -> list[dict[str, str]]:
    """A catalogue's entries: msgid, msgstr (or msgstr[0], …), and the flags."""
    found = []
    for block in catalog.read_text().split("\n\n"):
        entry: dict[str, str] = {"flags": "", "obsolete": ""}
        key = ""
        for line in block.splitlines():
            if line.startswith("#,"):
                entry["flags"] += line
            elif line.startswith("#~"):
                entry["obsolete"] = "yes"
            elif line.startswith("#"):
                continue
            elif match := re.match(r'(msgctxt|msgid_plural|msgid|msgstr(?:\[\d\])?) "(.*)"$', line):
                key = match[1]
                entry[key] = match[2]
            elif line.startswith('"'):
                entry[key] += line[1:-1]
        if entry.get("msgid"):
            found.append(entry)
    return found


def test_every_text_is_translated() -> None:
    missing = [e["msgid"] for e in entries() if any(not e[k] for k in e if k.startswith("msgstr"))]
    assert not missing


def test_no_translation_is_a_guess_or_left_over() -> None:
    assert not [e["msgid"] for e in entries() if "fuzzy" in e["flags"]]
    assert "#~ msgid" not in CATALOG.read_text()


def test_translations_keep_the_placeholders() -> None:
    for entry in entries():
        wanted = set(PLACEHOLDER.findall(entry["msgid"] + entry.get("msgid_plural", "")))
        for key in entry:
            if key.startswith("msgstr"):
                have = set(PLACEHOLDER.findall(entry[key]))
                # "one site" may leave the number out
                assert have == wanted or (key == "msgstr[0]" and have <= wanted), entry["msgid"]


def test_the_catalogue_has_every_text_of_the_code_and_the_templates(tmp_path: Path) -> None:
    """Fails when somebody adds a text and forgets it here. The remedy, and then a translation by hand::

    manage.py makemessages -l es --ignore=.venv --ignore=var --ignore=tests --no-location --no-wrap --no-obsolete
    """
    known = {entry["msgid"] for entry in entries()}
    assert texts_of_the_project(tmp_path) - known == set()


def texts_of_the_project(tmp_path: Path) -> set[str]:
    """Every msgid that stands in the project's own files: tracked ones, and those about to be."""
    listed = subprocess.run(
        [
            "git",
            "ls-files",
            "--cached",
            "--others",
            "--exclude-standard",
            "*.py",
            "templates/*.html",
            "templates/*.txt",
        ],
        cwd=settings.BASE_DIR,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    sources = []
    for name in listed:
        file = Path(settings.BASE_DIR) / name
        if name.startswith("tests/") or not file.exists():
            continue
        if file.suffix in (".html", ".txt"):
            source = tmp_path / (name.replace("/", "__") + ".py")
            source.write_text(templatize(file.read_text(), origin=name))
            file = source
        sources.append(str(file))
    out = tmp_path / "fresh.po"
    words = ["gettext", "gettext_lazy", "gettext_noop", "_", "ngettext:1,2", "ngettext_lazy:1,2"]
    words += ["pgettext:1c,2", "pgettext_lazy:1c,2", "npgettext:1c,2,3"]
    subprocess.run(
        [
            "xgettext",
            "-L",
            "Python",
            "--from-code=UTF-8",
            "--no-wrap",
            *(f"-k{word}" for word in words),
            "-o",
            out,
            *sources,
        ],
        capture_output=True,
        check=True,
    )
    return {entry["msgid"] for entry in entries(out)}


@pytest.fixture
def paula(anna: Login, browser_of: BrowserOf) -> Client:
    """Anna's browser when it asks for Spanish."""
    return browser_of(anna, language="es-MX,es;q=0.9,en;q=0.5")


def test_pages_follow_the_browsers_language(paula: Client, order: HostingOrder) -> None:
    site = SiteFactory(order=order, domain="tienda.example.org", placed=True)
    operation = OperationFactory(state=OperationState.SUCCEEDED, scopes=order.scopes, params={"site": site.pk})
    page = Page(paula.get("/orders/"))
    assert page.one("html").attributes["lang"] == "es"
    assert page.one("h1").text == "Sitios"
    assert "Activo" in page.text
    assert "Crear el sitio" in Page(paula.get(f"/orders/{order.pk}/sites/new/")).text
    assert "Ir al sitio" in Page(paula.get(f"/operations/{operation.pk}/")).text


def test_errors_of_forms_too(paula: Client, order: HostingOrder) -> None:
    page = Page(paula.post(f"/orders/{order.pk}/sites/new/", {"domains": "sinpunto", "kind": "php"}))
    assert "necesita al menos un punto" in page.error_of("domains")


def test_the_switch_is_remembered(browser: Client, anna: Login) -> None:
    page = Page(browser.get("/orders/"))
    switch = page.one("form", class_="language")
    assert page.one("button", name="language").text == "Español"
    response = browser.post(switch.attributes["action"], {"language": "es", "next": "/orders/"}, follow=True)
    assert Page(response).one("html").attributes["lang"] == "es"
    anna.refresh_from_db()
    assert anna.language == "es"


def test_nothing_english_is_left_on_a_spanish_page(paula: Client, order: HostingOrder) -> None:
    """Every text of ours that has a different Spanish one; names of people and sites are in no language."""
    order.name = order.member.name = "X"
    order.save()
    order.member.save()
    site = SiteFactory(order=order, domain="x.example.org", placed=True)
    paths = ["/orders/", f"/orders/{order.pk}/", f"/sites/{site.pk}/", f"/sites/{site.pk}/edit/", "/account/"]
    english = {
        entry["msgid"]
        for entry in entries()
        if len(entry["msgid"]) > 12 and "%" not in entry["msgid"] and entry.get("msgstr") != entry["msgid"]
    }
    for path in paths:
        text = Page(paula.get(path)).text
        assert not [message for message in english if message in text], path
