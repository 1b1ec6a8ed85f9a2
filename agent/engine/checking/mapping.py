"""Checks a mapper against the schemas on both of its sides: attributes, keys, and whether expressions compile."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from agent.domain.app import Attribute, Schema
from agent.domain.processflow import AppNode, AttributeMapping, MapperNode, PostNode
from agent.engine.documents.catalogue import attribute_at
from agent.engine.documents.document import Document
from agent.engine.documents.report import Place, Report, quoted
from agent.engine.documents.tree import Branch, Items, Leaf
from agent.engine.expressions.jsonata import syntax_fault
from agent.engine.mapping.paths import plain_path

Known = tuple[Attribute, ...] | None
"""The attributes that there are; None where there may be any."""


def check_mapping(
    document: Document,
    mapper: MapperNode,
    report: Report,
    *,
    source: tuple[AppNode, Schema | None] | None,
    destination: tuple[PostNode, Schema | None] | None,
) -> None:
    """Note what is wrong with a mapper. A schema that is None was reported already.

    Args:
        document: The document.
        mapper: The mapper.
        report: Gets the problems.
        source: The GET whose records come to it as they are, with its schema; None where others made them.
        destination: A POST that writes what it makes, with its schema; None where none does.
    """
    path = ("nodes", mapper.id, "attributes")
    checker = _Checker(document, report, source[0] if source else None, destination[0] if destination else None)
    checker.check(mapper.mappings, path, _known(source), _known(destination))
    checker.check_tracked(mapper)
    if destination is None:
        return
    post, schema = destination
    mapped = {mapping.attribute for mapping in mapper.mappings}
    for attribute in _known(destination) or ():
        if attribute.required and attribute.name not in mapped:
            message = f"{post.id} needs the attribute {quoted(attribute.name)}, which is not mapped."
            report.add(document.key_place(*path), "missing-attribute", message)
    upsert = post.action.casefold() == "upsert"
    if upsert and not any(mapping.key for mapping in mapper.mappings):
        primary = schema.primary_key if schema is not None else None
        example = primary or mapper.mappings[0].attribute
        report.add(
            document.key_place(*path), "missing-key-attribute",
            f"{post.id} does an UPSERT, but no attribute of {mapper.id} is marked as key.",
            f"Mark the one that identifies a record, e.g. {example}: {{value: …, key: true}}.",
        )  # fmt: skip


def _known(side: tuple[AppNode, Schema | None] | None) -> Known:
    schema = side[1] if side is not None else None
    return None if schema is None or schema.open_attributes or not schema.attributes else schema.attributes


class _Checker:
    """Walks through the attributes of one mapper."""

    def __init__(self, document: Document, report: Report, get: AppNode | None, post: AppNode | None) -> None:
        self._document, self._report = document, report
        self._get, self._post = get, post

    def check(self, mappings: Sequence[AttributeMapping], path: tuple[str, ...], source: Known, target: Known) -> None:
        for mapping in mappings:
            here = (*path, mapping.attribute)
            target_attribute = self._destination(mapping, here, target)
            below = []
            for expression, leaf in zip(mapping.selections, self._expressions(here, mapping), strict=True):
                fault = syntax_fault(expression)
                if fault is not None:
                    place = leaf.place_at(fault.offset) if leaf is not None else self._document.place(*here)
                    message = f"The expression of {quoted(mapping.attribute)} does not compile: {fault.message}."
                    self._report.add(place, "expression-syntax", message)
                below.append(self._source(replace(mapping, expression=expression), leaf, here, source))
            if mapping.members:
                members = target_attribute.members if target_attribute is not None else ()
                self.check(mapping.members, (*here, "attributes"), _together(below), members or None)

    def check_tracked(self, mapper: MapperNode) -> None:
        for header, expression in mapper.track.items():
            if (fault := syntax_fault(expression)) is not None:
                leaf = self._document.find("nodes", mapper.id, "track", header)
                place = (
                    leaf.place_at(fault.offset) if isinstance(leaf, Leaf) else self._document.place("nodes", mapper.id)
                )
                message = f"The expression of the tracked column {quoted(header)} does not compile: {fault.message}."
                self._report.add(place, "expression-syntax", message)

    def _destination(self, mapping: AttributeMapping, here: tuple[str, ...], target: Known) -> Attribute | None:
        if target is None or self._post is None:
            return None
        found = next((attribute for attribute in target if attribute.name == mapping.attribute), None)
        if found is None:
            self._report.add_unknown(
                self._document.key_place(*here), "unknown-destination-attribute",
                f"{quoted(self._post.schema)}, where {self._post.id} writes, has no attribute "
                f"{quoted(mapping.attribute)}.",
                name=mapping.attribute, known=[attribute.name for attribute in target],
            )  # fmt: skip
        return found

    def _source(self, mapping: AttributeMapping, leaf: Leaf | None, here: tuple[str, ...], source: Known) -> Known:
        """Check a plain path, and give the attributes below it."""
        path = plain_path(mapping.expression)
        if path is None or source is None or self._get is None:
            return None
        found, steps = attribute_at(source, path)
        if steps < len(path):
            self._report.add_unknown(
                _place_of_step(leaf, path[steps], steps) or self._document.place(*here), "unknown-attribute",
                f"{quoted(self._get.schema)}, which {self._get.id} reads, has no attribute "
                f"{quoted('.'.join(path[: steps + 1]))}.",
                name=path[steps], known=_names_at(source, path[:steps]),
            )  # fmt: skip
        return found.members or None if found is not None else None

    def _expressions(self, here: tuple[str, ...], mapping: AttributeMapping) -> Sequence[Leaf | None]:
        """Where the expressions of a mapping stand."""
        tree = self._document.find(*here)
        if isinstance(tree, Branch):
            tree = tree.members.get("each") or tree.members.get("value")
        found = tree.members if isinstance(tree, Items) else [tree]
        leaves = [leaf if isinstance(leaf, Leaf) else None for leaf in found]
        return leaves if len(leaves) == len(mapping.selections) else [None] * len(mapping.selections)


def _together(sources: Sequence[Known]) -> Known:
    """The attributes of child records that come from several places: an attribute of one of them will do."""
    known = [source for source in sources if source is not None]
    return tuple(attribute for source in known for attribute in source) if len(known) == len(sources) else None


def _place_of_step(leaf: Leaf | None, step: str, number: int) -> Place | None:
    if leaf is None:
        return None
    offset = 0
    for _ in range(number):
        offset = leaf.text.find(".", offset) + 1
    return leaf.place_at(max(leaf.text.find(step, offset), 0))


def _names_at(attributes: tuple[Attribute, ...], path: Sequence[str]) -> list[str]:
    for step in path:
        attributes = next((attribute.members for attribute in attributes if attribute.name == step), ())
    return [attribute.name for attribute in attributes]
