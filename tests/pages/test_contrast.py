"""The palette keeps WCAG's contrast (AA): 4.5 to 1 for text, 3 to 1 for borders of controls and for the focus ring."""

import re
from pathlib import Path

import pytest
from django.conf import settings

TOKENS = Path(settings.BASE_DIR) / "static" / "css" / "tokens.css"
GROUNDS = ("paper", "surface", "surface-sunk")
STATES = ("good", "active", "warning", "bad", "neutral", "accent")
PAIRS = [
    *((text, ground, 4.5) for text in ("ink", "ink-soft", "accent") for ground in GROUNDS),
    *((state, f"{state}-soft", 4.5) for state in STATES),
    *(("ink", f"{state}-soft", 4.5) for state in STATES),
    *((state, "surface", 4.5) for state in STATES),
    ("on-accent", "accent", 4.5),
    ("on-accent", "accent-strong", 4.5),
    *((line, ground, 3.0) for line in ("line-strong", "focus") for ground in ("paper", "surface")),
]


def palettes() -> dict[str, dict[str, str]]:
    light, dark = (
        dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", half)) for half in TOKENS.read_text().split("@media")
    )
    return {"light": light, "dark": light | dark}


def luminance(colour: str) -> float:
    """Relative luminance of "#rrggbb", as WCAG 2 defines it."""
    parts = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_and_controls_stand_out_from_their_ground(scheme: str) -> None:
    palette = palettes()[scheme]
    for front, ground, wanted in PAIRS:
        darker, lighter = sorted((luminance(palette[front]), luminance(palette[ground])))
        assert (lighter + 0.05) / (darker + 0.05) >= wanted, f"{front} on {ground}"
