"""Checks a parsed document against what the apps offer, before anything is deployed. Executes nothing.

Owns what has to do with credential tokens, schemas, actions, options and filters. The mapper is checked by
`agent.engine.checking.mapping`, variables by `agent.engine.checking.variables`, the form of the document by
`agent.engine.documents.document`. Codes are stable.
"""

from __future__ import annotations

from collections.abc import Mapping

from agent.connectors.contract import Connector
from agent.domain.app import Action, ActionKind, App, Schema
from agent.domain.clauses import RECORD_ID, all_clauses
from agent.domain.meant import meant
from agent.domain.processflow import (
    AppNode,
    EventSource,
    GetNode,
    MapperNode,
    PostNode,
    Problem,
    Processflow,
    Stage,
)
from agent.engine.checking.filters import Filtered, check_filter
from agent.engine.checking.mapping import check_mapping
from agent.engine.checking.names import Known, check_names
from agent.engine.checking.variables import check_variables
from agent.engine.documents.catalogue import Bound, Catalogue
from agent.engine.documents.document import Document
from agent.engine.documents.report import Place, Report, quoted
from agent.engine.documents.stages import fed_by_source, posts_by_mapper


def check(
    document: Document,
    apps: Mapping[str, Connector | App],
    bindings: Mapping[str, Bound] | None = None,
    *,
    known: Known | None = None,
    lookups: Mapping[str, str] | None = None,
) -> list[Problem]:
    """Everything that is wrong with a document.

    Args:
        document: A parsed document. Where its form is wrong, that is all that is reported.
        apps: The connectors, or their apps alone, by app id.
        bindings: The App Configuration of each credential token, to check a deployment; None to check the document.
        known: The functions and lookup tables that there are; None where that is not known: names stay unchecked.
        lookups: The lookup table of each lookup, where others than those of the document were chosen.
    """
    if document.flow is None:
        return list(document.problems)
    report = Report(document.file)
    checker = _Checker(document, document.flow, Catalogue(document.flow, apps, bindings), report)
    checker.check_credentials(apps, bindings)
    for stage in document.flow.all_stages:
        checker.check_stage(stage)
    if known is not None:
        check_names(document, known, report, bound=lookups)
    check_variables(document, document.flow, report, functions=known.functions if known is not None else ())
    return report.problems


