"""Contrast, both themes: text 4.5:1, borders of controls 3:1."""

from __future__ import annotations

import pytest

from agent.gui.palette import DARK, LIGHT, Tokens

_TEXT = [
    ("text", "page"), ("text", "surface"), ("text", "sidebar"), ("muted", "page"), ("muted", "surface"),
    ("muted", "sunken"), ("muted", "hover"), ("accent", "surface"), ("accent", "accent_soft"), ("on_accent", "accent"),
    ("on_accent", "accent_hover"), ("ok", "ok_soft"), ("warn", "warn_soft"), ("error", "error_soft"),
    ("error", "page"), ("error", "surface"), ("info", "info_soft"), ("idle", "idle_soft"), ("text", "selection"),
    ("muted", "selection"), ("page", "error"), ("page", "text"), ("text", "ok_soft"), ("text", "warn_soft"),
    ("text", "error_soft"), ("text", "info_soft"),
]  # fmt: skip
_CONTROLS = [("control", "surface"), ("control", "page"), ("accent", "page"), ("error", "surface")]


def _luminance(color: str) -> float:
    parts = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """The contrast of two colours after WCAG."""
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("tokens", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize(("ink", "ground"), _TEXT)
def test_text_is_readable(tokens: Tokens, ink: str, ground: str) -> None:
    assert contrast(getattr(tokens, ink), getattr(tokens, ground)) >= 4.5


@pytest.mark.parametrize("tokens", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize(("ink", "ground"), _CONTROLS)
def test_controls_have_visible_borders(tokens: Tokens, ink: str, ground: str) -> None:
    assert contrast(getattr(tokens, ink), getattr(tokens, ground)) >= 3
