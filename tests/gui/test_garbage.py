"""Garbage is collected where widgets live."""

from __future__ import annotations

import gc
import weakref
from typing import Any

from agent.gui.garbage import GuiThreadGarbage


class Knot:
    """Holds itself."""

    def __init__(self) -> None:
        self.me = self


def test_python_does_not_collect_by_itself_and_the_timer_does(qtbot: Any, garbage: GuiThreadGarbage) -> None:
    assert not gc.isenabled()
    knot = weakref.ref(Knot())
    assert knot() is not None
    many = 3 * gc.get_threshold()[0]
    kept = [Knot() for _ in range(many)]
    garbage.look()
    assert knot() is None
    assert len(kept) == many
