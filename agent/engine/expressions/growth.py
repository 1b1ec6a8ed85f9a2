"""Tells whether a JSONata expression could make much out of little: enormous texts or lists, in a moment.

Time, depth and the length of lists are limited by the library, memory is not. What cannot grow is evaluated at once;
everything else is evaluated where memory is watched: see `agent.engine.expressions.confinement`. The look is at the
text alone, so that a word inside a quoted text may cause needless care, and nothing is missed.
"""

from __future__ import annotations

import re
from typing import Final

# What repeats or doubles: definitions, assignments, ranges, composition, and functions with a length of their own.
_REPEATS = re.compile(r"\bfunction\b|λ|:=|\.\.|~>|\$(?:pad|reduce|eval)\b")
# One of these multiplies the length of two texts; inside one another they do so again.
_MULTIPLIES = re.compile(r"\$(?:replace|join)\b")
# These lengthen a text by a share; inside one another again and again.
_LENGTHENS = re.compile(r"\$(?:string|base64encode|encodeUrl(?:Component)?|formatNumber|formatInteger)\b")
_MOST_MULTIPLYING: Final = 1
_MOST_LENGTHENING: Final = 6


def can_grow(expression: str) -> bool:
    """Whether the result may be out of proportion to the record and the expression.

    What is left is bounded: by the record times the expression, or by the library's limit on the length of lists.
    """
    return (
        _REPEATS.search(expression) is not None
        or len(_MULTIPLIES.findall(expression)) > _MOST_MULTIPLYING
        or len(_LENGTHENS.findall(expression)) > _MOST_LENGTHENING
    )
