"""At which node an error happened: noted on the error itself by whoever was at work there, the innermost first."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

_ATTRIBUTE = "op_agent_node"


@contextmanager
def blaming(node: str) -> Iterator[None]:
    """Note on errors of the block that they happened at this node."""
    try:
        yield
    except Exception as error:
        blame(error, node)
        raise


def blame(error: Exception, node: str) -> None:
    """Note that an error happened at this node, unless it is known already where it did."""
    if not blamed(error):
        setattr(error, _ATTRIBUTE, node)


def blamed(error: Exception) -> str:
    """The node at which an error happened; empty where it belongs to none."""
    return str(getattr(error, _ATTRIBUTE, ""))
