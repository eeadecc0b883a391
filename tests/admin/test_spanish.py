"""The admin in Spanish: nothing that names something is left in English. Walks the registry: no page is forgotten."""

from typing import Any

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import reverse

from controlpanel.fleet.models import PowerFence
from routing.models import EdgeRules, Shield
from tests import factories as make
from tests.admin.rows import a_row_of
from tests.pages.html import Page

MODELS = sorted(admin.site._registry, key=lambda model: model._meta.label)
#: What is the same in both languages, and the name of an icon.
ALIKE = {"", "ID", "HTTPS", "PHP", "Webhook", "Webhooks", "add"}

pytestmark = pytest.mark.django_db


def _labels(client: Client, address: str, language: str) -> set[str]:
    """What a page calls its columns, fields, filters, tables, tabs, buttons and places to type; its title apart."""
    page = Page(client.get(address, headers={"accept-language": language}))
    assert page.one("html").attributes["lang"] == language
    heads = [th for head in page.all("thead") for th in Page.within(head, "th")]
    columns = [element for th in heads for element in Page.within(th, "div", class_="text") or [th]]
    tabs = [element for element in page.all("a") if "activeTab" in element.attributes.get("x-on:click", "")]
    named = [*columns, *tabs, *(element for tag in ("label", "h2", "h3", "legend") for element in page.all(tag))]
    said = [element.attributes.get(name, "") for element in page.all() for name in ("aria-label", "placeholder")]
    return {" ".join(text.split()).rstrip("*:") for text in [*said, *(element.text for element in named)]}


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
def test_no_label_is_english_on_a_spanish_page(model: Any, staff: Client) -> None:
    row, name = a_row_of(model), f"admin:{model._meta.app_label}_{model._meta.model_name}"
    pages = [reverse(f"{name}_changelist"), reverse(f"{name}_change", args=[row.pk])]
    if admin.site._registry[model].has_add_permission(staff.get(pages[0]).wsgi_request):
        pages.append(reverse(f"{name}_add"))
    for address in pages:
        english = _labels(staff, address, "en") & _labels(staff, address, "es")
        assert english <= ALIKE, address


def test_apps_and_kinds_are_called_in_spanish(staff: Client) -> None:
    """Where the admin lists what there is: an app's page, and the way back from an object's."""
    for app in sorted({model._meta.app_label for model in MODELS}):
        address = reverse("admin:app_list", args=[app])
        texts = {}
        for language in ("en", "es"):
            page = Page(staff.get(address, headers={"accept-language": language}))
            content = page.one(id="content")
            found = [*page.all("title"), *page.all("h1"), *Page.within(content, "a"), *Page.within(content, "h2")]
            texts[language] = {" ".join(element.text.split()) for element in found}
        assert texts["en"] & texts["es"] <= ALIKE, app


@pytest.mark.parametrize(
    ("model", "called"),
    [
        (make.Site, "sitio"),
        (make.Certificate, "certificado de"),
        (make.Quarantine, "cuarentena"),
        (Shield, "escudo del sitio"),
        (EdgeRules, "reglas de borde del sitio"),
        (PowerFence, "apagado externo de"),
    ],
    ids=lambda part: getattr(part, "__name__", ""),
)
def test_what_has_no_name_of_its_own_is_called_in_spanish(model: Any, called: str, staff: Client) -> None:
    row = a_row_of(model)
    address = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_change", args=[row.pk])
    assert called in Page(staff.get(address, headers={"accept-language": "es"})).one("title").text
