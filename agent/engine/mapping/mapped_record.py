"""One record as a POST would be given it: read again by its id and mapped as in a run, without writing anything."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from agent.domain.app import Attribute
from agent.domain.errors import ConfigurationError, RecordError
from agent.domain.packet import Row
from agent.domain.processflow import PostNode, Processflow, Stage
from agent.domain.run_plan import Retry
from agent.engine.expressions.vocabulary import Vocabulary
from agent.engine.filters.plans import ask, check_by_id, planned
from agent.engine.running.preparation import fingerprint_of
from agent.engine.running.reading import Readable
from agent.engine.running.rereading import read_again, retry_clauses
from agent.engine.walking.arrivals import with_ids
from agent.engine.walking.load import Load
from agent.engine.walking.variable_values import VariableValues
from agent.engine.walking.walking import Action, Drop, Walker, Write
from agent.store.library.variables import VariableStore
from agent.store.runs.past import Past


@dataclass(frozen=True, slots=True)
class MappedRecord:
    """A mapped record, and the state of its source that it was made from."""

    attributes: tuple[Attribute, ...]
    row: Row
    fingerprint: int


async def mapped_record(
    stage: Stage,
    post: PostNode,
    source_id: str,
    *,
    flow: Processflow,
    version: int,
    source: Readable,
    vocabulary: Vocabulary,
    variables: VariableStore,
    past: Past,
) -> MappedRecord:
    """Read a record again and let it walk as far as a POST.

    Args:
        stage: The stage of the POST.
        post: The POST.
        source_id: The record's id at the source.
        flow: The processflow.
        version: Its deployed version.
        source: What to read from, entered.
        vocabulary: What its expressions may name.
        variables: What is stored for its variables.
        past: What became of the record at POSTs before this one.

    Raises:
        ConfigurationError: code `retry-filter-missing`, `record-gone`, `record-unmapped` or `record-elsewhere`.
        AgentError: whatever the source raises.
    """
    check_by_id(stage.source)
    plan = Retry({post.id: 1})
    get = planned(plan, stage).source
    values = VariableValues(flow.variables, flow=flow.name, store=variables, vocabulary=vocabulary)
    asked = ask(get, plan, values.texts(), bookmark=None, position=None, packet_records=1)
    document = await read_again(source, retry_clauses(get, values.texts()), asked.request, source_id)
    if document is None:
        raise _refused(
            "record-gone", "The record is not at the source any more.", "There is nothing to correct: skip it."
        )
    load = Load([source_id], [fingerprint_of(document, version)], [document])
    found = _Search(planned(plan, stage), post, Walker(planned(plan, stage), vocabulary, values), past).find(load)
    row = found.rows[0] if found.rows else None
    if row is None:
        raise _unmapped(found.errors.get(0))
    return MappedRecord(found.attributes, row, load.fingerprints[0])


@dataclass
class _Search:
    """Walks until a load comes to the POST. What is held in a Merger goes on at the end."""

    stage: Stage
    post: PostNode
    walker: Walker
    past: Past
    stopped_at: str = ""
    errors: list[RecordError] = field(default_factory=list)

    def find(self, load: Load) -> Load:
        found = self._seek(self.walker.walk(load))
        while found is None and self.walker.holds:
            found = self._seek(self.walker.flush())
        if found is not None:
            return found
        if self.errors:
            raise _unmapped(self.errors[0])
        if self.stopped_at:
            raise _refused(
                "record-elsewhere",
                f"The record has not arrived at {self.stopped_at} yet, from where it comes to {self.post.id}.",
                f"Let it be tried again at {self.stopped_at} first, or correct it there.",
            )
        raise _refused(
            "record-elsewhere",
            f"The record does not come to {self.post.id} any more: it takes another way.",
            "Let it be tried again: it is then written where it belongs.",
        )

    def _seek(self, actions: Iterator[Action]) -> Load | None:
        for action in actions:
            if isinstance(action, Drop):
                self.errors += action.load.errors.values()
            if not isinstance(action, Write):
                continue
            if action.post.id == self.post.id:
                return action.load
            if action.onward and (found := self._behind(action)) is not None:
                return found
        return None

    def _behind(self, action: Write) -> Load | None:
        """What comes from behind another POST, if the record has arrived there in its present state."""
        load, post = action.load, action.post
        known = self.past.known(post.id, load.source_ids).get(load.source_ids[0])
        if known is None or not known.succeeded or known.fingerprint != load.fingerprints[0]:
            self.stopped_at = post.id
            return None
        return self._seek(self.walker.onward(post, with_ids(load, {0: known.destination_id})))


def _unmapped(error: RecordError | None) -> ConfigurationError:
    reason = error.message if error is not None else "there is nothing to write."
    remedy = error.remedy if error is not None else ""
    return _refused("record-unmapped", f"The record cannot be mapped: {reason}", remedy)


def _refused(code: str, message: str, remedy: str) -> ConfigurationError:
    return ConfigurationError(message, code=code, remedy=remedy)
