"""The colours of the window, once for light and once for dark. No other module names a colour.

Text on its ground has a contrast of at least 4.5:1, a control's border of at least 3:1; tests/gui holds that.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Tokens:
    """Named colours. `soft` grounds carry text of the colour that they are named after."""

    page: str
    surface: str
    sunken: str
    sidebar: str
    hover: str
    line: str
    control: str
    text: str
    muted: str
    disabled: str
    accent: str
    accent_hover: str
    accent_soft: str
    on_accent: str
    ok: str
    ok_soft: str
    warn: str
    warn_soft: str
    error: str
    error_soft: str
    error_hover: str
    info: str
    info_soft: str
    idle: str
    idle_soft: str
    selection: str


LIGHT = Tokens(
    page="#f4f5f8",
    surface="#ffffff",
    sunken="#f4f5f8",
    sidebar="#fbfbfd",
    hover="#eef0f5",
    line="#e1e5ec",
    control="#838d9c",
    text="#182030",
    muted="#566072",
    disabled="#9aa3b2",
    accent="#2457d6",
    accent_hover="#1c48b8",
    accent_soft="#e8eefc",
    on_accent="#ffffff",
    ok="#0f7a43",
    ok_soft="#e2f5ea",
    warn="#8f5200",
    warn_soft="#fdf0d9",
    error="#b42318",
    error_soft="#fde8e6",
    error_hover="#942015",
    info="#2457d6",
    info_soft="#e8eefc",
    idle="#566072",
    idle_soft="#edeff3",
    selection="#e3ebfd",
)

DARK = Tokens(
    page="#13161c",
    surface="#1d222b",
    sunken="#171b22",
    sidebar="#171b22",
    hover="#272e39",
    line="#2e3643",
    control="#6f7b8d",
    text="#e8ecf3",
    muted="#a3adbd",
    disabled="#667184",
    accent="#7aa2ff",
    accent_hover="#95b5ff",
    accent_soft="#202c4a",
    on_accent="#0b1020",
    ok="#4fd08a",
    ok_soft="#16321f",
    warn="#f2b457",
    warn_soft="#37290f",
    error="#ff8f83",
    error_soft="#401d19",
    error_hover="#ffa79d",
    info="#7aa2ff",
    info_soft="#202c4a",
    idle="#a3adbd",
    idle_soft="#2a313c",
    selection="#263659",
)
