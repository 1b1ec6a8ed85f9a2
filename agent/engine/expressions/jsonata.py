"""JSONata: the one module that knows `jsonatapy`. Compiles expressions and evaluates them over many documents at once.

A compiled expression must be used in the thread that compiled it (elsewhere the library panics), so each thread keeps
its own. Every evaluation is limited in time, depth and length. Numbers inside expressions are IEEE doubles; whole
numbers that these cannot hold are handed over as text, so that an id is never changed silently. What expressions may
name besides JSONata's own functions is in `agent.engine.expressions.host_functions` and
`agent.engine.expressions.vocabulary`. An expression that could need much memory is evaluated in a process of its own:
see `agent.engine.expressions.confinement`.
"""

from __future__ import annotations

import atexit
import re
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import jsonatapy
import msgspec

from agent.engine.expressions.confined import MILLISECONDS, SEQUENCE_LENGTH, STACK_DEPTH
from agent.engine.expressions.confinement import Confinement
from agent.engine.expressions.growth import can_grow
from agent.engine.expressions.host_functions import HOST_FUNCTIONS, looking_up, registered
from agent.engine.expressions.names import named
from agent.engine.expressions.needs import Reduction
from agent.engine.expressions.signature import REMEDY, RefusedError
from agent.engine.expressions.vocabulary import PLAIN, Vocabulary
from agent.engine.mapping.conversion import JsonNumber, json_text

MOST_CHARACTERS: Final = 10_000
_PACKET_SECONDS: Final = 20.0
_PACKET_MILLISECONDS: Final = 10_000
_KEPT_PER_THREAD: Final = 64
_WHOLE_BITS: Final = 53

_UNFINISHED = ("S0207", "S0101", "S0105", "S0106", "S0203", "S0302", "Unclosed comment")
_DIGITS_ALIKE = bytes.maketrans(b"123456789", b"000000000")
_BIG_NUMBER = b"0" * 16
_WORD = re.compile(r"[\w$]{1,40}|.", re.DOTALL)
_FORBIDDEN = re.compile(r"\$eval\b")
_HOST_ERROR = re.compile(r"^host function raised (\w+): ")
_CODE = re.compile(r"^(?:Parse error: )?(?:Invalid syntax: )?(?:Syntax error: )?([A-Z][0-9]{4}): ")
_DECODER = msgspec.json.Decoder(float_hook=JsonNumber)
_RESULTS = msgspec.json.Decoder(list[dict[str, Any]])

_HOST_NAMES = frozenset(f"${name}" for name in HOST_FUNCTIONS)

_threads = threading.local()
_confinement = Confinement()
atexit.register(_confinement.close)


