"""The function library: functions are looked at, tried with their examples, and saved as versions that never change."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from agent.api import function_models as models
from agent.domain.errors import ConfigurationError, ConflictError, NotFoundError
from agent.domain.meant import meant
from agent.engine.checking.function_tests import Example, callers, faults, tried
from agent.engine.expressions.vocabularies import definition
from agent.engine.expressions.vocabulary import Definition
from agent.store.flows.deployments import DeploymentStore
from agent.store.library.functions import FunctionRow, FunctionStore, NewFunction


class FunctionLibrary:
    """The functions of this agent."""

    def __init__(self, *, store: FunctionStore, deployments: DeploymentStore, clock: Callable[[], datetime]) -> None:
        self._store, self._deployments, self._clock = store, deployments, clock
        self._saving = threading.Lock()

    def all(self) -> list[models.Function]:
        """Every function, by name."""
        rows = self._store.current()
        library, uses = _definitions(rows), self._uses(rows)
        return [models.Function(**_brief(row, library, uses)) for row in rows.values()]

    def get(self, name: str, version: int | None = None) -> models.FunctionDetail:
        """A function in its newest version, or in another one. Raises NotFoundError."""
        rows, versions = self._store.current(), self._store.versions(name)
        found = next((row for row in versions if row.version == version or (version is None and row.current)), None)
        if found is None:
            message = f"There is no function named “{name}”."
            if version is not None and versions:
                message = f"The function {name} has no version {version}."
            numbers = ", ".join(str(row.version) for row in versions)
            remedy = f"It has {numbers}." if versions else meant(name, rows, otherwise="There is none yet.")
            raise NotFoundError(message, code="function-not-found", remedy=remedy)
        return models.FunctionDetail(
            **_brief(found, _definitions(rows), self._uses(rows)),
            body=found.body,
            examples=[models.FunctionExample.model_validate(example) for example in found.examples],
            versions=[
                models.FunctionVersion(version=row.version, saved_at=row.saved_at, saved_by=row.saved_by)
                for row in versions
            ],
        )

    def test(self, draft: models.FunctionDraft) -> models.FunctionTest:
        """What is wrong with a function, and what its examples and those of its callers give. Nothing is saved."""
        rows = self._store.current()
        library, function = _definitions(rows), _definition(draft)
        examples = _examples(draft)
        problems = faults(function, library)
        if not examples:
            problems.append("A function needs an example at least: arguments and the result that they have to give.")
        if problems:
            return models.FunctionTest(ok=False, problems=problems, results=[])
        changed = {**library, function.name: function}
        results = _results(function, examples, changed)
        for name in callers(function.name, changed):
            theirs = [Example(one["arguments"], one["result"]) for one in rows[name].examples]
            results += _results(changed[name], theirs, changed)
        return models.FunctionTest(ok=all(one.passed for one in results), problems=[], results=results)

    def save(self, name: str, draft: models.FunctionDraft, *, by: str) -> models.FunctionSaved:
        """Save a function as a new version, unless it is as it was.

        Raises:
            ConfigurationError: code `function-invalid` or `example-failed`.
        """
        if draft.name != name:
            raise _invalid(f"The function is called “{draft.name}” here and “{name}” in the address.")
        with self._saving:
            before = self._store.current().get(name)
            new = new_version(draft, by=by, at=self._clock())
            if before is not None and _same(before, new):
                return models.FunctionSaved(function=self.get(name), changed=False, message=f"${name} is as it was.")
            self._require(self.test(draft), name)
            row = self._store.add(new)
        older = [use for use in self._uses({name: row}).get(name, ()) if not use.newest]
        message = f"${name} is saved as version {row.version}."
        if older:
            flows = ", ".join(f"{use.flow} (version {use.version})" for use in older)
            message += f" Deployed with an older version: {flows}. Deploy them again to use the new one."
        return models.FunctionSaved(function=self.get(name), changed=True, message=message)

    def next_version(self, name: str) -> int:
        """The number that the next version of a function is going to have."""
        return max((row.version for row in self._store.versions(name)), default=0) + 1

    def content(self, name: str) -> models.FunctionDraft:
        """The newest version of a function in plain values. Raises NotFoundError."""
        found = self.get(name)
        return models.FunctionDraft(
            name=name, parameters=found.parameters, body=found.body, description=found.description,
            examples=found.examples,
        )  # fmt: skip

    def require_together(self, drafts: Sequence[models.FunctionDraft]) -> None:
        """Refuse functions that would not do as their examples say once all of them are here, or that break others.

        Raises:
            ConfigurationError: code `function-invalid` or `example-failed`.
        """
        rows = self._store.current()
        library = {**_definitions(rows), **{draft.name: _definition(draft) for draft in drafts}}
        new = {draft.name for draft in drafts}
        for draft in drafts:
            examples = _examples(draft)
            problems = faults(_definition(draft), library)
            results = [] if problems else _results(library[draft.name], examples, library)
            for name in [] if problems else callers(draft.name, library):
                if name not in new:
                    theirs = [Example(one["arguments"], one["result"]) for one in rows[name].examples]
                    results += _results(library[name], theirs, library)
            ok = all(one.passed for one in results)
            self._require(models.FunctionTest(ok=ok and not problems, problems=problems, results=results), draft.name)

    def remove(self, name: str) -> None:
        """Take a function out of the library.

        Raises:
            NotFoundError: there is none of that name.
            ConflictError: code `function-in-use`.
        """
        with self._saving:
            rows = self._store.current()
            users = [use.flow for use in self._uses(rows).get(name, ())]
            calling = callers(name, _definitions(rows))
            if name in rows and (users or calling):
                where = ", ".join([*users, *(f"${caller}" for caller in calling)])
                raise ConflictError(
                    f"${name} is used by {where}.",
                    code="function-in-use",
                    remedy="Take it out of there, deploy or save that again, then remove the function.",
                )
            self._store.withdraw(name)

    def older_uses(self, names: Mapping[str, int]) -> list[str]:
        """Sentences about deployed processflows that use older versions of these functions than there are."""
        rows = self._store.current()
        uses = self._uses(rows)
        return [
            f"{use.flow} is deployed with version {use.version} of ${name}; the newest is {rows[name].version}. "
            "Deploy it again to use that."
            for name in names
            for use in uses.get(name, ())
            if not use.newest
        ]

    def _uses(self, rows: Mapping[str, FunctionRow]) -> dict[str, list[models.FunctionUse]]:
        uses: dict[str, list[models.FunctionUse]] = {}
        for deployment in self._deployments.active():
            for name, version in deployment.functions.items():
                newest = name in rows and rows[name].version == version
                use = models.FunctionUse(flow=deployment.flow, version=version, newest=newest)
                uses.setdefault(name, []).append(use)
        return uses

    def _require(self, test: models.FunctionTest, name: str) -> None:
        if test.problems:
            raise _invalid(" ".join(test.problems))
        failed = next((result for result in test.results if not result.passed), None)
        if failed is None:
            return
        whose = "Example" if failed.function == name else f"With this change ${failed.function} breaks: its example"
        got = failed.reason or f"it gave {_shown(failed.got)} instead of {_shown(failed.expected)}"
        raise ConfigurationError(
            f"{whose} {failed.number} does not come true: {got}.",
            code="example-failed",
            remedy="Correct the function or the example; nothing was saved.",
            field="examples",
        )


def _definition(draft: models.FunctionDraft) -> Definition:
    return Definition(draft.name, tuple(draft.parameters), draft.body)


def _definitions(rows: Mapping[str, FunctionRow]) -> dict[str, Definition]:
    return {name: definition(row) for name, row in rows.items()}


def _brief(
    row: FunctionRow, library: Mapping[str, Definition], uses: Mapping[str, list[models.FunctionUse]]
) -> dict[str, Any]:
    return {
        "name": row.name, "version": row.version, "parameters": list(row.parameters), "description": row.description,
        "saved_at": row.saved_at, "saved_by": row.saved_by, "used_by": uses.get(row.name, []),
        "called_by": callers(row.name, library),
    }  # fmt: skip


def new_version(draft: models.FunctionDraft, *, by: str, at: datetime) -> NewFunction:
    """A draft as it is saved. Raises ConfigurationError where an example holds a value that JSON does not have."""
    examples = [{"arguments": one.arguments, "result": one.result} for one in _examples(draft)]
    return NewFunction(draft.name, draft.parameters, draft.body, draft.description, examples, saved_at=at, saved_by=by)


def _examples(draft: models.FunctionDraft) -> list[Example]:
    """The examples in values that JSON really has. Raises ConfigurationError for others."""
    try:
        return [
            Example(*msgspec.json.decode(msgspec.json.encode([one.arguments, one.result]))) for one in draft.examples
        ]
    except (msgspec.MsgspecError, ValueError, OverflowError, RecursionError, TypeError) as error:
        raise _invalid("An example holds a value that is too large or cannot be written as JSON.") from error


def _same(row: FunctionRow, new: NewFunction) -> bool:
    written = (list(row.parameters), row.body, row.description, list(row.examples))
    return written == (list(new.parameters), new.body, new.description, list(new.examples))


def _results(
    function: Definition, examples: Sequence[Example], library: Mapping[str, Definition]
) -> list[models.ExampleResult]:
    return [
        models.ExampleResult(
            function=function.name, number=number, passed=one.passed, expected=one.example.result, got=one.got,
            reason=one.reason,
        )
        for number, one in enumerate(tried(function, examples, library), 1)
    ]  # fmt: skip


def _shown(value: Any) -> str:
    text = msgspec.json.encode(value).decode()
    return f"{text[:100]}…" if len(text) > 100 else text


def _invalid(message: str) -> ConfigurationError:
    return ConfigurationError(
        message, code="function-invalid", remedy="Correct the function; nothing was saved.", field="body"
    )
