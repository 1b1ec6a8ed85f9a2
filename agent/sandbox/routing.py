"""Which handler answers which method and path, what it is called in the statistics, and what permission it needs."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from agent.sandbox.order_encoding import OrderEncoder
from agent.sandbox.requests import Answer, Request
from agent.sandbox.store import Store


@dataclass(frozen=True, slots=True)
class Account:
    """The kind of account that a request came in with, as far as answers differ: links and order encoding."""

    store: Store
    encoder: OrderEncoder
    link_base: str
    link_suffix: str


Handler = Callable[[Account, Request, tuple[int, ...]], Answer]


@dataclass(frozen=True, slots=True)
class Route:
    """One operation. `scopes` are the permissions of which any one is enough."""

    method: str
    template: str
    handler: Handler
    scopes: frozenset[str]


ANYONE: frozenset[str] = frozenset()
"""For what needs no permission."""


def reading(scope: str) -> frozenset[str]:
    """The permissions that allow to read."""
    return frozenset({scope, f"{scope}_read_only"})


def modifying(scope: str) -> frozenset[str]:
    """The permission that allows to change."""
    return frozenset({scope})


@dataclass(frozen=True, slots=True)
class Match:
    """A route for a path, the ids in the path, and the methods that the path knows if this one is not among them."""

    route: Route | None
    ids: tuple[int, ...] = ()
    template: str = "(unknown)"
    allowed: tuple[str, ...] = ()


class Router:
    """Finds routes. Paths without ids, the frequent ones, are found in one look."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._fixed: dict[str, dict[str, Route]] = {}
        self._patterns: list[tuple[re.Pattern[str], dict[str, Route]]] = []
        by_template: dict[str, dict[str, Route]] = {}
        for route in routes:
            by_template.setdefault(route.template, {})[route.method] = route
        for template, methods in by_template.items():
            if "{" in template:
                self._patterns.append((re.compile(re.sub(r"\{\w+\}", r"(\\d{1,9})", template)), methods))
            else:
                self._fixed[template] = methods

    def match(self, method: str, path: str) -> Match:
        """The route for a path, from `/v2` or `/v3` on."""
        path = path.rstrip("/").removesuffix(".json")
        methods = self._fixed.get(path)
        if methods is not None:
            return _chosen(methods, method, ())
        for pattern, candidates in self._patterns:
            found = pattern.fullmatch(path)
            if found is not None:
                return _chosen(candidates, method, tuple(int(part) for part in found.groups()))
        return Match(None)


def _chosen(methods: dict[str, Route], method: str, ids: tuple[int, ...]) -> Match:
    route = methods.get(method)
    template = next(iter(methods.values())).template
    return Match(route, ids, template, () if route is not None else tuple(sorted(methods)))