@dataclass(frozen=True, slots=True)
class SyntaxFault:
    """Why an expression does not compile, and the offset of the character at fault."""

    message: str
    offset: int


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a document gave no result: the name of the expression at fault, the reason, and what to do where it says."""

    name: str
    reason: str
    remedy: str = ""


@dataclass(slots=True)
class Evaluated:
    """Results by document index and name of expression, and why single documents gave none."""

    names: frozenset[str]
    results: list[Mapping[str, Any]]
    failures: dict[int, Failure] = field(default_factory=dict)


def syntax_fault(expression: str) -> SyntaxFault | None:
    """What is wrong with an expression, or None. Nothing is evaluated."""
    if len(expression) > MOST_CHARACTERS:
        return SyntaxFault(f"it is longer than {MOST_CHARACTERS:,} characters", 0)
    if not expression.strip():
        return SyntaxFault("it is empty", 0)
    if forbidden := _FORBIDDEN.search(expression):
        return SyntaxFault("$eval is not available", forbidden.start())
    message = _compile_fault(expression)
    if message is None:
        return None
    offset = _place_of_fault(expression)
    if "S0201" in message and (word := _WORD.match(expression, offset)):
        return SyntaxFault(f"“{word[0]}” is not expected here", offset)
    return SyntaxFault(_without_code(message), offset)


def names_root(expression: str) -> bool:
    """Whether an expression may refer to the whole record as `$$`."""
    return "$$" in expression


def packet_deadline() -> float:
    """When the expressions of a packet that is begun now have taken too long, by `time.monotonic`."""
    return time.monotonic() + _PACKET_SECONDS


class Expressions:
    """Named expressions that are evaluated together.

    Args:
        expressions: Each must compile by itself.
        vocabulary: The functions, lookups and variables that they may name.

    Where one of them names the root, `$$`, the documents are evaluated one by one, so that each is its own root.
    """

    def __init__(self, expressions: Mapping[str, str], vocabulary: Vocabulary = PLAIN) -> None:
        self._expressions = expressions
        self._lookups = vocabulary.lookups
        self._prelude = vocabulary.prelude(expressions.values())
        names = frozenset().union(*map(named, expressions.values()))
        # What costs nothing is not to be asked for: most expressions name no variable.
        self._variables = vocabulary.variables if names & vocabulary.variables.names else None
        pure = _HOST_NAMES.union(f"${name}" for name in (*vocabulary.functions, *vocabulary.variables.names))
        self._reduction = Reduction(expressions.values(), pure)
        self._alone = any(names_root(text) for text in expressions.values())
        # Functions that call functions can double a text again and again.
        self._confined = bool(self._prelude) or any(can_grow(text) for text in expressions.values())
        members = ",".join(f'"{name}":{text}' for name, text in expressions.items())
        self._one = self._within(f"{{{members}}}")
        self._many = self._within(f"[$.{{{members}}}]")

    def evaluate(self, documents: Sequence[bytes], *, deadline: float | None = None) -> Evaluated:
        """Evaluate over every document. One that fails spoils no other.

        After `deadline`, a time of `time.monotonic`, documents fail without being looked at. It is `packet_deadline()`
        where it is not given.
        """
        with looking_up(self._lookups):
            return self._evaluated(documents, deadline)

    def over_packet(self, documents: Sequence[bytes]) -> Any:
        """What the only expression gives for a packet, which it sees as a list of records; None for nothing.

        Raises:
            ValueError: it failed; the text says why.
        """
        (expression,) = self._expressions.values()
        packet = b"[" + b",".join(map(_exact, self._reduction.reduced(documents))) + b"]"
        result, reason = "", ""
        try:
            with looking_up(self._lookups):
                result = self._run(self._within(expression), packet.decode(), milliseconds=_PACKET_MILLISECONDS)
        except ValueError as error:
            reason = _failure("", str(error)).reason
        if not result:
            # Not out of the handler: the library's error holds the expression, which must not leave this thread.
            raise ValueError(reason)
        return msgspec.json.decode(result)

    def _evaluated(self, documents: Sequence[bytes], deadline: float | None) -> Evaluated:
        documents = [_exact(document) for document in self._reduction.reduced(documents)]
        evaluated = Evaluated(frozenset(self._expressions), [{}] * len(documents))
        deadline = packet_deadline() if deadline is None else deadline
        pending = [range(index, index + 1) for index in range(len(documents))] if self._alone else None
        pending = pending or [range(len(documents))]
        while pending:
            span = pending.pop()
            if time.monotonic() > deadline:
                for index in span:
                    evaluated.failures[index] = Failure("", "the expressions of this packet took too long")
                continue
            try:
                found = self._evaluate(documents[span.start : span.stop])
            except ValueError as error:
                if len(span) == 1:
                    evaluated.failures[span.start] = self._culprit(documents[span.start], str(error))
                elif len(span) > 1:
                    middle = (span.start + span.stop) // 2
                    pending += [range(middle, span.stop), range(span.start, middle)]
            else:
                evaluated.results[span.start : span.stop] = found
        return evaluated

    def _evaluate(self, documents: Sequence[bytes]) -> list[Mapping[str, Any]]:
        if not documents:
            return []
        if self._alone:
            result = self._run(self._one, documents[0].decode())
            return list(_RESULTS.decode(f"[{result}]"))
        found = _RESULTS.decode(self._run(self._many, (b"[" + b",".join(documents) + b"]").decode()))
        if len(found) != len(documents):
            raise ValueError("a document is not a JSON object")
        return list(found)

    def _within(self, expression: str) -> str:
        """The expression behind the definitions that it needs."""
        return f"({self._prelude}{expression})" if self._prelude else expression

    def _culprit(self, document: bytes, message: str) -> Failure:
        for name, text in self._expressions.items():
            try:
                self._run(self._within(text), document.decode())
            except ValueError as error:
                return _failure(name, str(error))
        return _failure("", message)

    def _run(self, expression: str, document: str, *, milliseconds: int = MILLISECONDS) -> str:
        bindings = dict(self._variables.bindings) if self._variables is not None else None
        if self._confined:
            return _confinement.evaluate(expression, document, self._lookups, bindings or {})
        with _no_panic():
            return _compiled(expression).evaluate_json(
                document,
                bindings,
                timeout=milliseconds,
                max_stack_depth=STACK_DEPTH,
                max_sequence_length=SEQUENCE_LENGTH,
            )


def _compiled(expression: str) -> jsonatapy.JsonataExpression:
    kept: OrderedDict[str, jsonatapy.JsonataExpression]
    kept = _threads.__dict__.setdefault("kept", OrderedDict())
    compiled = kept.get(expression)
    if compiled is None:
        compiled = kept[expression] = registered(jsonatapy.compile(expression), expression)
        if len(kept) > _KEPT_PER_THREAD:
            kept.popitem(last=False)
    else:
        kept.move_to_end(expression)
    return compiled


def _compile_fault(expression: str) -> str | None:
    try:
        with _no_panic():
            jsonatapy.compile(expression)
    except ValueError as error:
        return str(error)
    return None


@contextmanager
def _no_panic() -> Iterator[None]:
    """A fault inside the native library counts as an error of the expression; it must not take the service down."""
    try:
        yield
    except BaseException as error:
        if type(error).__name__ != "PanicException":
            raise
        raise ValueError("the expression cannot be evaluated") from error


def _place_of_fault(expression: str) -> int:
    """The start of the word with which the expression stops making sense; its end where something is missing."""

    def broken(length: int) -> bool:
        message = _compile_fault(expression[:length])
        return message is not None and not any(code in message for code in _UNFINISHED)

    if not broken(len(expression)):
        return len(expression.rstrip())
    low, high = 0, len(expression)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if broken(middle) else (middle, high)
    start = high - 1
    while start and (expression[start - 1].isalnum() or expression[start - 1] in "_$") and expression[start].isalnum():
        start -= 1
    return start


def _failure(name: str, message: str) -> Failure:
    host_error = _HOST_ERROR.match(message)
    if host_error is None:
        return Failure(name, _without_code(message))
    if host_error[1] not in {"ValueError", RefusedError.__name__}:
        return Failure(name, "one of its functions cannot work with what it was given")
    reason, _, remedy = message[host_error.end() :].partition(REMEDY)
    return Failure(name, reason, remedy)


def _without_code(message: str) -> str:
    """The library's sentence for people: without its code, and shortened, as it may quote a value."""
    text = _CODE.sub("", message).removeprefix("Parse error: ")
    text = text[:1].lower() + text[1:]
    return f"{text[:120]}…" if len(text) > 120 else text


def _exact(document: bytes) -> bytes:
    """The document with whole numbers that a double cannot hold turned into text."""
    if _BIG_NUMBER not in document.translate(_DIGITS_ALIKE):
        return document
    try:
        return json_text(_big_as_text(_DECODER.decode(document))).encode()
    except (msgspec.MsgspecError, RecursionError):
        return document


def _big_as_text(value: Any) -> Any:
    if type(value) is int:
        return str(value) if value.bit_length() > _WHOLE_BITS else value
    if isinstance(value, list):
        return [_big_as_text(item) for item in value]
    if isinstance(value, dict):
        return {name: _big_as_text(item) for name, item in value.items()}
    return value
