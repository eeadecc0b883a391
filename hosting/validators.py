"""Domain names as members type them: normalized to lower-case punycode, or refused with the reason.

Names end up in configuration files, LDAP, certificates and URLs, so what leaves here is letters, digits, hyphens and
dots only. What is shown to people is the readable form (``readable``).
"""

import ipaddress
import re
import unicodedata
from urllib.parse import urlsplit

import idna
from django.conf import settings

from .errors import InvalidDomain

#: RFC 1123 in lower case, at least two labels.
LDH = re.compile(r"\A(?=.{1,253}\Z)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\Z")

#: Never delegated on the public internet (RFC 6761, 6762, 7686, 8375). "test" and "example" are for trials and stay.
SPECIAL = ("localhost", "local", "onion", "invalid", "arpa", "internal")

#: Letters that pass for Latin ones (Unicode's confusables, as browsers list them for whole-script spoofs).
LOOKALIKES = {
    "CYRILLIC": set("аæсԁеԍһіїјкӏмоөрԛѕтüúѵԝхуӯүъьҽпгѐё"),
    "GREEK": set("αικνορτυϲϳωηγ"),
}


def normalize(text: str, field: str = "domains") -> str:
    """``text`` as lower-case punycode without a final dot; raises InvalidDomain with the reason."""
    name = text.strip(" \t")
    if not name:
        raise InvalidDomain("empty", "", field)
    if any(unicodedata.category(char) in ("Cc", "Cf", "Zs", "Zl", "Zp", "Cs", "Co") for char in name):
        raise InvalidDomain("control", "", field)
    if len(name) > 300:  # before any work that grows with the length
        raise InvalidDomain("too_long", "", field)
    if "/" in name or "@" in name:
        raise InvalidDomain("url", name, field)
    if "*" in name:
        raise InvalidDomain("wildcard", name, field)
    if _is_address(name):
        raise InvalidDomain("address", name, field)

    name = _to_ascii(name.lower(), field)

    if "." not in name:
        raise InvalidDomain("single_label", name, field)
    labels = name.split(".")
    if any(label.startswith("-") or label.endswith("-") for label in labels):
        raise InvalidDomain("hyphen", name, field)
    if not LDH.match(name):
        raise InvalidDomain("characters", name, field)
    if _is_address(name):  # full-width digits and the like become an address only now
        raise InvalidDomain("address", name, field)
    if labels[-1].isdigit() or len(labels[-1]) < 2:
        raise InvalidDomain("top_level", name, field)
    if labels[-1] in SPECIAL:
        raise InvalidDomain("special", name, field)
    if _is_homograph(name):
        raise InvalidDomain("homograph", name, field)
    if any(name == own or name.endswith("." + own) for own in reserved_domains()):
        raise InvalidDomain("reserved", name, field)
    return name


def readable(name: str) -> str:
    """A normalized name as people read it: punycode decoded; unchanged when it cannot be."""
    if "xn--" not in name:
        return name
    try:
        return idna.decode(name)
    except UnicodeError:
        return name


def reserved_domains() -> list[str]:
    """The panel's own host and what the operator set aside (RESERVED_DOMAINS)."""
    own = urlsplit(settings.PANEL_URL).hostname or ""
    names = [*settings.RESERVED_DOMAINS, *([own] if "." in own and not _is_address(own) else [])]
    return [name.lower().strip(".") for name in names]


def _to_ascii(name: str, field: str) -> str:
    """UTS 46 mapping, then punycode for the labels that need it."""
    try:
        mapped = idna.uts46_remap(name, std3_rules=True, transitional=False).rstrip(".")
    except (idna.IDNAError, UnicodeError):
        raise InvalidDomain("characters", name, field) from None
    labels = []
    for label in mapped.split("."):
        if not label:
            raise InvalidDomain("characters" if mapped else "empty", name, field)
        try:
            labels.append(_label_to_ascii(label))
        except (idna.IDNAError, UnicodeError, ValueError):
            raise InvalidDomain("characters", name, field) from None
        if len(labels[-1]) > 63:
            raise InvalidDomain("label_too_long", name, field)
    ascii_name = ".".join(labels)
    if len(ascii_name) > 253:
        raise InvalidDomain("too_long", "", field)
    return ascii_name


def _label_to_ascii(label: str) -> str:
    if label.isascii() and not label.startswith("xn--"):
        return label  # judged by LDH; idna would refuse some real names, such as those with "--" in place 3
    if len(label) > 63:
        raise idna.IDNAError
    # Round trip: an xn-- label typed as such must be exactly what its readable form encodes to.
    return idna.alabel(idna.ulabel(label) if label.isascii() else label).decode("ascii")


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.strip("[]").rstrip("."))
    except ValueError:
        return re.fullmatch(r"(0x[0-9a-f]+|\d+)(\.(0x[0-9a-f]+|\d+)){0,3}\.?", name.lower()) is not None
    return True


def _script(char: str) -> str:
    """The script of a letter by the first word of its Unicode name; empty for digits, hyphens and marks."""
    if not char.isalpha():
        return ""
    return unicodedata.name(char, "UNKNOWN").split(" ", 1)[0].split("-", 1)[0]


def _is_homograph(name: str) -> bool:
    """Whether a label mixes Latin, Cyrillic and Greek, or is made only of letters that pass for Latin ones."""
    labels = readable(name).split(".")
    top_scripts = {_script(char) for char in labels[-1]}
    for label in labels:
        if label.isascii():
            continue
        scripts = {_script(char) for char in label} - {""}
        if len(scripts & {"LATIN", "CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE"}) > 1:
            return True
        for script, lookalikes in LOOKALIKES.items():
            # Under a top-level domain of its own script nobody expects Latin.
            if scripts == {script} and script not in top_scripts:
                letters = {char for char in unicodedata.normalize("NFC", label) if char.isalpha()}
                if letters <= lookalikes:
                    return True
    return False
