"""The private environment, made for real from a small project with its own package and lock file, without a network."""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from installer import environment
from installer.progress import Progress, SetUpError

# Builds an editable installation as hatchling would, in so many lines that it needs nothing installed.
BACKEND = """
import pathlib, zipfile
def build_editable(wheel_directory, config_settings=None, metadata_directory=None):
    info = "op_agent-1.0.dist-info/"
    with zipfile.ZipFile(pathlib.Path(wheel_directory, "op_agent-1.0-py3-none-any.whl"), "w") as wheel:
        wheel.writestr("_op_agent.pth", str(pathlib.Path.cwd()))
        wheel.writestr(info + "METADATA", "Metadata-Version: 2.1\\nName: op-agent\\nVersion: 1.0\\n")
        wheel.writestr(info + "WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr(info + "entry_points.txt", "[console_scripts]\\nopagent = agent.__main__:main\\n")
        wheel.writestr(info + "RECORD", "")
    return "op_agent-1.0-py3-none-any.whl"
"""
METADATA = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
[project]
name = "op-agent"
version = "1.0"
"""
AGENT = 'import sys\ndef main():\n    print("agent", *sys.argv[1:])\nif __name__ == "__main__":\n    main()\n'


@dataclass(frozen=True)
class SmallProject:
    """A project folder with our installer, one dependency called `crate`, and an agent that prints its arguments."""

    folder: Path

    @classmethod
    def make(cls, place: Path) -> SmallProject:
        project = cls(place / "project")
        shutil.copytree(environment.PROJECT / "installer", project.folder / "installer")
        (project.folder / "agent").mkdir()
        (project.folder / "agent" / "__init__.py").touch()
        (project.folder / "agent" / "__main__.py").write_text(AGENT, encoding="utf-8")
        (project.folder / "backend.py").write_text(BACKEND, encoding="utf-8")
        (project.folder / "pyproject.toml").write_text(METADATA, encoding="utf-8")
        project.wheels.mkdir()
        wheel = _wheel_of_crate()
        (project.wheels / "crate-1.0-py3-none-any.whl").write_bytes(wheel)
        project.pin(hashlib.sha256(wheel).hexdigest())
        return project

    @property
    def wheels(self) -> Path:
        return self.folder / "wheels"

    @property
    def lock(self) -> Path:
        return self.folder / "installer" / "requirements.lock"

    @property
    def environment(self) -> Path:
        return self.folder / ".venv"

    def pin(self, digest: str) -> None:
        self.lock.write_text(f"crate==1.0 \\\n    --hash=sha256:{digest}\n", encoding="utf-8")

    def prepare(self) -> str:
        """Bring the environment up to date and give what was said."""
        said = io.StringIO()
        environment.prepare(self.environment, [self.lock], Progress(said, clock=lambda: 0.0), project=self.folder)
        return said.getvalue()

    def works(self) -> bool:
        python = environment.python_in(self.environment)
        return subprocess.run([python, "-I", "-c", "import crate, agent"], check=False).returncode == 0


def _wheel_of_crate() -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as wheel:
        wheel.writestr("crate.py", "")
        wheel.writestr("crate-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: crate\nVersion: 1.0\n")
        wheel.writestr("crate-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr("crate-1.0.dist-info/RECORD", "")
    return content.getvalue()


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SmallProject:
    project = SmallProject.make(tmp_path)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(project.wheels))
    return project


@pytest.mark.slow
def test_an_interrupted_installation_is_made_anew(project: SmallProject) -> None:
    # What a killed `python -m venv` leaves behind.
    project.environment.mkdir()
    (project.environment / "pyvenv.cfg").touch()
    project.prepare()
    assert project.works()
    # What a killed pip leaves behind: it takes the package for installed.
    (project.environment / "op-agent.json").write_text("{}", encoding="utf-8")
    next(project.environment.rglob("crate.py")).unlink()
    assert not project.works()

    said = project.prepare()

    assert "Making a private Python environment" in said
    assert project.works()


@pytest.mark.slow
def test_a_package_that_is_not_the_locked_one_is_refused(project: SmallProject) -> None:
    right = project.lock.read_text(encoding="utf-8")
    project.pin("0" * 64)

    with pytest.raises(SetUpError) as refused:
        project.prepare()
    assert "HASHES" in refused.value.output

    project.lock.write_text(right, encoding="utf-8")
    project.prepare()
    assert project.works()


@pytest.mark.slow
def test_an_environment_made_by_hand_is_filled_up_and_kept(project: SmallProject) -> None:
    subprocess.run([sys.executable, "-m", "venv", str(project.environment)], check=True)
    mine = project.environment / "my-notes.txt"
    mine.touch()

    said = project.prepare()

    assert "Making" not in said
    assert mine.exists()
    assert project.works()


@pytest.mark.slow
def test_run_sets_up_and_opens_the_demo_from_any_folder_and_leaves_nothing_elsewhere(
    project: SmallProject, tmp_path: Path
) -> None:
    user, elsewhere, place = tmp_path / "user", tmp_path / "elsewhere", tmp_path / "place"
    for folder in (user, elsewhere):
        folder.mkdir()
    kept = {name: value for name, value in os.environ.items() if name.startswith(("PIP_NO", "PIP_FIND", "SYSTEM"))}
    variables = {**kept, "HOME": str(user), "OPAGENT_HOME": str(place), "PATH": str(elsewhere)}  # no apt, no shell
    command = [sys.executable, str(project.folder / "installer" / "run.py")]

    def run(*arguments: str, screen: bool) -> list[str]:
        screens = {"DISPLAY": ":7"} if screen else {}
        done = subprocess.run(
            [*command, *arguments],
            cwd=elsewhere,
            env={**variables, **screens},
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.splitlines()

    first = run("--setup-only", screen=False)
    assert [line.split(" ...")[0] for line in first] == [
        "Making a private Python environment in .venv",
        "Installing 1 pinned packages",
        "Adding the agent itself",
        "Everything is set up.",
    ]
    assert run("--setup-only", screen=False) == ["Everything is set up."]
    if sys.platform not in {"win32", "darwin"}:
        assert run(screen=False) == [
            "There is no screen here, so the demo runs without a window.",
            "agent demo --headless",
        ]
    without_qt = run(screen=True)
    assert "Qt cannot be loaded here" in without_qt[0]
    assert without_qt[1] == "agent demo --headless"
    next(project.environment.rglob("crate.py")).with_name("PySide6").mkdir()
    for module in ("__init__", "QtSvg", "QtWidgets"):
        next(project.environment.rglob("PySide6")).joinpath(f"{module}.py").touch()
    assert run(screen=True) == ["agent demo"]

    opagent = environment.python_in(project.environment).with_name("opagent")
    done = subprocess.run([opagent, "status"], cwd=elsewhere, env=variables, capture_output=True, text=True, check=True)
    assert done.stdout == "agent status\n"
    assert list(user.iterdir()) == []
    assert list(elsewhere.iterdir()) == []
