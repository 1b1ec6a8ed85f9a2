"""What the set-up commands say: one line per step with the time it took, and nothing else while all goes well.

Plain ASCII, as a Windows console may still be on an old code page.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO


class SetUpError(Exception):
    """The set-up cannot go on. The message says what to do; `output` is what the failed program printed."""

    def __init__(self, message: str, *, output: str = "") -> None:
        super().__init__(message)
        self.output = output


class Progress:
    """Writes steps to a stream. Knows nothing of what the steps do."""

    def __init__(self, stream: TextIO | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream or sys.stdout
        self._clock = clock

    def say(self, text: str) -> None:
        """In one piece, as others may be talking too."""
        self._stream.write(f"{text}\n")
        self._stream.flush()

    @contextmanager
    def step(self, text: str) -> Iterator[None]:
        """The text at once, the elapsed time when it is done; `failed` when it is not."""
        started = self._clock()
        print(f"{text} ...", end="", file=self._stream, flush=True)
        try:
            yield
        except BaseException:
            self.say(" failed")
            raise
        self.say(f" {self._clock() - started:.1f} s")

    def explain(self, error: SetUpError) -> None:
        """The end of the failed program's output, then what to do."""
        if error.output:
            self.say("\n".join(error.output.rstrip().splitlines()[-30:]))
        self.say(str(error))
