"""`opagent clear`, `settings` and `vault`: keeping the agent in order."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from pydantic import SecretStr
from rich.filesize import decimal

from agent.api import clearing_models, vault_models
from agent.cli.connecting import ask
from agent.cli.output import JsonOption, YesOption, fail, say, show, table
from agent.cli.questions import confirm
from agent.cli.secrets import read_passphrase
from agent.domain.errors import AgentError, ConfigurationError, NotFoundError
from agent.domain.meant import meant

StdinOption = Annotated[bool, typer.Option("--passphrase-stdin", help="Read the passphrase from standard input.")]
DescriptorOption = Annotated[int | None, typer.Option("--passphrase-fd", help="Read it from this file descriptor.")]

settings = typer.Typer(no_args_is_help=True, help="Settings: get and set.")
vault = typer.Typer(no_args_is_help=True, help="The vault: where secrets are kept, and its state.")


def clear(
    target: clearing_models.ClearTarget,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would go.")] = False,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Clear Temp or Cache. Credentials, deployments, bookmarks and Sync Info are never touched."""
    report = ask(lambda client: client.clear_preview(target))
    if not dry_run:
        if not yes:
            size = decimal(report.bytes)
            confirm(f"Clear {target.value}: {report.files:,} files, {size}? {report.kept}")
        report = ask(lambda client: client.clear(target))

    def text() -> None:
        rows = [(place.label, f"{place.files:,}", decimal(place.bytes)) for place in report.places]
        table(("What", "Files", "Size"), rows, empty="There is nothing to clear.")
        say(f"{'Cleared' if report.done else 'Would clear'} {report.files:,} files. {report.kept}")

    show(report, as_json, text)


@settings.command("get")
def get(name: Annotated[str, typer.Argument(help="Only this one.")] = "", as_json: JsonOption = False) -> None:
    """All settings, or one."""
    known = ask(lambda client: client.settings())
    found = [one for one in known if name in ("", one.name)]
    if not found:
        remedy = meant(name, [one.name for one in known])
        fail(NotFoundError(f"There is no setting “{name}”.", code="setting-unknown", remedy=remedy))
    rows = [(one.name, one.value, one.label, " | ".join(one.choices)) for one in found]
    show(found, as_json, lambda: table(("Name", "Value", "Meaning", "Choices"), rows, empty=""))


@settings.command("set")
def set_(
    name: Annotated[str, typer.Argument(help="As “opagent settings get” lists them.")],
    value: Annotated[str, typer.Argument(help="The new value.")],
    as_json: JsonOption = False,
) -> None:
    """Change a setting; a check box takes true or false."""
    changed = ask(lambda client: client.change_setting(name, value))
    show(changed, as_json, lambda: say(f"{changed.label}: {changed.value}"))


@vault.command("status")
def status(as_json: JsonOption = False) -> None:
    """Where secrets are kept and whether the vault is open."""
    state = ask(lambda client: client.state()).vault
    show(state, as_json, lambda: _show(state))


@vault.command("set-up")
def set_up(
    kind: Annotated[str, typer.Argument(help="One of the sources that “opagent vault status” lists.")],
    path: Annotated[Path | None, typer.Option(help="Where the key file is, or shall be made.")] = None,
    start_afresh: Annotated[
        bool, typer.Option("--start-afresh", help="Give up what a missing or damaged vault held.")
    ] = False,
    stdin: StdinOption = False,
    descriptor: DescriptorOption = None,
    as_json: JsonOption = False,
) -> None:
    """Choose where the vault's key comes from."""
    if kind == "key-file" and path is None:
        fail(
            ConfigurationError(
                "No key file was chosen.", code="vault-path-needed",
                remedy="Say with --path where it is, or shall be made: --path /etc/op-agent.key.",
            )
        )  # fmt: skip
    passphrase = None
    if kind == "passphrase":
        passphrase = _passphrase(stdin, descriptor, new=True)
    where = str(path.absolute()) if path is not None else None
    choice = vault_models.VaultSetUp(kind=kind, passphrase=passphrase, path=where, start_afresh=start_afresh)
    state = ask(lambda client: client.set_up_vault(choice))
    show(state, as_json, lambda: _show(state))


@vault.command("change-source")
def change_source(
    kind: Annotated[str, typer.Argument(help="system, passphrase, key-file or systemd-credential.")],
    path: Annotated[Path | None, typer.Option(help="Where the key file is, or shall be made.")] = None,
    stdin: StdinOption = False,
    descriptor: DescriptorOption = None,
    as_json: JsonOption = False,
) -> None:
    """Let the key of the open vault come from elsewhere; all secrets stay. The same source again makes a new key."""
    passphrase = _passphrase(stdin, descriptor, new=True) if kind == "passphrase" else None
    where = str(path.absolute()) if path is not None else None
    change = vault_models.VaultSourceChange(kind=kind, passphrase=passphrase, path=where)
    state = ask(lambda client: client.change_vault_source(change))
    show(state, as_json, lambda: _show(state))


@vault.command("unlock")
def unlock(stdin: StdinOption = False, descriptor: DescriptorOption = None, as_json: JsonOption = False) -> None:
    """Open a locked vault."""
    before = ask(lambda client: client.state()).vault
    needs = before.source.needs if before.source is not None and before.state != "open" else "nothing"
    passphrase = _passphrase(stdin, descriptor, new=False).get_secret_value() if needs == "passphrase" else None
    state = ask(lambda client: client.unlock_vault(passphrase))
    show(state, as_json, lambda: _show(state))


def _passphrase(stdin: bool, descriptor: int | None, *, new: bool) -> SecretStr:
    try:
        return read_passphrase(from_stdin=stdin, descriptor=descriptor, new=new)
    except AgentError as error:
        fail(error)


def _show(state: vault_models.Vault) -> None:
    where = f" ({state.source.label})" if state.source is not None else ""
    say(f"Vault: {state.state}{where}. {state.cure}".rstrip())
    rows = [(one.kind, one.label, "yes" if one.works else "no", one.cure) for one in state.sources]
    table(("Source", "Name", "Works here", "What to do"), rows, empty="")
