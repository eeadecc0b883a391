"""Pages that the host itself writes or serves, in both languages of the house."""

from __future__ import annotations

import html

_FIRST = """\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
  body {{ font: 1.1rem/1.6 system-ui, sans-serif; max-width: 38rem; margin: 15vh auto; padding: 0 1.5rem; color: #222 }}
  h1 {{ font-size: 1.8rem; overflow-wrap: anywhere }}
  p[lang] {{ margin: .6rem 0 }}
  small {{ color: #666 }}
</style>
<h1>{title}</h1>
<p lang="en">This site is ready. Replace this page with your own.</p>
<p lang="es">Este sitio está listo. Reemplace esta página con la suya.</p>
{more}</html>
"""

_PHP = """\
<p><small>PHP <?= PHP_MAJOR_VERSION . '.' . PHP_MINOR_VERSION ?></small></p>
"""

DISABLED = """\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Site disabled · Sitio deshabilitado</title>
<style>
  body { font: 1.1rem/1.6 system-ui, sans-serif; max-width: 38rem; margin: 15vh auto; padding: 0 1.5rem; color: #222 }
</style>
<h1 lang="en">This site is disabled for now.</h1>
<p lang="en">If it is yours, you can enable it in the control panel.</p>
<h1 lang="es">Este sitio está deshabilitado por ahora.</h1>
<p lang="es">Si es suyo, puede habilitarlo en el panel de control.</p>
</html>
"""

QUARANTINED = """\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Site being repaired · Sitio en reparación</title>
<style>
  body { font: 1.1rem/1.6 system-ui, sans-serif; max-width: 38rem; margin: 15vh auto; padding: 0 1.5rem; color: #222 }
</style>
<h1 lang="en">This site is being repaired.</h1>
<p lang="en">If it is yours, the control panel says why and what to do next.</p>
<h1 lang="es">Este sitio se está reparando.</h1>
<p lang="es">Si es suyo, el panel de control dice por qué y qué hacer a continuación.</p>
</html>
"""


def first_page(domain: str, kind: str) -> "tuple[str, str]":
    """File name and text of the page that a new site shows until its owner puts something there."""
    shown = readable(domain)
    title = html.escape(domain if shown == domain else f"{shown} ({domain})")
    if kind == "php":
        # A name has no "<", so it cannot begin a PHP tag; escaped all the same.
        return "index.php", _FIRST.format(title=title, more=_PHP)
    return "index.html", _FIRST.format(title=title, more="")


def readable(domain: str) -> str:
    """Punycode decoded where it can be."""
    labels = []
    for label in domain.split("."):
        if label.startswith("xn--"):
            try:
                label = label[4:].encode("ascii").decode("punycode")
            except UnicodeError:
                return domain
        labels.append(label)
    name = ".".join(labels)
    return name if name.isprintable() else domain
