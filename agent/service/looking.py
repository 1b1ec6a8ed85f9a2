"""A thread that looks after something again and again: at once when it is woken, else when its time has come."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Looker:
    """Looks until it is stopped. What a look raises never ends it.

    Args:
        look: Looks once; returns in how many seconds to look again.
        name: The name of the thread.
        fails: Told why, once, when looks begin to fail.
        heals: Told when looks succeed again.
        again_seconds: How long to wait after a look that failed.
        rest_seconds: How long to rest between two looks however often it is woken.
        stop_seconds: How long `stop` waits for a look to end; None for as long as it takes.
    """

    def __init__(
        self,
        look: Callable[[], float],
        *,
        name: str,
        fails: Callable[[Exception], None],
        heals: Callable[[], None],
        again_seconds: float,
        rest_seconds: float = 0.0,
        stop_seconds: float | None = 60.0,
    ) -> None:
        self._look, self._fails, self._heals = look, fails, heals
        self._again_seconds, self._rest_seconds, self._stop_seconds = again_seconds, rest_seconds, stop_seconds
        self._wake, self._stopping = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)

    @property
    def stopping(self) -> bool:
        """Whether it is to end: a long look may end early."""
        return self._stopping.is_set()

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def wake(self) -> None:
        """Look at once. Callable from any thread."""
        self._wake.set()

    def stop(self) -> None:
        """Look no more; returns when the last look is over. One that never began may be stopped as well."""
        self._stopping.set()
        self._wake.set()
        if self._thread.ident is not None:
            self._thread.join(self._stop_seconds)

    def _work(self) -> None:
        failing = False
        while not self._stopping.is_set():
            # Before the look: whoever wakes it meanwhile has seen what the look may have missed.
            self._wake.clear()
            seconds = self._again_seconds
            try:
                seconds = self._look()
            except Exception as error:  # noqa: BLE001 - whatever it is, it is told and tried again
                if not failing:
                    self._fails(error)
                failing = True
            else:
                if failing:
                    self._heals()
                failing = False
            self._stopping.wait(self._rest_seconds)
            # `stop` may have set it before it was cleared.
            if not self._stopping.is_set():
                self._wake.wait(seconds)
