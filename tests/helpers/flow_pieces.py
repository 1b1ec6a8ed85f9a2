"""Short documents for tests of the engine: a few nodes, the paths through them, and everything usual around them."""

from __future__ import annotations

import re

MAP = "{type: mapper, attributes: {id: {value: id, type: text, key: true}, total: {value: total, type: integer}}}"
"""A Mapper that hands on id and total."""
STRICT = MAP.replace("type: integer", "type: integer, required: true")
"""The same; a record without a total fails."""
_WAY = re.compile(r"(?:then|otherwise): ([\w-]+)")


def get(schema: str = "records", more: str = "") -> str:
    """A GET of a source."""
    return f"{{type: get, credential: from, schema: {schema}, action: GET{more and ', '}{more}}}"


def post(schema: str = "rows", token: str = "to") -> str:
    """A POST to a destination."""
    return f"{{type: post, credential: {token}, schema: {schema}, action: PUT}}"


def document(*paths: str, **nodes: str) -> str:
    """A document. In the names of nodes `_` stands for `-`; paths are ids between blanks, from Start, which is implied.

    `get`, `map` and `post` are there by themselves where a path or a Decision names them.
    """
    forms = {name.replace("_", "-"): form for name, form in nodes.items()}
    named = {word for path in paths for word in path.split()}
    named.update(*(_WAY.findall(form) for form in forms.values()))
    usual = {"start": "{type: start}", "get": get(), "map": MAP, "post": post(), "end": "{type: end}"}
    forms = {name: form for name, form in usual.items() if name in named and name not in forms} | forms
    lines = [f"  {name}: {form}" for name, form in forms.items()]
    links = [f"  - [{', '.join(path.split())}]" for path in paths]
    head = ["schema_version: 1", "name: flow", "credentials: {from: source, to: destination, too: other}", "nodes:"]
    return "\n".join([*head, *lines, "links:", *links, ""])
