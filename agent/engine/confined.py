"""The program in which expressions are evaluated that may need much memory. Its parent may kill it at any moment.

Requests and answers are msgpack, each after four bytes of its length: `[expression, document]` becomes `[true, result]`
or `[false, message]`. The program ends when its input does, so it never outlives its parent.
"""

from __future__ import annotations

import sys
from typing import IO, Final

import jsonatapy
import msgspec

LENGTH_BYTES: Final = 4
MILLISECONDS: Final = 500
STACK_DEPTH: Final = 200
SEQUENCE_LENGTH: Final = 1_000_000
_KEPT: Final = 64
_REQUESTS = msgspec.msgpack.Decoder(tuple[str, str])


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
    while (request := read_message(sys.stdin.buffer)) is not None:
        expression, document = _REQUESTS.decode(request)
        try:
            if expression not in compiled:
                if len(compiled) >= _KEPT:
                    compiled.clear()
                compiled[expression] = jsonatapy.compile(expression)
            result = compiled[expression].evaluate_json(
                document, timeout=MILLISECONDS, max_stack_depth=STACK_DEPTH, max_sequence_length=SEQUENCE_LENGTH
            )
        except ValueError as error:
            answer = (False, str(error))
        else:
            answer = (True, result)
        write_message(sys.stdout.buffer, msgspec.msgpack.encode(answer))


if __name__ == "__main__":
    main()
