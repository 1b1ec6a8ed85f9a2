"""The Decision node at work: a JSONata condition on each record, and the two ways that records go.

A record whose condition cannot be evaluated has failed; it goes the way of `then`, with its error, to be booked there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agent.domain.error_classes import ErrorClass
from agent.domain.errors import ConfigurationError, RecordError
from agent.domain.processflow import DecisionNode
from agent.engine.expressions.jsonata import Expressions, Failure, syntax_fault
from agent.engine.expressions.vocabulary import PLAIN, Vocabulary
from agent.engine.walking.load import Load
from agent.engine.walking.ways_back import DECIDED_AGAIN

_NAME = "condition"


@dataclass(frozen=True, slots=True)
class Decided:
    """The indices of the records that go each way, and why some could not be decided."""

    then: Sequence[int]
    otherwise: Sequence[int]
    errors: Mapping[int, RecordError]


class Condition:
    """The condition of a Decision. `again` says what helps a record that failed to come again.

    Raises:
        ConfigurationError: code `expression-syntax`: it does not compile.
    """

    def __init__(self, node: DecisionNode, vocabulary: Vocabulary = PLAIN, *, again: str = DECIDED_AGAIN) -> None:
        self._again = again
        fault = syntax_fault(node.condition)
        if fault is not None:
            raise ConfigurationError(
                f"The condition of {node.id} does not compile: {fault.message}.",
                code="expression-syntax",
                remedy="Correct it in the processflow, then deploy it again.",
                field=node.id,
            )
        self._node = node
        self._expressions = Expressions({_NAME: f"$boolean({node.condition})"}, vocabulary)

    def decide(self, load: Load) -> Decided:
        """Decide about every record that has not failed before."""
        evaluated = self._expressions.evaluate(load.as_documents())
        then: list[int] = []
        otherwise: list[int] = []
        errors: dict[int, RecordError] = {}
        for index in range(len(load)):
            if index in load.errors:
                then.append(index)
            elif index in evaluated.failures:
                errors[index] = self._undecided(evaluated.failures[index])
                then.append(index)
            else:
                (then if _holds(evaluated.results[index]) else otherwise).append(index)
        return Decided(then, otherwise, errors)

    def _undecided(self, failure: Failure) -> RecordError:
        return RecordError(
            f"The condition of {self._node.id} cannot be evaluated for this record: {failure.reason}.",
            code="condition-failed",
            error_class=ErrorClass.EXPRESSION_FAILED,
            cure=f"node:{self._node.id}",
            remedy=failure.remedy or self._again,
            field=self._node.id,
        )


def _holds(results: Mapping[str, Any]) -> bool:
    """A condition that gives nothing, because what it asks for is missing, does not hold."""
    return results.get(_NAME) is True