class _Checker:
    """Looks at credential tokens and at the nodes that use them."""

    def __init__(self, document: Document, flow: Processflow, catalogue: Catalogue, report: Report) -> None:
        self._document = document
        self._flow = flow
        self._catalogue = catalogue
        self._report = report
        self._seen: set[tuple[str, ...]] = set()

    def is_first(self, *ids: str) -> bool:
        """Whether these nodes are looked at for the first time: chains may share nodes."""
        first = ids not in self._seen
        self._seen.add(ids)
        return first

    def check_credentials(self, apps: Mapping[str, Connector | App], bindings: Mapping[str, Bound] | None) -> None:
        for token, app_id in self._flow.credentials.items():
            place = self._document.place("credentials", token)
            if app_id not in apps:
                message = f"There is no app {quoted(app_id)}."
                self._report.add_unknown(place, "unknown-app", message, name=app_id, known=apps)
            elif bindings is not None:
                self._check_binding(token, app_id, bindings.get(token))

    def _check_binding(self, token: str, app_id: str, bound: Bound | None) -> None:
        place = self._document.place("credentials", token)
        subject = f"The credential token {quoted(token)}"
        if bound is None:
            message = f"{subject} is not bound to an App Configuration."
            self._report.add(place, "unbound-credential", message, "Choose one when you deploy.")
        elif bound.app != app_id:
            belongs = f"the App Configuration {quoted(bound.name)} belongs to {quoted(bound.app)}"
            message = f"{subject} stands for the app {quoted(app_id)}, but {belongs}."
            self._report.add(place, "wrong-app", message, "Choose another one.")

    def check_stage(self, stage: Stage) -> None:
        """Check the app nodes of a stage, and its mappers between them."""
        source = (stage.source, self.check_node(stage.source, ActionKind.READ))
        destinations = {post.id: (post, self.check_node(post, ActionKind.WRITE)) for post in stage.posts}
        plain = fed_by_source(stage)
        for mapper_id, posts in posts_by_mapper(stage).items():
            mapper = stage.nodes[mapper_id]
            for post in posts or (None,):
                if isinstance(mapper, MapperNode) and self.is_first(mapper_id, post.id if post else ""):
                    check_mapping(
                        self._document, mapper, self._report, source=source if mapper_id in plain else None,
                        destination=destinations[post.id] if post else None,
                    )  # fmt: skip

    def check_node(self, node: GetNode | PostNode, kind: ActionKind) -> Schema | None:
        """Check a node and give its schema."""
        if isinstance(node, EventSource):
            return None
        app, schema = self._catalogue.app(node.credential), self._catalogue.schema(node)
        if not self.is_first(node.id):
            return schema
        if node.credential not in self._flow.credentials:
            self._report.add_unknown(
                self._place(node, "credential"), "unknown-credential",
                f"There is no credential token {quoted(node.credential)}.",
                name=node.credential, known=self._flow.credentials,
            )  # fmt: skip
        if app is None:
            return None
        if schema is None:
            self._report.add_unknown(
                self._place(node, "schema"), "unknown-schema", f"{app.name} has no schema {quoted(node.schema)}.",
                name=node.schema, known=[known.name for known in app.schemas],
            )  # fmt: skip
            return None
        action = self._action(node, schema, kind)
        if action is not None:
            self._check_options(node, action)
        if isinstance(node, GetNode):
            self._check_filters(node, app, action)
            self._check_retry_filter(node)
        return schema

    def _action(self, node: AppNode, schema: Schema, kind: ActionKind) -> Action | None:
        offered = [action.name for action in schema.actions if action.kind is kind]
        action = schema.action(node.action)
        if action is None:
            self._report.add_unknown(
                self._place(node, "action"), "unknown-action",
                f"The schema {quoted(node.schema)} has no action {quoted(node.action)}.",
                name=node.action, known=offered,
            )  # fmt: skip
        elif action.kind is not kind:
            does, needed = ("reads", "POST") if action.kind is ActionKind.READ else ("writes", "GET")
            self._report.add(
                self._place(node, "action"), "wrong-action",
                f"The action {quoted(action.name)} {does}; it cannot be used in a {needed} node.",
                f"Known are {', '.join(offered)}." if offered else "The schema offers none for this node.",
            )  # fmt: skip
            return None
        return action

    def _check_options(self, node: AppNode, action: Action) -> None:
        for option in node.options:
            if option not in action.options:
                self._report.add(
                    self._document.key_place("nodes", node.id, "options", option), "unknown-option",
                    f"The action {quoted(action.name)} of {quoted(node.schema)} has no option {quoted(option)}.",
                    meant(option, action.options, otherwise="It takes none."),
                )  # fmt: skip

    def _check_filters(self, node: GetNode, app: App, action: Action | None) -> None:
        filtered = Filtered(app.name, node.schema, action) if action is not None else None
        for name, parts in (("filter", node.filters), ("retry_filter", node.retry_filters)):
            check_filter(
                self._document, ("nodes", node.id, name), parts, self._report, filtered=filtered,
                variables=self._flow.variables,
            )  # fmt: skip

    def _check_retry_filter(self, node: GetNode) -> None:
        """A retry filter without the record's id would fetch everything."""
        if node.retry_filters and not any(RECORD_ID in clause.value for clause in all_clauses(node.retry_filters)):
            self._report.add(
                self._place(node, "retry_filter"), "retry-filter-id",
                "The retry filter does not name the record: no value in it holds {$}.",
                "Write {$} where the record's id belongs.",
            )  # fmt: skip

    def _place(self, node: AppNode, *path: str | int) -> Place:
        return self._document.place("nodes", node.id, *path)
