"""The pages that an edge answers with by itself, in English and Spanish.

They stand on their own: one file each, no script, no outside asset, light and dark. They never name the site, its host
or its member: who asks for a name learns nothing about it, and nothing that a visitor sent comes back in them.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import Dict, Tuple, Union

from . import paths

LANGUAGES = ("en", "es")


@dataclass(frozen=True)
class Text:
    title: str
    #: One paragraph each: what is the matter, and what to do.
    paragraphs: Tuple[str, ...]


#: Page to language to text.
TEXTS: Dict[str, Dict[str, Text]] = {
    "unknown": {
        "en": Text(
            "There is no site at this address",
            (
                "The address reached our servers, but no site here answers to it.",
                "Please check its spelling. If the site is yours, check in the control panel that this name is one of "
                "its domains.",
            ),
        ),
        "es": Text(
            "No hay ningún sitio en esta dirección",
            (
                "La dirección llegó a nuestros servidores, pero ningún sitio de aquí responde por ella.",
                "Revise cómo está escrita. Si el sitio es suyo, compruebe en el panel de control que este nombre sea "
                "uno de sus dominios.",
            ),
        ),
    },
    "disabled": {
        "en": Text(
            "This site is switched off at the moment",
            (
                "Its owners or the hosting organization have switched it off for now. Nothing has been lost.",
                "If the site is yours, the control panel shows why, and how to switch it on again.",
            ),
        ),
        "es": Text(
            "Este sitio está desactivado por el momento",
            (
                "Sus responsables o la organización de alojamiento lo han desactivado. No se ha perdido nada.",
                "Si el sitio es suyo, el panel de control muestra el motivo y cómo volver a activarlo.",
            ),
        ),
    },
    "maintenance": {
        "en": Text(
            "This site is being worked on",
            ("It will be back shortly.", "Please try again in a minute. There is nothing that you need to do."),
        ),
        "es": Text(
            "Este sitio está en mantenimiento",
            ("Volverá en breve.", "Inténtelo de nuevo en un minuto. No hace falta que haga nada."),
        ),
    },
    "quarantine": {
        "en": Text(
            "This site is closed for repairs",
            (
                "Somebody has tampered with it, so it was closed to protect its visitors. It comes back when it has "
                "been repaired.",
                "If the site is yours, the control panel says what happened and what to do next.",
            ),
        ),
        "es": Text(
            "Este sitio está cerrado por reparaciones",
            (
                "Alguien lo ha manipulado, así que se cerró para proteger a quienes lo visitan. Volverá cuando se haya "
                "reparado.",
                "Si el sitio es suyo, el panel de control dice qué ocurrió y qué hacer a continuación.",
            ),
        ),
    },
    "blocked": {
        "en": Text(
            "This site does not accept your network",
            (
                "Because of an attack, the site's owners have closed it to the network that you come from.",
                "If you think that this is a mistake, contact them in another way, or try from another network.",
            ),
        ),
        "es": Text(
            "Este sitio no acepta su red",
            (
                "Debido a un ataque, los responsables del sitio lo han cerrado a la red desde la que usted llega.",
                "Si cree que es un error, póngase en contacto con ellos por otro medio o pruebe desde otra red.",
            ),
        ),
    },
    "limited": {
        "en": Text(
            "Too many requests at once",
            (
                "More has come from your address in a short time than this site accepts at the moment.",
                "Please wait ten seconds, then load the page again.",
            ),
        ),
        "es": Text(
            "Demasiadas peticiones a la vez",
            (
                "Desde su dirección ha llegado en poco tiempo más de lo que este sitio acepta por el momento.",
                "Espere diez segundos y vuelva a cargar la página.",
            ),
        ),
    },
    "forbidden": {
        "en": Text(
            "You may not see this page from your address",
            (
                "The site's owners have said which addresses on the internet may see this page. Yours is not one of "
                "them, or is one that they do not let in.",
                "If you should be able to see it, tell them the address that you come from, or try from the network "
                "that you usually use for it.",
            ),
        ),
        "es": Text(
            "No puede ver esta página desde su dirección",
            (
                "Los responsables del sitio han indicado desde qué direcciones de internet se puede ver esta página. "
                "La suya no es una de ellas, o es una a la que no permiten entrar.",
                "Si debería poder verla, dígales desde qué dirección llega o pruebe desde la red que suele usar para "
                "ella.",
            ),
        ),
    },
    "password": {
        "en": Text(
            "This page needs a password",
            (
                "The site's owners have protected it. The name or the password was missing or wrong.",
                "Load the page again to enter them. If you have none, ask the owners of the site.",
            ),
        ),
        "es": Text(
            "Esta página necesita una contraseña",
            (
                "Los responsables del sitio la han protegido. Faltaba el nombre o la contraseña, o no eran correctos.",
                "Vuelva a cargar la página para introducirlos. Si no los tiene, pídaselos a los responsables del "
                "sitio.",
            ),
        ),
    },
    "guessing": {
        "en": Text(
            "Too many wrong passwords",
            (
                "From your address, too many wrong passwords were tried in a short time.",
                "Please wait a minute, then load the page again. Other visitors do not notice anything of this.",
            ),
        ),
        "es": Text(
            "Demasiadas contraseñas incorrectas",
            (
                "Desde su dirección se han probado demasiadas contraseñas incorrectas en poco tiempo.",
                "Espere un minuto y vuelva a cargar la página. Las demás visitas no notan nada de esto.",
            ),
        ),
    },
    "dead": {
        "en": Text(
            "This site does not answer at the moment",
            (
                "The server behind it cannot be reached or did not answer in time. The fault is on our side, and our "
                "systems have noticed it.",
                "Please try again in a few minutes.",
            ),
        ),
        "es": Text(
            "Este sitio no responde por el momento",
            (
                "No se puede llegar al servidor que lo atiende, o no respondió a tiempo. La falla es nuestra, y "
                "nuestros sistemas ya la han detectado.",
                "Inténtelo de nuevo en unos minutos.",
            ),
        ),
    },
}

STYLE = (
    ":root{color-scheme:light dark}"
    "body{margin:0;min-height:100vh;display:grid;place-items:center;font:1.05rem/1.6 system-ui,sans-serif;"
    "background:#f6f5f2;color:#1f2328}"
    "main{max-width:34rem;padding:2rem 1.5rem}"
    "h1{font-size:1.6rem;line-height:1.25;margin:0 0 1rem}"
    "p{margin:0 0 .8rem}"
    "@media(prefers-color-scheme:dark){body{background:#16181c;color:#e6e6e3}}"
)


def answer(
    page: str,
    status: int,
    condition: str,
    *,
    retry: "Union[int, str, None]" = None,
    at: str = "request",
    headers: str = "",
    kind: str = "file",
) -> str:
    """Two rules of HAProxy that answer with a page: in Spanish for who asks for it, else in English.

    ``retry``: seconds. ``kind``: "lf-file" for a page that HAProxy fills in.
    """
    common = "hdr Cache-Control no-store hdr Vary Accept-Language"
    if retry is not None:
        common += f" hdr Retry-After {retry}"
    return "".join(
        f'  http-{at} return status {status} content-type "text/html; charset=utf-8" '
        f"{kind} {paths.PAGES}/{page}.{language}.html {common} {headers} hdr Content-Language {language} "
        f"if {when}{condition}\n"
        for language, when in (("es", "es "), ("en", ""))
    )


def render(page: str, language: str) -> str:
    """One page as HTML."""
    text = TEXTS[page][language]
    return document(language, text.title, _section(text))


def render_bilingual(page: str) -> str:
    """A page in both languages, for errors that HAProxy answers when the visitor's language can no longer be asked."""
    texts = TEXTS[page]
    sections = "<hr>".join('<section lang="%s">%s</section>' % (lang, _section(texts[lang])) for lang in LANGUAGES)
    return document("en", " / ".join(texts[lang].title for lang in LANGUAGES), sections)


def all_pages() -> Dict[str, str]:
    """File name to content."""
    files = {"%s.%s.html" % (page, lang): render(page, lang) for page in TEXTS for lang in LANGUAGES}
    files["dead.html"] = render_bilingual("dead")
    return files


def _section(text: Text) -> str:
    paragraphs = "".join("<p>%s</p>" % escape(paragraph) for paragraph in text.paragraphs)
    return "<h1>%s</h1>%s" % (escape(text.title), paragraphs)


def document(language: str, title: str, body: str) -> str:
    """A page that stands on its own; ``body`` is HTML."""
    return (
        '<!doctype html>\n<html lang="%s">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width,initial-scale=1">\n'
        '<meta name="robots" content="noindex">\n<title>%s</title>\n<style>%s</style>\n</head>\n'
        "<body>\n<main>\n%s\n</main>\n</body>\n</html>\n"
    ) % (language, escape(title), STYLE, body)
