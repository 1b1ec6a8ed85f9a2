"""How long each Delay of a stage holds a packet back."""

from __future__ import annotations

from agent.domain.errors import ConfigurationError
from agent.domain.processflow import DelayNode, Stage
from agent.engine.expressions import Expressions
from agent.engine.flow_forms import seconds_of
from agent.engine.load import Load

_NAME = "delay"
_MOST_SECONDS = 30 * 24 * 3_600


class Delays:
    """The Delays of a stage. A dynamic one looks at the packet's first record."""

    def __init__(self, stage: Stage) -> None:
        self._expressions = {
            node.id: Expressions({_NAME: node.expression})
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
        evaluated = expressions.evaluate(load.picked([0]).as_documents())
        given = evaluated.results[0].get(_NAME) if not evaluated.failures else None
        seconds = seconds_of(str(given)) if isinstance(given, str | int | float) else None
        if seconds is None or seconds > _MOST_SECONDS:
            raise ConfigurationError(
                f"The expression of {node.id} gives no length of time for the record {load.source_ids[0]}.",
                code="delay-invalid",
                remedy="Let it give seconds, or a text like 00:05:00 or 2 h, of 30 days at most.",
                field=node.id,
            )
        return seconds
