"""`opagent clear`, `settings` and `vault`: keeping the agent in order."""

from __future__ import annotations

from typing import Annotated

import typer
from pydantic import SecretStr
from rich.filesize import decimal
from rich.text import Text

from agent.api import models
from agent.cli.connecting import ask
from agent.cli.output import JsonOption, show, stdout, table

settings = typer.Typer(no_args_is_help=True, help="Settings: get and set.")
vault = typer.Typer(no_args_is_help=True, help="The vault: where secrets are kept, and its state.")


def clear(
    target: models.ClearTarget,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would go.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Clear Temp or Cache. Credentials, deployments, bookmarks and Sync Info are never touched."""
    report = ask(lambda client: client.clear_preview(target))
    if not dry_run:
        if not yes:
            size = decimal(report.bytes)
            typer.confirm(f"Clear {target.value}: {report.files:,} files, {size}? {report.kept}", abort=True)
        report = ask(lambda client: client.clear(target))

    def text() -> None:
        rows = [(place.label, f"{place.files:,}", decimal(place.bytes)) for place in report.places]
        table(("What", "Files", "Size"), rows, empty="There is nothing to clear.")
        stdout.print(Text(f"{'Cleared' if report.done else 'Would clear'} {report.files:,} files. {report.kept}"))

    show(report, as_json, text)


@settings.command("get")
def get(name: Annotated[str, typer.Argument()] = "", as_json: JsonOption = False) -> None:
    """All settings, or one."""
    found = [one for one in ask(lambda client: client.settings()) if name in ("", one.name)]
    rows = [(one.name, one.value, one.label, " | ".join(one.choices)) for one in found]
    show(found, as_json, lambda: table(("Name", "Value", "Meaning", "Choices"), rows, empty="No such setting."))
    if not found:
        raise typer.Exit(1)


@settings.command("set")
def set_(name: str, value: str, as_json: JsonOption = False) -> None:
    """Change a setting; a check box takes true or false."""
    changed = ask(lambda client: client.change_setting(name, value))
    show(changed, as_json, lambda: stdout.print(Text(f"{changed.label}: {changed.value}")))


@vault.command("status")
def status(as_json: JsonOption = False) -> None:
    """Where secrets are kept and whether the vault is open."""
    state = ask(lambda client: client.state()).vault
    show(state, as_json, lambda: _show(state))


@vault.command("set-up")
def set_up(
    kind: Annotated[str, typer.Argument(help="One of the sources that “opagent vault status” lists.")],
    path: Annotated[str | None, typer.Option(help="Where the key file is, or shall be made.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Choose where the vault's key comes from."""
    passphrase = None
    if kind == "passphrase":
        typed = typer.prompt("Passphrase", hide_input=True, confirmation_prompt=True)
        passphrase = SecretStr(typed)
    choice = models.VaultSetUp(kind=kind, passphrase=passphrase, path=path)
    state = ask(lambda client: client.set_up_vault(choice))
    show(state, as_json, lambda: _show(state))


@vault.command("unlock")
def unlock(as_json: JsonOption = False) -> None:
    """Open a locked vault."""
    before = ask(lambda client: client.state()).vault
    needs = before.source.needs if before.source is not None else "nothing"
    passphrase = typer.prompt("Passphrase", hide_input=True) if needs == "passphrase" else None
    state = ask(lambda client: client.unlock_vault(passphrase))
    show(state, as_json, lambda: _show(state))


def _show(state: models.Vault) -> None:
    where = f" ({state.source.label})" if state.source is not None else ""
    stdout.print(Text(f"Vault: {state.state}{where}. {state.cure}".rstrip()))
    rows = [(one.kind, one.label, "yes" if one.works else "no", one.cure) for one in state.sources]
    table(("Source", "Name", "Works here", "What to do"), rows, empty="")
