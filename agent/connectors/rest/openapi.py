"""Makes a service description out of an OpenAPI document (3.0, 3.1, or Swagger 2.0), as far as that says enough.

What it cannot say for certain it leaves out, and tells, such as a write that could not be looked up afterwards.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from agent.connectors.rest.description import parse
from agent.connectors.rest.json_schemas import Schemas
from agent.connectors.rest.openapi_security import sign_in_of
from agent.connectors.rest.writing_down import written
from agent.domain.app import DataType
from agent.domain.errors import ConfigurationError

_PAGES = ("page", "page_number", "pagenumber", "page[number]", "currentpage", "p")
_OFFSETS = ("offset", "skip", "start", "startat", "$skip")
_CURSORS = (
    "cursor",
    "after",
    "page_token",
    "pagetoken",
    "starting_after",
    "next_token",
    "continuation_token",
    "before",
)
_SIZES = ("limit", "per_page", "perpage", "page_size", "pagesize", "size", "count", "page[size]", "$top", "maxresults")
_NEXT = re.compile(r"^(next|next_?(page)?_?(cursor|token|page|link|url)?|end_?cursor|cursor|@odata\.nextlink)$", re.I)
_NO_FILTERS = re.compile(r"^(sort|order|order_?by|direction|fields|select|include|include_fields|exclude|expand|embed|"
                         r"exclude_fields|\$.*|format|locale|lang(uage)?)$", re.I)  # fmt: skip
_SINCE = re.compile(r"(min|since|after|from|gte|>=|start)", re.I)
_KEYS = ("id", "uuid", "guid", "key", "code", "number", "sku")
_REFERENCES = ("external_id", "externalid", "reference", "external_reference", "sku", "code", "number", "email", "name")
_MOST_SIZE, _USUAL_SIZE = 250, 100
_MOST_SCHEMAS, _MOST_ATTRIBUTES = 400, 500
_CONTENT = "application/json"


@dataclass(slots=True)
class Described:
    """A description as text, the base URL where the document names one, how it is signed in to, in a sentence, and what
    was left out, in sentences."""

    text: str
    base_url: str
    sign_in: str = ""
    left_out: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _List:
    """A path that gives a list of records."""

    name: str
    path: str
    get: Mapping[str, Any]
    place: str
    record: Mapping[str, Any]


def described(document: Mapping[str, Any]) -> Described:
    """The description that a document leads to.

    Raises:
        ConfigurationError: code `openapi`: it is no OpenAPI document, nothing in it is a list of records, or it would
            take too long.
    """
    paths = document.get("paths")
    if not isinstance(paths, Mapping) or not (document.get("openapi") or document.get("swagger")):
        raise _unfit("This is no OpenAPI document: it has no “openapi” and no “paths”.")
    made = _Maker(document, paths)
    schemas: dict[str, Any] = {}
    for number, found in enumerate(made.lists()):
        if number >= _MOST_SCHEMAS:
            made.left_out.append(f"More than {_MOST_SCHEMAS} lists: {found.path} and others are left out.")
            break
        schema = made.schema(found)
        if schema is None:
            continue
        name = found.name if found.name not in schemas else found.path.strip("/").replace("/", "_")
        try:
            parse(written({"service": 1, "schemas": {name: schema}}))
        except ConfigurationError as error:
            made.left_out.append(f"{found.path}: {error.message}")
            continue
        schemas[name] = schema
    if not schemas:
        raise _unfit("Nothing in this document is a list of records with an id.")
    info = document.get("info")
    title = str(info.get("title", "")) if isinstance(info, Mapping) else ""
    text = written({"service": 1, "title": re.sub(r"\s+", " ", title)[:200], "schemas": schemas})
    return Described(text, made.base_url(), made.sign_in(), made.left_out)


class _Maker:
    def __init__(self, document: Mapping[str, Any], paths: Mapping[str, Any]) -> None:
        self._document, self._paths, self._schemas = document, paths, Schemas(document)
        self.left_out: list[str] = []

    def base_url(self) -> str:
        """Where the service answers, as far as the document tells."""
        servers = self._document.get("servers")
        if isinstance(servers, list) and servers and isinstance(servers[0], Mapping):
            url = str(servers[0].get("url", ""))
            variables = servers[0].get("variables")
            for name, one in variables.items() if isinstance(variables, Mapping) else ():
                default = one.get("default", "") if isinstance(one, Mapping) else ""
                url = url.replace(f"{{{name}}}", str(default) or f"{{{name}}}")
            return url
        host = self._document.get("host")
        return f"https://{host}{self._document.get('basePath', '')}" if isinstance(host, str) else ""

    def sign_in(self) -> str:
        """How the service is signed in to."""
        return sign_in_of(self._document, self._schemas)

    def lists(self) -> Iterator[_List]:
        """The paths without a place for a value whose GET gives a list of objects."""
        for path, item in self._paths.items():
            get = self._operation(path, item, "get")
            if get is None:
                continue
            if "{" in str(path):
                if not str(path).endswith("}"):
                    self.left_out.append(f"{path}: a list inside another record is left out.")
                continue
            name = re.sub(r"[^\w-]", "_", str(path).rstrip("/").rsplit("/", 1)[-1]) or "records"
            found = self._schemas.list_in(self._answer(get), name)
            if found is not None and self._schemas.properties(found[1]):
                yield _List(name, str(path), get, *found)

    def schema(self, found: _List) -> dict[str, Any] | None:
        """The schema of a list, with its actions; None where its records have nothing to tell them apart by."""
        properties = dict(list(self._schemas.properties(found.record).items())[:_MOST_ATTRIBUTES])
        key = self._key(found, list(properties))
        if key is None:
            self.left_out.append(f"{found.path}: its records have no id, so it is left out.")
            return None
        reading, filters = self._reading(found)
        actions: dict[str, Any] = {"GET": reading}
        self._add_one(found, list(properties), reading, actions, self._find(found, filters, list(properties)))
        types = {name: self._schemas.type_of(one).value for name, one in properties.items() if _is_name(name)}
        return {"key": key, "attributes": types, "actions": actions}

    def _key(self, found: _List, names: list[str]) -> str | None:
        singular = found.name.rstrip("s").casefold()
        wanted = (*_KEYS[:3], f"{singular}_id", f"{singular}id", *_KEYS[3:])
        by_word = {name.casefold(): name for name in reversed(names)}
        return next((by_word[word] for word in wanted if word in by_word), None)

    def _reading(self, found: _List) -> tuple[dict[str, Any], dict[str, Any]]:
        parameters = [one for one in self._parameters(found) if one.get("in") == "query" and one.get("name")]
        names = {str(one["name"]).casefold(): one for one in parameters}
        reading: dict[str, Any] = {"path": found.path}
        if found.place:
            reading["records"] = found.place
        paging = self._paging(found, names)
        if paging is not None:
            reading["paging"] = paging
        elif len(names) > 0 or found.place:
            self.left_out.append(
                f"{found.path}: how its pages follow each other is not known; add paging if it has any."
            )
        taken = {str(paging.get(word, "")) for word in ("parameter", "size_parameter")} if paging else set[str]()
        filters = {
            str(one["name"]): {"parameter": str(one["name"]), "operator": ">="} if _SINCE.search(str(one["name"]))
            else str(one["name"])
            for one in parameters
            if str(one["name"]) not in taken and not _NO_FILTERS.match(str(one["name"])) and _is_name(str(one["name"]))
            and str(one["name"]).casefold() not in (*_PAGES, *_OFFSETS, *_CURSORS, *_SIZES)
        }  # fmt: skip
        if filters:
            reading["filters"] = filters
        return reading, filters

    def _paging(self, found: _List, names: Mapping[str, Mapping[str, Any]]) -> dict[str, Any] | None:
        size = next((names[word] for word in _SIZES if word in names), None)
        sizes = {"size_parameter": str(size["name"]), "size": self._size(size)} if size is not None else {}
        for words, style in ((_PAGES, "page"), (_OFFSETS, "offset")):
            counted = next((names[word] for word in words if word in names), None)
            if counted is not None and size is not None:
                return {"style": style, "parameter": str(counted["name"]), **sizes}
        cursor = next((names[word] for word in _CURSORS if word in names), None)
        following = self._next_place(found)
        if cursor is not None and following:
            return {"style": "cursor", "parameter": str(cursor["name"]), "next": following, **sizes}
        if following and re.search(r"link|url|next$", following, re.IGNORECASE):
            return {"style": "next-url", "next": following, **sizes}
        return None

    def _size(self, parameter: Mapping[str, Any]) -> int:
        schema = self._schemas.resolved(parameter.get("schema") or parameter)
        most = schema.get("maximum")
        return min(int(most), _MOST_SIZE) if isinstance(most, int) and most > 0 else _USUAL_SIZE

    def _next_place(self, found: _List) -> str:
        """Where the next page is named in an answer."""
        waiting = [("", self._answer(found.get), 0)]
        while waiting:
            place, schema, depth = waiting.pop(0)
            for name, one in self._schemas.properties(schema).items():
                inner = f"{place}.{name}" if place else name
                if _NEXT.match(name) and self._schemas.type_of(one) is DataType.TEXT and _is_name(name):
                    return inner
                if depth < 3 and self._schemas.properties(one):
                    waiting.append((inner, one, depth + 1))
        return ""

    def _find(self, found: _List, filters: Mapping[str, Any], names: list[str]) -> dict[str, Any] | None:
        """How a record is found by something that names it, if there is a filter for that."""
        by_word = {name.casefold(): name for name in names}
        for word in _REFERENCES:
            parameter = next((one for one in filters if one.casefold() in {word, f"{word}:in"}), None)
            if word in by_word and parameter is not None:
                find: dict[str, Any] = {"path": found.path, "query": {parameter: f"{{{by_word[word]}}}"}}
                return find | ({"records": found.place} if found.place else {})
        return None

    def _add_one(
        self, found: _List, names: list[str], reading: dict[str, Any], actions: dict[str, Any],
        find: dict[str, Any] | None,
    ) -> None:  # fmt: skip
        """What can be done with one record: read it by its id, make, change and delete it."""
        pattern = re.compile(re.escape(found.path.rstrip("/")) + r"/\{[^/{}]+\}/?")
        self._schemas.spend(len(self._paths) // 10)
        one = next(((path, item) for path, item in self._paths.items() if pattern.fullmatch(str(path))), None)
        place = re.sub(r"\{[^{}]+\}", "{id}", str(one[0])) if one is not None else ""
        if one is not None and (get := self._operation(*one, "get")) is not None:
            reading["by_id"] = {"path": place} | _named("record", self._schemas.record_in(self._answer(get), names))
        create, update = self._create(found, names), self._update(one, place)
        if create is not None and find is None:
            self.left_out.append(
                f"POST {found.path}: no filter of the list finds a record again by something that names it, so that "
                "making one could not be looked up. Add create and find yourself."
            )
        elif create is not None:
            actions["POST"] = {"create": create, "find": find}
            if update is not None:
                actions["UPSERT"] = {"create": create, "update": update, "find": find}
        if update is not None:
            actions[update["method"]] = {"update": update} | ({"find": find} if find is not None else {})
        if one is not None and self._operation(*one, "delete") is not None:
            actions["DELETE"] = {"delete": {"method": "DELETE", "path": place}}

    def _create(self, found: _List, names: list[str]) -> dict[str, Any] | None:
        post = self._operation(found.path, self._paths[found.path], "post")
        if post is None or self._body(post) is None:
            return None
        answer = self._answer(post)
        record = self._schemas.record_in(answer, names)
        inner = self._schemas.properties(answer).get(record) if record else answer
        key = self._key(found, list(self._schemas.properties(inner)))
        identity = f"{record}.{key}" if record and key else key or ""
        return {"method": "POST", "path": found.path} | _named("wrap", self._wrap(post, names)) | _named("id", identity)

    def _update(self, one: tuple[Any, Any] | None, place: str) -> dict[str, Any] | None:
        for method in ("put", "patch"):
            if one is not None and (change := self._operation(*one, method)) is not None:
                body = self._body(change)
                if body is not None and self._schemas.items(body) is None:
                    return {"method": method.upper(), "path": place} | _named("wrap", self._wrap(change, []))
        return None

    def _wrap(self, operation: Mapping[str, Any], names: list[str]) -> str:
        return self._schemas.record_in(self._body(operation) or {}, names) if names else ""

    # -- parts of the document -----------------------------------------------------------------------------------

    def _operation(self, path: Any, item: Any, method: str) -> Mapping[str, Any] | None:
        item = self._schemas.resolved(item)
        found = item.get(method)
        return found if isinstance(path, str) and path.startswith("/") and isinstance(found, Mapping) else None

    def _parameters(self, found: _List) -> list[Mapping[str, Any]]:
        item = self._schemas.resolved(self._paths[found.path])
        given = [*(item.get("parameters") or []), *(found.get.get("parameters") or [])]
        return [self._schemas.resolved(one) for one in given]

    def _answer(self, operation: Mapping[str, Any]) -> Any:
        """The schema of a good answer."""
        responses = operation.get("responses")
        if not isinstance(responses, Mapping):
            return {}
        good: Any = next((one for status, one in responses.items() if str(status)[:1] == "2"), {})
        return self._content(self._schemas.resolved(good))

    def _body(self, operation: Mapping[str, Any]) -> Any:
        """The schema of what is sent; None where nothing is."""
        if "requestBody" in operation:
            found = self._content(self._schemas.resolved(operation["requestBody"]))
            return found or None
        given = [self._schemas.resolved(one) for one in operation.get("parameters") or []]
        return next((one.get("schema") for one in given if one.get("in") == "body"), None)

    @staticmethod
    def _content(found: Mapping[str, Any]) -> Any:
        content = found.get("content")
        if not isinstance(content, Mapping):
            return found.get("schema", {})  # Swagger 2.0
        one: Any = content.get(_CONTENT) or next((each for kind, each in content.items() if "json" in str(kind)), {})
        return one.get("schema", {}) if isinstance(one, Mapping) else {}


def _named(name: str, value: str) -> dict[str, str]:
    return {name: value} if value else {}


def _is_name(name: str) -> bool:
    return bool(name) and len(name) <= 200 and name.isprintable() and "." not in name


def _unfit(why: str) -> ConfigurationError:
    return ConfigurationError(
        why, code="openapi", remedy="Choose an OpenAPI document, or write the description by hand."
    )
