"""Reads the text of a service description, YAML or JSON, into plain values. Hostile ones are refused at little cost."""

from __future__ import annotations

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import AliasEvent

_MOST_NESTING = 40


class MistakeError(Exception):
    """What is wrong in a text, and where: a line, or empty where that says nothing."""

    def __init__(self, place: str, why: str) -> None:
        super().__init__(why)
        self.place, self.why = place, why


def tree_of(text: str) -> dict[object, object]:
    """What the text says. Raises MistakeError."""
    if "\t" in text and text.lstrip()[:1] in "{[":
        text = text.replace("\t", " ")  # JSON may be indented so, YAML not
    loader = YAML(typ="safe", pure=True)
    loader.allow_duplicate_keys = False
    try:
        depth = 0
        for event in YAML(typ="safe", pure=True).parse(text):
            if isinstance(event, AliasEvent):
                raise MistakeError(f"line {event.start_mark.line + 1}", "aliases (*) are not allowed")
            depth += type(event).__name__.endswith(("MappingStartEvent", "SequenceStartEvent"))
            depth -= type(event).__name__.endswith(("MappingEndEvent", "SequenceEndEvent"))
            if depth > _MOST_NESTING:
                raise MistakeError(f"line {event.start_mark.line + 1}", "it is nested too deeply")
        found: object = loader.load(text)
    except MarkedYAMLError as error:
        line = f"line {error.problem_mark.line + 1}" if error.problem_mark is not None else ""
        raise MistakeError(line, f"it is neither YAML nor JSON ({error.problem or 'it cannot be read'})") from None
    except (YAMLError, ValueError, RecursionError) as error:
        raise MistakeError("", f"it is neither YAML nor JSON ({type(error).__name__})") from None
    if not isinstance(found, dict):
        raise MistakeError("", "it has no “service: 1” and “schemas:”")
    return found
