"""Questions at the terminal: asked on standard error, so that a command's answer stays alone on standard output."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Collection

import typer

from agent.cli.output import INTERRUPTED, note


def has_terminal() -> bool:
    """Whether there is somebody to ask."""
    return sys.stdin.isatty()


def confirm(question: str) -> None:
    """Ask, and end with status 1 unless the answer is yes."""
    if not has_terminal():
        note(f"{question}\nThere is no terminal to ask at: use --yes.")
        raise typer.Exit(1)
    if _answer(f"{question} [y/N]: ").strip().casefold() not in ("y", "yes"):
        note("Nothing was done.")
        raise typer.Exit(1)


def choose(question: str, options: Collection[str] | None) -> str:
    """Ask until the answer is one of these letters; without any, until it is not empty."""
    while True:
        answer = _answer(question).strip()
        if options is None and answer:
            return answer
        if options is not None and answer.casefold() in options:
            return answer.casefold()


def hidden(label: str) -> str:
    """Something that is not shown while it is typed."""
    try:
        return getpass.getpass(f"{label}: ", stream=sys.stderr)
    except (EOFError, KeyboardInterrupt):
        raise _given_up() from None


def hidden_twice(label: str) -> str:
    """Something new that is not shown: typed until it was typed twice alike."""
    while True:
        typed = hidden(label)
        if hidden(f"{label}, again") == typed:
            return typed
        note("These were not the same. Type them again.")


def _answer(question: str) -> str:
    sys.stderr.write(question)
    sys.stderr.flush()
    try:
        line = sys.stdin.readline()
    except KeyboardInterrupt:
        raise _given_up() from None
    if not line:
        raise _given_up()
    return line


def _given_up() -> typer.Exit:
    note("\nInterrupted.")
    return typer.Exit(INTERRUPTED)
