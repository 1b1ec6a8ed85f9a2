"""The form of variables in a document: `shop: EU`, or a mapping that says more. Also takes the original's functions in
their expressions, for paths that are simple, and gives typed values their form."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from agent.domain.app import DataType
from agent.domain.meant import meant
from agent.domain.variables import (
    MOST_VALUE_CHARACTERS,
    MOST_VARIABLES,
    VARIABLE_TYPES,
    Variable,
    VariableValue,
)
from agent.engine.documents.fields import Fields, is_nothing
from agent.engine.documents.report import Place, Report, quoted
from agent.engine.documents.tree import Branch, Leaf, Tree
from agent.engine.expressions.host_functions import HOST_FUNCTIONS
from agent.engine.expressions.jsonata import syntax_fault
from agent.engine.expressions.jsonata_functions import JSONATA_FUNCTIONS
from agent.engine.mapping.conversion import convert, shown

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")
_FUNCTION = re.compile(r"~\{(?P<call>.*?)\}~", re.DOTALL)
_GENERIC = re.compile(r"\s*gen:(?P<name>\w+)\s*\(\s*(?P<argument>.*?)\s*\)\s*", re.DOTALL)
_STEP = r"[A-Za-z_][A-Za-z0-9_]*"
_PATH = re.compile(rf"(?P<absolute>//|/)?(?P<steps>{_STEP}(?:[./]{_STEP})*)")
_NAMED_TYPES = {"string": DataType.TEXT, "number": DataType.INTEGER, "double": DataType.DECIMAL}


def variables(fields: Fields, report: Report) -> dict[str, Variable]:
    """The variables of a document, by name."""
    branch = fields.branch("variables")
    if len(branch.members) > MOST_VARIABLES:
        report.add(branch.place, "too-large", f"The processflow has more than {MOST_VARIABLES} variables.")
        return {}
    found = {}
    for name, tree in branch.members.items():
        variable = _variable(name, tree, branch.keys[name], report)
        if variable is not None:
            found[name] = variable
    return found


def value_of(given: Any, type_: DataType) -> VariableValue | None:
    """A value in the form of its type; None for no value.

    Raises:
        ValueError: it does not fit; the text says why, without the value itself being long.
    """
    if isinstance(given, list | dict):
        raise ValueError(f"{shown(given)} is not a single value")  # noqa: TRY004 - a value like any other
    (value,), unfit = convert([given], type_)
    if unfit:
        raise ValueError(unfit[0])
    if isinstance(value, str) and len(value) > MOST_VALUE_CHARACTERS:
        raise ValueError(f"it has more than {MOST_VALUE_CHARACTERS:,} characters")
    assert not isinstance(value, list)
    return value


def _variable(name: str, tree: Tree, place: Place, report: Report) -> Variable | None:
    if not _NAME.fullmatch(name):
        report.add(place, "wrong-value", f"{quoted(name)} in “variables” must consist of letters, digits and _.",
                   "Let it begin with a letter.")  # fmt: skip
        return None
    if name in JSONATA_FUNCTIONS or name in HOST_FUNCTIONS:
        # In expressions the variable would hide the function.
        report.add(place, "wrong-value", f"A variable cannot be called {quoted(name)}: there is a function ${name}.",
                   "Choose another name.")  # fmt: skip
        return None
    if isinstance(tree, Leaf):
        return Variable(name, default=_value(tree, DataType.TEXT, name, report))
    if not isinstance(tree, Branch):
        report.add(tree.place, "wrong-type", f"The variable {quoted(name)} must be a text or a mapping.",
                   "Write {type: …, default: …}.")  # fmt: skip
        return None
    return _long_form(name, Fields(tree, f"the variable {quoted(name)}", report), report)


def _long_form(name: str, fields: Fields, report: Report) -> Variable:
    type_ = _type(fields.leaf("type"), report)
    default, expression = fields.leaf("default"), fields.leaf("expression")
    scope = fields.text("scope")
    persistent, encrypted = fields.flag("persistent"), fields.flag("encrypted")
    node = fields.text("node")
    fields.finish()
    if encrypted and default is not None:
        report.add(default.place, "secret-in-document",
                   f"The variable {quoted(name)} is encrypted, but its value stands in the document.",
                   "Remove the default, deploy, then set it under Data of this processflow, or with "
                   f"“opagent variable set … {name}”.")  # fmt: skip
    for member, needed in (("persistent", persistent), ("node", bool(node))):
        if needed and expression is None:
            report.add(fields.place, "missing-key", f"“{member}” of the variable {quoted(name)} needs an expression.",
                       "Remove it: without an expression a variable stays as it was set.")  # fmt: skip
    return Variable(
        name=name,
        type=type_,
        default=_value(default, type_, name, report) if default is not None and not encrypted else None,
        expression=_expression(expression, name, report) if expression is not None else "",
        node=node,
        scope="" if scope.casefold() in ("processflow", "process flow") else scope,
        persistent=persistent,
        encrypted=encrypted,
    )


def _type(leaf: Leaf | None, report: Report) -> DataType:
    if leaf is None:
        return DataType.TEXT
    name = leaf.text.strip().casefold()
    known = {type_.value: type_ for type_ in VARIABLE_TYPES} | _NAMED_TYPES
    if name not in known:
        report.add(leaf.place, "unknown-type", f"A variable cannot be of the type {quoted(leaf.text)}.",
                   meant(name, [type_.value for type_ in VARIABLE_TYPES]))  # fmt: skip
    return known.get(name, DataType.TEXT)


def _value(leaf: Leaf, type_: DataType, name: str, report: Report) -> VariableValue | None:
    try:
        return value_of(None if is_nothing(leaf) and type_ is not DataType.TEXT else leaf.text, type_)
    except ValueError as error:
        report.add(leaf.place, "wrong-value", f"The default of the variable {quoted(name)} does not fit: {error}.")
        return None


def _expression(leaf: Leaf, name: str, report: Report) -> str:
    wrong: list[str] = []

    def written(found: re.Match[str]) -> str:
        try:
            return _translated(found["call"])
        except ValueError as error:
            wrong.append(str(error))
            return "null"

    expression = _FUNCTION.sub(written, leaf.text.strip())
    if wrong:
        report.add(leaf.place, "variable-function", f"The expression of the variable {quoted(name)}: {wrong[0]}.",
                   "Write it in JSONata: the packet is a list of records, such as $max(created_at).")  # fmt: skip
        return ""
    fault = syntax_fault(expression)
    if fault is not None:
        place = leaf.place_at(fault.offset) if expression == leaf.text else leaf.place
        suggestion = ""
        if expression.startswith("{//"):
            suggestion = "An XPath stands in a function: ~{gen:FirstOf(//items/item/created_at)}~."
        report.add(place, "expression-syntax",
                   f"The expression of the variable {quoted(name)} does not compile: {fault.message}.",
                   suggestion)  # fmt: skip
        return ""
    return expression


def _translated(call: str) -> str:
    """A function of the original in JSONata. Raises ValueError with the reason where there is none."""
    found = _GENERIC.fullmatch(call)
    translate = _FUNCTIONS.get(found["name"]) if found is not None else None
    if found is None or translate is None:
        known = ", ".join(f"~{{gen:{name}(…)}}~" for name in _FUNCTIONS)
        raise ValueError(f"{quoted(f'~{{{call}}}~')} is no function that a variable can use; there are {known}")
    return translate(found["argument"])


def _path(argument: str) -> str:
    """A simple path below the records of the packet. An absolute one begins with the packet's root and the record."""
    found = _PATH.fullmatch(argument.strip().removeprefix("{").removesuffix("}").strip())
    if found is None:
        raise ValueError(f"{quoted(argument)} is no simple path")
    steps = re.split(r"[./]", found["steps"])
    if found["absolute"] and len(steps) > 3:
        raise ValueError(f"{quoted(argument)} is not clear: which of its steps is the record")
    # `//items/item/created_at`: the list, the record, and what is asked for.
    below = steps[-1:] if found["absolute"] else steps
    return ".".join(f"`{step}`" for step in below)


def _contextual(argument: str) -> str:
    name = argument.strip("'\" ")
    if not _NAME.fullmatch(name):
        raise ValueError(f"{quoted(argument)} is no name of a variable")
    return f"${name}"


_FUNCTIONS: Mapping[str, Callable[[str], str]] = {
    "FirstOf": lambda argument: f"(({_path(argument)})[0])",
    "LastOf": lambda argument: f"(({_path(argument)})[-1])",
    "GetContextualDataObject": _contextual,
}
