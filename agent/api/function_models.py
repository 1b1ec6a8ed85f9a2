"""The contract's models of the function library."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import Field, StringConstraints

from agent.api.base_models import Model, Request

FunctionName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_]*$", max_length=100)]
MOST_EXAMPLES = 50


class FunctionExample(Request):
    """Arguments and the result that they have to give. A result that is missing stands for nothing."""

    arguments: list[Any] = Field(default_factory=list, max_length=20)
    result: Any = None


class FunctionDraft(Request):
    """A function as somebody writes it: a JSONata expression over its parameters, which are named without `$`."""

    name: FunctionName
    parameters: list[FunctionName] = Field(default_factory=list, max_length=20)
    body: Annotated[str, StringConstraints(min_length=1, max_length=10_000)]
    description: Annotated[str, StringConstraints(max_length=1_000)] = ""
    examples: list[FunctionExample] = Field(default_factory=list, max_length=MOST_EXAMPLES)


class FunctionUse(Model):
    """A deployed processflow that uses a function, in the version that it was deployed with."""

    flow: str
    version: int
    newest: bool


class FunctionVersion(Model):
    """One version of a function."""

    version: int
    saved_at: datetime
    saved_by: str


class Function(Model):
    """A function of the library. `called_by` are the functions that call it."""

    name: str
    version: int
    parameters: list[str]
    description: str
    saved_at: datetime
    saved_by: str
    used_by: list[FunctionUse]
    called_by: list[str]


class FunctionDetail(Function):
    """A function with all that belongs to it, in one of its versions."""

    body: str
    examples: list[FunctionExample]
    versions: list[FunctionVersion]


class ExampleResult(Model):
    """What became of an example; `reason` says why it gave nothing. `function` is whose example it is."""

    function: str
    number: int
    passed: bool
    expected: Any = None
    got: Any = None
    reason: str = ""


class FunctionTest(Model):
    """What is wrong with a function, and what its examples and those of the functions that call it give."""

    ok: bool
    problems: list[str]
    results: list[ExampleResult]


class FunctionSaved(Model):
    """A function after saving. `changed` is false where it was the same already; `message` says what takes effect."""

    function: FunctionDetail
    changed: bool
    message: str
