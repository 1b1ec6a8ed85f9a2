"""PySide6 6.12.0 on Python 3.10 and 3.11 loses references of True and None and crashes in the end."""

from __future__ import annotations

import sys

import pytest
from PySide6.QtCore import QObject, Signal


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="singletons are immortal from 3.12 on")
def test_signal_emit_does_not_eat_references() -> None:
    class Sender(QObject):
        sent = Signal(int)

    sender = Sender()
    before = sys.getrefcount(True)
    for number in range(200):
        sender.sent.emit(number)
    assert sys.getrefcount(True) >= before - 5
