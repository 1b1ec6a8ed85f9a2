"""Writes a new connector that works: a folder with the same files as ours have, and a small app to try it on.

`python -m agent.connectors.skeleton NAME`, for `opagent connector new`. The files lie in `resources/connector`; they
are those of a connector called Acme, which a test runs through the whole conformance suite.
"""

from __future__ import annotations

import argparse
import keyword
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from agent.connectors.registry import connectors
from agent.domain.errors import AgentError, ConfigurationError, ConflictError

_PACKAGED = Path(__file__).resolve().parents[1] / "_resources" / "connector"
_SOURCE_TREE = Path(__file__).resolve().parents[2] / "resources" / "connector"
_NAME: Final = re.compile(r"[a-z][a-z0-9_]{1,30}")
_ACME: Final = re.compile(r"(?P<id>acme)|(?P<title>\bAcme\b)|(?P<in_classes>Acme)")
"""What stands for the id in the files, and for the name: in a word of its own as people write it, within one as classes
do."""
_NO_TITLE: Final = re.compile(r"""["'\\{}\r\n]""")


def written(name: str, folder: Path | None = None, *, title: str = "") -> Path:
    """Write a connector of that name, and give its folder.

    Args:
        name: The app's id: small letters, digits and underscores.
        folder: Where to; by default `opagent-NAME` here.
        title: What people call the app; by default the words of the name: My Shop for my_shop.

    Raises:
        ConfigurationError: The name or the title will not do.
        ConflictError: There is something in the folder.
    """
    if not _NAME.fullmatch(name) or keyword.iskeyword(name):
        raise ConfigurationError(
            f"A connector cannot be called “{name}”.",
            code="connector-name",
            remedy="Use 2 to 31 small letters, digits and underscores, with a letter first, such as "
            f"{_suggested(name)}. What people call the app goes with --title.",
            field="name",
        )
    title = title.strip() or " ".join(word.capitalize() for word in name.split("_") if word)
    if _NO_TITLE.search(title) or not title.isprintable():
        raise ConfigurationError(
            f"An app cannot be called “{title}”: it stands in texts of Python code.",
            code="connector-title",
            remedy="Use letters, digits and blanks.",
            field="title",
        )
    if name in connectors():
        raise ConflictError(
            f"There is a connector “{name}” already.", code="connector-exists", remedy="Choose another name."
        )
    folder = Path(f"opagent-{name}") if folder is None else folder
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConflictError(
            f"There is something in {folder} already.", code="folder-exists", remedy="Choose another folder."
        )
    source = _PACKAGED if _PACKAGED.is_dir() else _SOURCE_TREE
    for file in sorted(source.rglob("*")):
        if file.is_file() and "__pycache__" not in file.parts:
            target = folder / _renamed(file.relative_to(source).as_posix(), name, title)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(_renamed(file.read_text("utf-8"), name, title), "utf-8")
    return folder


def _renamed(text: str, name: str, title: str) -> str:
    written = {"id": name, "title": title, "in_classes": "".join(word.capitalize() for word in name.split("_"))}
    return _ACME.sub(lambda found: written[found.lastgroup or ""], text)


def _suggested(name: str) -> str:
    """A name that will do, as near to the one that was given as can be."""
    near = re.sub(r"[^a-z0-9]+", "_", name.casefold()).strip("_")[:31]
    return near if _NAME.fullmatch(near) and not keyword.iskeyword(near) else "my_shop"


def main(arguments: Sequence[str] | None = None) -> int:
    """Write one, and say how to go on."""
    parser = argparse.ArgumentParser("opagent connector new", description="Write a new connector that works.")
    parser.add_argument("name", help="The app's id, such as my_shop.")
    parser.add_argument("--title", default="", help="What people call the app, such as “My Shop”.")
    parser.add_argument("--folder", type=Path, help="Where to write it; opagent-NAME here by default.")
    given = parser.parse_args(arguments)
    try:
        folder = written(given.name, given.folder, title=given.title)
    except AgentError as error:
        sys.stderr.write(f"{error.message} {error.remedy}\n")
        return 1
    sys.stdout.write(
        f"Wrote a connector that works into {folder}. Its README.md says what to change.\n\n"
        f"Try it:       opagent connector test {folder}\n"
        f"Install it:   {sys.executable} -m pip install --no-build-isolation -e {folder}\n"
        "              opagent service stop, then opagent service start\n"
        "See it:       opagent app list\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
