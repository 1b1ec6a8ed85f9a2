"""Commands at a terminal and without one: prompts, help, starting quickly, odd encodings, no screen."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest
import typer
from typer.core import TyperGroup
from typer.testing import CliRunner

from agent import __version__
from agent.cli.main import app
from agent.sandbox import RunningSandbox
from tests.helpers.running_service import RunningService, service_below

COMMANDS = """
app fields, app list, app remove, app save, app validate, cancel, clear, demo, flow check, flow deploy, flow list,
flow show, flow undeploy, log, operator password, run, runs, sandbox serve, schedule clear, schedule set,
schedule show, service run,
service start, service status, service stop, settings get, settings set, sync-info,
vault set-up, vault status, vault unlock, version
"""
# They hand the terminal over to another program.
WITHOUT_JSON = {"service run", "sandbox serve", "connector new", "rest describe"}


def commands(group: TyperGroup, *before: str) -> Iterator[tuple[str, list[str]]]:
    """Every command, with its options."""
    for name, command in sorted(group.commands.items()):
        if isinstance(command, TyperGroup):
            yield from commands(command, *before, name)
        else:
            yield " ".join((*before, name)), [option for one in command.params for option in one.opts]


ALL = dict(commands(typer.main.get_group(app)))


def test_every_command_is_there_and_speaks_json() -> None:
    wanted = {name.strip() for name in COMMANDS.replace("\n", " ").split(",")}
    assert wanted <= set(ALL)
    assert {name for name, options in ALL.items() if "--json" not in options} == WITHOUT_JSON


@pytest.mark.parametrize("command", ["", *ALL, *sorted({name.split()[0] for name in ALL if " " in name})])
def test_help_says_what_everything_is_for(command: str) -> None:
    done = CliRunner().invoke(app, [*command.split(), "--help"], env={"COLUMNS": "200"})
    assert done.exit_code == 0
    lines = [line.strip(" │╭╮╰╯─") for line in done.stdout.splitlines()]
    assert lines[1].startswith(f"Usage: opagent {command}".strip()) or lines[1].startswith("Usage: root")
    described = [line for line in lines if line.startswith(("-", "*")) or (line and line.split()[0].islower())]
    bare = [line for line in described if len(line.split()) < 2]
    assert bare == [], "something has no description"


def test_usage_errors_go_to_standard_error_with_status_2(tmp_path: Path) -> None:
    with service_below(tmp_path) as service:
        done = service.opagent("settings", "set", "theme")
    assert (done.returncode, done.stdout) == (2, "")
    assert "VALUE" in done.stderr.upper()


def test_the_version_needs_none_of_the_large_libraries() -> None:
    program = (
        "import runpy, sys; sys.argv = ['opagent', 'version', '--json']\n"
        "try: runpy.run_module('agent', run_name='__main__')\n"
        "except SystemExit as ended: status = ended.code\n"
        "large = {'httpx', 'fastapi', 'sqlalchemy', 'dbos', 'PySide6', 'psutil', 'uvicorn', 'pygments'}\n"
        "sys.exit(status or ', '.join(large & set(sys.modules)) or None)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert set(json.loads(done.stdout)) == {"version"}


def test_the_version_is_said_where_people_look_for_it_first() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "agent", "--version"], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, __version__, "")


def test_without_a_screen_it_says_what_to_use_instead(tmp_path: Path) -> None:
    hidden = dict.fromkeys(("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"), "")
    with service_below(tmp_path) as service:
        done = service.opagent(environ=hidden)
    if sys.platform.startswith("linux"):
        assert done.returncode == 1
        assert "opagent --help" in done.stderr
        assert not service.folders.data.exists(), "and starts nothing"


@pytest.fixture(scope="module")
def typed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    with service_below(tmp_path_factory.mktemp("typed")) as service:
        service.start()
        yield service


class Terminal:
    """A command whose standard input is a terminal; standard output and standard error are read apart."""

    started: ClassVar[list[Terminal]] = []

    def __init__(self, service: RunningService, *arguments: str) -> None:
        import pty

        self._ours, theirs = pty.openpty()
        try:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "agent", *arguments], stdin=theirs, stdout=subprocess.PIPE,
                stderr=subprocess.PIPE, env=service.environ(), start_new_session=True,
            )  # fmt: skip
        finally:
            os.close(theirs)
        self.started.append(self)

    def type(self, text: str, *, when: str) -> None:
        """Type a line once that was asked."""
        assert self.process.stderr is not None
        asked = b""
        while when.encode() not in asked:
            readable, _, _ = select.select([self.process.stderr], [], [], 30)
            assert readable, f"“{when}” was not asked, only {asked!r}"
            piece = os.read(self.process.stderr.fileno(), 4_096)
            assert piece, f"it ended with {asked!r}"
            asked += piece
        os.write(self._ours, f"{text}\n".encode())

    def close(self) -> None:
        """End it, however far it is."""
        self.process.kill()
        self.process.communicate()
        os.close(self._ours)

    def end(self) -> tuple[int, str, str, str]:
        """Status, standard output, standard error, and what the terminal showed of what was typed."""
        stdout, stderr = self.process.communicate(timeout=30)
        shown = b""
        while select.select([self._ours], [], [], 0)[0]:
            try:
                shown += os.read(self._ours, 4_096)
            except OSError:  # Linux says so when nobody has it open any more
                break
        return self.process.returncode, stdout.decode(), stderr.decode(), shown.decode()


@pytest.fixture(autouse=True)
def _close_terminals() -> Iterator[None]:
    yield
    while Terminal.started:
        Terminal.started.pop().close()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals of this kind")
def test_secrets_are_asked_for_without_echo_and_beside_the_answer(typed: RunningService, shop: RunningSandbox) -> None:
    vault = Terminal(typed, "vault", "set-up", "passphrase", "--json")
    vault.type("a passphrase of mine", when="Passphrase:")
    vault.type("a passphrase of mine", when="Passphrase, again:")
    status, stdout, stderr, shown = vault.end()
    assert (status, json.loads(stdout)["state"]) == (0, "open"), stderr
    assert "a passphrase of mine" not in stdout + stderr + shown

    plain = ("--set", f"api_path={shop.api_path}")
    save = Terminal(typed, "app", "save", "bigcommerce", *plain, "--json")
    save.type(shop.token, when="API Token:")
    status, stdout, stderr, shown = save.end()
    assert (status, json.loads(stdout)["message"]) == (0, "Connection Data Saved"), stderr
    assert shop.token not in stdout + stderr + shown

    kept = Terminal(typed, "app", "save", "bigcommerce", *plain, "--set", "username=me", "--json")
    kept.type("", when="keep the stored one")
    status, stdout, stderr, _ = kept.end()
    assert (status, list(json.loads(stdout)["configuration"]["secrets"])) == (0, ["api_token"]), stderr


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals of this kind")
def test_a_password_is_changed_without_echo(typed: RunningService) -> None:
    typed.ask(lambda client: client.sign_in("anna", "correct horse"))
    change = Terminal(typed, "operator", "password", "anna")
    change.type("correct horse", when="Present password:")
    change.type("a better one than that", when="New password:")
    change.type("a better one than that", when="New password, again:")
    status, stdout, stderr, shown = change.end()
    assert (status, stdout) == (0, "The password of anna is changed. Windows ask for the new one.\n"), stderr
    assert "horse" not in stdout + stderr + shown
    assert "better" not in stdout + stderr + shown
    typed.ask(lambda client: client.sign_in("anna", "a better one than that"))
    done = typed.opagent("operator", "password", "anna", "--passwords-stdin", stdin="wrong\nyet another password\n")
    assert (done.returncode, done.stdout) == (1, "")
    assert "correct credentials" in done.stderr
    done = typed.opagent("operator", "password", "anna", "--passwords-stdin", stdin="a better one than that\n")
    assert "no second line" in done.stderr
    assert "--passwords-stdin" in typed.opagent("operator", "password", "anna").stderr


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals of this kind")
def test_what_cannot_be_undone_asks_first(typed: RunningService) -> None:
    asking = Terminal(typed, "clear", "cache", "--json")
    asking.type("n", when="[y/N]")
    status, stdout, _, _ = asking.end()
    assert (status, stdout) == (1, "")
    asking = Terminal(typed, "clear", "cache", "--json")
    asking.type("y", when="[y/N]")
    status, stdout, _, _ = asking.end()
    assert (status, json.loads(stdout)["done"]) == (0, True)


def test_an_encoding_without_our_letters_spoils_nothing(typed: RunningService) -> None:
    latin = {"PYTHONIOENCODING": "ascii"}
    told = typed.opagent("settings", "get", "--json", environ=latin)
    assert told.returncode == 0
    assert "Agent Output Path" in {one["label"] for one in json.loads(told.stdout)}
    refused = typed.opagent("settings", "get", "nothing", environ=latin)
    assert refused.returncode == 1
    assert "Traceback" not in refused.stderr
    assert "There is no setting" in refused.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl+C is a signal on POSIX")
def test_a_sandbox_store_is_served_until_an_interrupt(tmp_path: Path) -> None:
    with service_below(tmp_path) as service:
        serving = service.begin("sandbox", "serve", "--orders", "10")
        try:
            assert serving.stdout is not None
            assert json.loads(serving.stdout.readline())["api_path"].startswith("http://127.0.0.1:")
            serving.send_signal(signal.SIGINT)
            _, stderr = serving.communicate(timeout=30)
            assert (serving.returncode, stderr) == (0, "")
        finally:
            serving.kill()
