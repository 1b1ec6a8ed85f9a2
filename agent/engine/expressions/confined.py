"""The program in which expressions are evaluated that may need much memory. Its parent may kill it at any moment.

Messages are msgpack, each after four bytes of its length. The first one, empty, says that the program is ready: on a
busy machine starting takes a moment, which is not the expression's fault. `[expression, document, lookups,
bindings]` becomes `["result", text, ""]` or `["failure", message, ""]`; before that, `["lookup", name, source]` may ask
for a value, and gets it alone. The tables of lookups stay with the parent: `lookups` are their names. The program ends
when its input does, so it never outlives its parent.
"""

from __future__ import annotations

import sys
from typing import IO, Final

import jsonatapy
import msgspec

from agent.engine.expressions.host_functions import looking_up, registered
from agent.engine.expressions.vocabulary import Lookup

LENGTH_BYTES: Final = 4
MILLISECONDS: Final = 500
STACK_DEPTH: Final = 200
SEQUENCE_LENGTH: Final = 1_000_000
_KEPT: Final = 64
_REQUESTS = msgspec.msgpack.Decoder(tuple[str, str, dict[str, str], dict[str, str | int | float | bool]])


def read_message(stream: IO[bytes]) -> bytes | None:
    """The next message; None at the end, also where it comes in the middle of one."""
    head = stream.read(LENGTH_BYTES)
    if len(head) < LENGTH_BYTES:
        return None
    length = int.from_bytes(head, "big")
    message = stream.read(length)
    return message if len(message) == length else None


def write_message(stream: IO[bytes], message: bytes) -> None:
    """Send a message. Raises OSError where nobody listens any more."""
    stream.write(len(message).to_bytes(LENGTH_BYTES, "big"))
    stream.write(message)
    stream.flush()


def main() -> None:
    """Answer requests until the input ends."""
    compiled: dict[str, jsonatapy.JsonataExpression] = {}
    write_message(sys.stdout.buffer, b"")
    while (request := read_message(sys.stdin.buffer)) is not None:
        expression, document, tables, bindings = _REQUESTS.decode(request)
        try:
            if expression not in compiled:
                if len(compiled) >= _KEPT:
                    compiled.clear()
                compiled[expression] = registered(jsonatapy.compile(expression), expression)
            with looking_up({name: Lookup(table, _Asked(name)) for name, table in tables.items()}):
                result = compiled[expression].evaluate_json(
                    document,
                    bindings,
                    timeout=MILLISECONDS,
                    max_stack_depth=STACK_DEPTH,
                    max_sequence_length=SEQUENCE_LENGTH,
                )
        except ValueError as error:
            answer = ("failure", str(error), "")
        else:
            answer = ("result", result, "")
        write_message(sys.stdout.buffer, msgspec.msgpack.encode(answer))


class _Asked:
    """The values of a lookup, asked of the parent; each once for a request."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._known: dict[str, object] = {}

    def get(self, source: str, /) -> object | None:
        if source not in self._known:
            write_message(sys.stdout.buffer, msgspec.msgpack.encode(("lookup", self._name, source)))
            answer = read_message(sys.stdin.buffer)
            if answer is None:
                sys.exit()
            self._known[source] = msgspec.msgpack.decode(answer)
        return self._known[source]


if __name__ == "__main__":
    main()
