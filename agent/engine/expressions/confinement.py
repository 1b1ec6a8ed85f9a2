"""Evaluates expressions in a process of its own, whose memory and time are watched: one that needs too much of either
takes nothing down but that process.

Processes are started when they are needed first, and kept: a packet costs one message there and one back. Sizes, times
and the fact that a process ended are this module's business; what expressions mean is
`agent.engine.expressions.jsonata`'s.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, Final

import msgspec
import psutil

from agent.engine.expressions.confined import MILLISECONDS, read_message, write_message
from agent.engine.expressions.vocabulary import Lookup

MOST_BYTES: Final = 512 * 1024 * 1024
_MOST_SECONDS: Final = 2 * MILLISECONDS / 1000
_LOOK_SECONDS: Final = 0.02
_MOST_PROCESSES: Final = 2
_ANSWERS = msgspec.msgpack.Decoder(tuple[str, str, str])
_NOTHING: Final[Mapping[str, Any]] = {}
_NO_WINDOW: Final = getattr(subprocess, "CREATE_NO_WINDOW", 0)


class Confinement:
    """Processes that evaluate, a few of them at most. Thread-safe.

    Args:
        most_bytes: How much memory an evaluation may need, with everything around it.
        most_seconds: How long it may take, over and above its own limit.
    """

    def __init__(self, *, most_bytes: int = MOST_BYTES, most_seconds: float = _MOST_SECONDS) -> None:
        self._most_bytes, self._most_seconds = most_bytes, most_seconds
        self._places = threading.BoundedSemaphore(_MOST_PROCESSES)
        self._lock = threading.Lock()
        self._idle: list[subprocess.Popen[bytes]] = []

    def evaluate(
        self,
        expression: str,
        document: str,
        lookups: Mapping[str, Lookup] = _NOTHING,
        bindings: Mapping[str, object] = _NOTHING,
    ) -> str:
        """The result as JSON text. The process asks back for single values of lookups: tables may be large.
        `bindings` are the values of variables by name.

        Raises:
            ValueError: the expression fails, takes too long, or needs too much memory.
        """
        tables = {name: lookup.table for name, lookup in lookups.items()}
        with self._process() as process:
            return self._ask(process, msgspec.msgpack.encode((expression, document, tables, bindings)), lookups)

    def _ask(self, process: subprocess.Popen[bytes], request: bytes, lookups: Mapping[str, Lookup]) -> str:
        assert process.stdin is not None
        reason: list[str] = []
        answered = threading.Event()
        watching = threading.Thread(target=self._watch, args=(process, answered, reason), daemon=True)
        watching.start()
        answer = None
        try:
            write_message(process.stdin, request)
            answer = _answer(process, lookups)
        except OSError:
            pass  # it was killed, or ended by itself: there is no answer
        finally:
            answered.set()
            watching.join()
        if answer is None:
            _end(process)
            raise ValueError(reason[0] if reason else "the expression cannot be evaluated")
        kind, text = answer
        if kind != "result":
            raise ValueError(text)
        return text

    def _watch(self, process: subprocess.Popen[bytes], answered: threading.Event, reason: list[str]) -> None:
        end = time.monotonic() + self._most_seconds
        with suppress(psutil.Error):
            seen = psutil.Process(process.pid)
            while not answered.wait(_LOOK_SECONDS):
                if seen.memory_info().rss > self._most_bytes:
                    reason.append("it needs more memory than an expression may have")
                elif time.monotonic() > end:
                    reason.append("it takes longer than an expression may take")
                if reason:
                    process.kill()
                    return

    @contextmanager
    def _process(self) -> Iterator[subprocess.Popen[bytes]]:
        with self._places:
            process = self._take()
            try:
                yield process
            finally:
                with self._lock:
                    if process.poll() is None:
                        self._idle.append(process)

    def _take(self) -> subprocess.Popen[bytes]:
        with self._lock:
            while self._idle:
                process = self._idle.pop()
                if process.poll() is None:
                    return process
                _end(process)
        return _started()

    def close(self) -> None:
        """End the processes that nobody uses."""
        with self._lock:
            while self._idle:
                _end(self._idle.pop())


def _answer(process: subprocess.Popen[bytes], lookups: Mapping[str, Lookup]) -> tuple[str, str] | None:
    """What it answers in the end; None where it ended instead."""
    assert process.stdin is not None
    assert process.stdout is not None
    while (message := read_message(process.stdout)) is not None:
        kind, text, source = _ANSWERS.decode(message)
        if kind != "lookup":
            return kind, text
        write_message(process.stdin, msgspec.msgpack.encode(lookups[text].values.get(source)))
    return None


def _started() -> subprocess.Popen[bytes]:
    """A new process, once it is ready. Raises ValueError where it does not start."""
    process = subprocess.Popen(
        [sys.executable, "-m", "agent.engine.expressions.confined"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONUTF8": "1"},
        creationflags=_NO_WINDOW,
    )
    assert process.stdout is not None
    if read_message(process.stdout) is None:
        _end(process)
        raise ValueError("the expression cannot be evaluated")
    return process


def _end(process: subprocess.Popen[bytes]) -> None:
    """Let it end, and wait for it: nothing of it is left."""
    process.kill()
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            with suppress(OSError):
                stream.close()
    process.wait()
