"""Which system packages are missing, how they are installed by root, and what everybody else is told."""

from __future__ import annotations

import io
import subprocess
from collections.abc import Sequence
from typing import Any

import pytest

from installer import environment, system_packages
from installer.progress import Progress, SetUpError
from installer.system_packages import Apt


class FakeMachine:
    """Answers dpkg-query from a list and apt-get with a set result; remembers what apt-get was asked."""

    def __init__(self, installed: str = "", *, refuses: str = "") -> None:
        self.installed = installed
        self.refuses = refuses
        self.asked: list[list[str]] = []
        self.environments: list[dict[str, str]] = []

    def run(self, command: Sequence[str], **options: Any) -> subprocess.CompletedProcess[str]:
        if command[0] == "dpkg-query":
            return subprocess.CompletedProcess(command, 1, self.installed, "no packages found")
        self.asked.append([part for part in command[1:] if part in {"update", "install"} or "lib" in part])
        self.environments.append(options["env"])
        failed = bool(self.refuses) and self.refuses in command
        return subprocess.CompletedProcess(command, 100 if failed else 0, "E: Unable to locate it\n" if failed else "")


@pytest.fixture
def said() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def progress(said: io.StringIO) -> Progress:
    return Progress(said, clock=lambda: 0.0)


def test_only_installed_packages_count_whatever_their_spelling() -> None:
    machine = FakeMachine("libegl1 installed\nlibglib2.0-0t64 installed\nlibgl1 config-files\n")
    assert system_packages.missing(["libegl1", "libgl1", "libglib2.0-0"], run=machine.run) == ["libgl1"]


def test_root_gets_exactly_the_missing_ones(progress: Progress, said: io.StringIO) -> None:
    machine = FakeMachine()
    assert Apt(progress, root=True, run=machine.run).install(["libegl1", "libgl1"])
    assert machine.asked == [["update"], ["install", "libegl1", "libgl1"]]
    assert all(variables["DEBIAN_FRONTEND"] == "noninteractive" for variables in machine.environments)
    assert said.getvalue() == "Installing system packages: libegl1 libgl1 ... 0.0 s\n"


def test_the_package_lists_are_read_once(progress: Progress) -> None:
    machine = FakeMachine()
    apt = Apt(progress, root=True, run=machine.run)
    assert apt.install(["libegl1"])
    assert apt.install(["libgl1"])
    assert machine.asked == [["update"], ["install", "libegl1"], ["install", "libgl1"]]


def test_nothing_missing_asks_apt_nothing(progress: Progress, said: io.StringIO) -> None:
    machine = FakeMachine()
    assert Apt(progress, root=True, run=machine.run).install([])
    assert machine.asked == []
    assert said.getvalue() == ""


def test_anybody_else_is_given_the_line_to_run(progress: Progress, said: io.StringIO) -> None:
    machine = FakeMachine()
    assert not Apt(progress, root=False, run=machine.run).install(["libegl1"])
    assert machine.asked == []
    assert "sudo apt-get update && sudo apt-get install -y --no-install-recommends libegl1" in said.getvalue()


def test_a_source_that_does_not_answer_is_no_reason_to_stop(progress: Progress) -> None:
    machine = FakeMachine(refuses="update")
    assert Apt(progress, root=True, run=machine.run).install(["libegl1"])


def test_when_apt_fails_its_reason_and_the_line_are_shown_and_the_set_up_goes_on(
    progress: Progress, said: io.StringIO
) -> None:
    machine = FakeMachine(refuses="install")
    assert not Apt(progress, root=True, run=machine.run).install(["libegl1"])
    assert "E: Unable to locate it" in said.getvalue()
    assert system_packages.apt_line(["libegl1"]) in said.getvalue()


def test_a_program_that_is_there_needs_no_package() -> None:
    programs = {"Xvfb", "dbus-run-session", "postgres", "mariadb-install-db", "sshd"}
    wanted = system_packages.missing_for_tests(find=lambda program: program if program in programs else None)
    assert wanted == ["gnome-keyring"]


def test_python_without_venv_says_what_to_run(
    progress: Progress, said: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.setattr(system_packages, "is_debian", lambda: True)
    with pytest.raises(SetUpError, match="run the line above"):
        environment.ensure_venv_module(Apt(progress, root=False), wanted_too=["libegl1"])
    assert said.getvalue().count("apt-get update") == 1
    assert f"--no-install-recommends {system_packages.VENV} libegl1\n" in said.getvalue()
