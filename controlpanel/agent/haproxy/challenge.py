"""The page with the task that a visitor's browser solves by itself, in English and Spanish.

It needs no file besides, works over http and https, and says what to do where it cannot work. The script stands in the
page as it is, so that its hash can stand in the page's Content-Security-Policy.
"""

from __future__ import annotations

from html import escape
from typing import Dict

from .pages import LANGUAGES, STYLE

__all__ = ["DIGITS", "SCRIPT", "STYLE", "all_pages", "render"]

#: Hexadecimal zeros that the solution begins with: 4 take some 65,000 tries, well under a second on a phone.
DIGITS = 4

_TEXTS: Dict[str, Dict[str, str]] = {
    "en": {
        "title": "One moment, please",
        "why": "This site is under attack at the moment. Your browser is showing by itself that you are a visitor and "
        "no machine; then the site appears.",
        "nothing": "There is nothing that you need to do. Nothing about you is stored but a cookie, for a day.",
        "noscript": "Your browser runs no JavaScript here. Please allow it for this page and load the page again, or "
        "use another browser. If that is not possible, contact the site's owners in another way.",
        "cookies": "Your browser does not keep this site's cookies. Please allow them and load the page again.",
        "again": "It did not work this time. Please load the page again. If that does not help, your address on the "
        "internet may be changing all the time: try without a VPN or proxy.",
    },
    "es": {
        "title": "Un momento, por favor",
        "why": "Este sitio está siendo atacado en este momento. Su navegador está mostrando por sí solo que usted es "
        "una persona y no una máquina; después aparecerá el sitio.",
        "nothing": "No hace falta que haga nada. No se guarda nada sobre usted, salvo una cookie durante un día.",
        "noscript": "Su navegador no ejecuta JavaScript aquí. Permítalo para esta página y vuelva a cargarla, o use "
        "otro navegador. Si no es posible, póngase en contacto con los responsables del sitio por otro medio.",
        "cookies": "Su navegador no guarda las cookies de este sitio. Permítalas y vuelva a cargar la página.",
        "again": "Esta vez no ha funcionado. Vuelva a cargar la página. Si eso no ayuda, puede que su dirección en "
        "internet cambie todo el tiempo: pruebe sin VPN ni proxy.",
    },
}

#: The task has 64 characters, one block of SHA-256: its state is computed once, and each try is one block more.
SCRIPT = """\
(function () {
  'use strict';
  var main = document.querySelector('main'), task = main.dataset.task, cookie = main.dataset.cookie;
  var zeros = Number(main.dataset.digits) * 4, K = [], H = [], n = 2, i;
  function part(x) { return (x - Math.floor(x)) * 4294967296 | 0; }
  for (; K.length < 64; n++) {
    for (i = 2; i * i <= n && n - i * Math.floor(n / i); i++);
    if (i * i > n) { if (H.length < 8) H.push(part(Math.sqrt(n))); K.push(part(Math.cbrt(n))); }
  }
  function r(x, b) { return x >>> b | x << 32 - b; }
  var w = new Int32Array(64);
  function block(s) {
    var a = s[0], b = s[1], c = s[2], d = s[3], e = s[4], f = s[5], g = s[6], h = s[7], t, u, x, y;
    for (t = 16; t < 64; t++) {
      x = w[t - 15]; y = w[t - 2];
      w[t] = w[t - 16] + w[t - 7] + (r(x, 7) ^ r(x, 18) ^ x >>> 3) + (r(y, 17) ^ r(y, 19) ^ y >>> 10) | 0;
    }
    for (t = 0; t < 64; t++) {
      x = h + (r(e, 6) ^ r(e, 11) ^ r(e, 25)) + (e & f ^ ~e & g) + K[t] + w[t] | 0;
      u = (r(a, 2) ^ r(a, 13) ^ r(a, 22)) + (a & b ^ a & c ^ b & c) | 0;
      h = g; g = f; f = e; e = d + x | 0; d = c; c = b; b = a; a = x + u | 0;
    }
    return [a, b, c, d, e, f, g, h].map(function (v, at) { return s[at] + v | 0; });
  }
  function put(text) {
    for (var t = 0; t < text.length; t++) w[t >> 2] |= text.charCodeAt(t) << 24 - 8 * (t & 3);
  }
  function say(what) { main.querySelector('[data-say=' + what + ']').hidden = false; }
  function remember(value) {
    try { return value === undefined ? sessionStorage.getItem(cookie) : sessionStorage.setItem(cookie, value); }
    catch (error) { return null; }
  }
  function done(number) {
    document.cookie = cookie + '=' + number + '; path=/; max-age=90000; SameSite=Lax' +
      (location.protocol === 'https:' ? '; Secure' : '');
    if (document.cookie.indexOf(cookie + '=' + number) < 0) return say('cookies');
    var now = Date.now(), tries = String(remember() || '').split(' ');
    tries = tries.filter(function (at) { return now - at < 60000; });
    remember(tries.concat(now).join(' '));
    if (tries.length >= 3) return say('again');
    location.reload();
  }
  w.fill(0); put(task);
  var first = block(H), number = 0;
  (function some() {
    for (var stop = number + 3000; number < stop; number++) {
      var text = '.' + number;
      w.fill(0, 0, 16); put(text + '\\x80'); w[15] = 8 * (64 + text.length);
      if (!(block(first)[0] >>> 32 - zeros)) return done(number);
    }
    setTimeout(some, 0);
  })();
})();
"""


def render(language: str) -> str:
    """The page, for HAProxy to put the task in."""
    text = {key: escape(words) for key, words in _TEXTS[language].items()}
    page = (
        '<!doctype html>\n<html lang="%(language)s">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width,initial-scale=1">\n'
        '<meta name="robots" content="noindex">\n<title>%(title)s</title>\n<style>%(style)s</style>\n</head>\n<body>\n'
        '<main data-task="TASK" data-cookie="edge_pass" data-digits="%(digits)d">\n<h1>%(title)s</h1>\n<p>%(why)s</p>\n'
        "<p>%(nothing)s</p>\n<noscript><p><strong>%(noscript)s</strong></p></noscript>\n"
        '<p data-say="cookies" hidden role="alert"><strong>%(cookies)s</strong></p>\n'
        '<p data-say="again" hidden role="alert"><strong>%(again)s</strong></p>\n'
        "</main>\n<script>%(script)s</script>\n</body>\n</html>\n"
    ) % {**text, "language": language, "style": STYLE, "digits": DIGITS, "script": SCRIPT}
    return page.replace("%", "%%").replace("TASK", "%[var(txn.task)]", 1)


def all_pages() -> Dict[str, str]:
    """File name to content."""
    return {"challenge.%s.html" % language: render(language) for language in LANGUAGES}
