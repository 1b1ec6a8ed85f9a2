"""What commands on processflows share: documents read from files, bindings, and the options of a deployment."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from agent.api.flow_models import DocumentRequest
from agent.cli.files import read_text
from agent.domain.errors import ConfigurationError

FileArgument = Annotated[Path, typer.Argument(metavar="FILE", help="A processflow document, YAML or JSON.")]
NameArgument = Annotated[str, typer.Argument(help="The processflow's name.")]
BindOption = Annotated[
    list[str] | None, typer.Option("--bind", "-b", help="Bind a credential token: token=configuration name or id.")
]
LookupOption = Annotated[
    list[str] | None, typer.Option("--lookup", help="Let a lookup use another table: lookup=table.")
]
NoteOption = Annotated[str, typer.Option("--note", help="Why, for the history.")]
AnywayOption = Annotated[bool, typer.Option("--anyway", help="Deploy although an App Configuration fails its check.")]
BindLaterOption = Annotated[
    bool, typer.Option("--bind-later", help="Deploy although a token has no App Configuration yet.")
]
WithoutTestsOption = Annotated[bool, typer.Option("--without-tests", help="Do not run the tests of the document.")]
MAX_BYTES = 5_000_000
_EXAMPLES = {"token=configuration": "store=Main", "lookup=table": "country=countries"}


def read_document(
    path: Path, bind: Sequence[str], note: str = "", *, lookups: Sequence[str] | None = None
) -> DocumentRequest:
    """A document from a file, with its bindings and the tables of its lookups.

    Raises:
        ConfigurationError: code `binding-invalid`, or as `files.read_text`.
    """
    document = read_text(path, most_bytes=MAX_BYTES, too_large="Split it.")
    return DocumentRequest(
        document=document, file=path.name, bindings=pairs(bind, "token=configuration"),
        lookups=pairs(lookups or [], "lookup=table"), note=note,
    )  # fmt: skip


def pairs(written: Sequence[str], form: str) -> dict[str, str]:
    """Names and values as they are written on the command line: `form` is "token=configuration", for instance.

    Raises:
        ConfigurationError: code `binding-invalid`.
    """
    found = {}
    for pair in written:
        name, separator, value = pair.partition("=")
        if not separator:
            raise ConfigurationError(
                f"“{pair}” is not of the form {form}.", code="binding-invalid",
                remedy=f"Write {form}, such as {_EXAMPLES[form]}.",
            )  # fmt: skip
        found[name] = value
    return found
