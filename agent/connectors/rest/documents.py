"""Reads documents that others have written, OpenAPI documents and samples of answers: JSON or YAML, within bounds.

They are large, and not ours to be strict with: so they are read by PyYAML, ten times as fast as what reads service
descriptions, and with what some of them get wrong.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec
import yaml

from agent.domain.errors import ConfigurationError

_MOST_BYTES = 50_000_000
_MOST_NESTING = 100
_OPENAPI = re.compile(r"""^["']?(openapi|swagger)["']?[ \t]*:""", re.MULTILINE)
_OURS = re.compile(r"""^["']?service["']?[ \t]*:""", re.MULTILINE)


def is_openapi(text: str) -> bool:
    """Whether a text is an OpenAPI document by its outermost names, and no service description."""
    if text.lstrip()[:1] != "{":
        return _OPENAPI.search(text) is not None and _OURS.search(text) is None
    try:
        names = msgspec.json.decode(text, type=dict[str, msgspec.Raw]).keys()
    except msgspec.MsgspecError:
        return '"openapi"' in text[:1_000] or '"swagger"' in text[:1_000]  # one that is broken is told as such
    return bool(names & {"openapi", "swagger"}) and "service" not in names


def document_of(content: bytes, name: str, *, json_only: bool = False) -> Any:
    """What a document holds.

    Args:
        content: The document.
        name: What it is called, for people.
        json_only: Whether it may not be YAML.

    Raises:
        ConfigurationError: codes `file-too-large` and `openapi`, with the line where that helps.
    """
    if len(content) > _MOST_BYTES:
        raise ConfigurationError(f"{name} is too large.", code="file-too-large", remedy="It may have 50 MB.")
    is_json = content.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"[")
    try:
        if is_json or json_only:
            return msgspec.json.decode(content.removeprefix(b"\xef\xbb\xbf"))
        text = content.decode("utf-8-sig")
        _bound(text, name)
        return yaml.load(text, Loader=yaml.CSafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = (
            min(mark.line, text.rstrip().count("\n")) + 1 if mark is not None else 0
        )  # the end may be told as behind it
        raise _wrong(name, line, error.problem or error.context or "it is no YAML") from None
    except (msgspec.MsgspecError, yaml.YAMLError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise ConfigurationError(
            f"{name} is neither JSON nor YAML ({type(error).__name__}).", code="openapi", remedy="Choose another file."
        ) from error


def _bound(text: str, name: str) -> None:
    """Refuse what makes a short text long: aliases, which merging multiplies, and nesting."""
    depth = 0
    for event in yaml.parse(text, Loader=yaml.CSafeLoader):
        wrong = "aliases (*) are not allowed" if isinstance(event, yaml.AliasEvent) else ""
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        wrong = "it is nested too deeply" if depth > _MOST_NESTING else wrong
        if wrong:
            raise _wrong(name, event.start_mark.line + 1 if event.start_mark is not None else 0, wrong)


def _wrong(name: str, line: int, why: str) -> ConfigurationError:
    where = f", line {line}" if line else ""
    return ConfigurationError(
        f"{name}{where}: {why}.", code="openapi", remedy="Correct it there, or save the document as JSON."
    )
