"""How long each Delay of a stage holds a packet back."""

from __future__ import annotations

from agent.domain.errors import ConfigurationError
from agent.domain.processflow import DelayNode, Stage
from agent.engine.documents.flow_forms import seconds_of
from agent.engine.expressions.jsonata import Expressions
from agent.engine.expressions.vocabulary import PLAIN, Vocabulary
from agent.engine.walking.load import Load

_NAME = "delay"
_MOST_SECONDS = 30 * 24 * 3_600


class Delays:
    """The Delays of a stage. A dynamic one looks at the packet's first record that has not failed."""

    def __init__(self, stage: Stage, vocabulary: Vocabulary = PLAIN) -> None:
        self._expressions = {
            node.id: Expressions({_NAME: node.expression}, vocabulary)
            for node in stage.nodes.values()
            if isinstance(node, DelayNode) and node.expression
        }

    def seconds(self, node: DelayNode, load: Load) -> float:
        """How long, in seconds.

        Raises:
            ConfigurationError: code `delay-invalid`: the expression gives no length of time.
        """
        expressions = self._expressions.get(node.id)
        if expressions is None:
            return node.seconds
        first = next((index for index in range(len(load)) if index not in load.errors), None)
        if first is None:
            return 0.0
        evaluated = expressions.evaluate(load.picked([first]).as_documents())
        seconds = _seconds(evaluated.results[0].get(_NAME)) if not evaluated.failures else None
        if seconds is None:
            raise ConfigurationError(
                f"The expression of {node.id} gives no length of time for the record {load.source_ids[first]}.",
                code="delay-invalid",
                remedy="Let it give seconds, or a text like 00:05:00 or 2 h, of 30 days at most.",
                field=node.id,
            )
        return seconds


def _seconds(given: object) -> float | None:
    seconds = None
    if isinstance(given, str):
        seconds = seconds_of(given)
    elif isinstance(given, int | float) and not isinstance(given, bool):
        seconds = float(given)
    return seconds if seconds is not None and 0 <= seconds <= _MOST_SECONDS else None
