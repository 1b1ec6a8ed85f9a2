"""Settings: declared once, parsed strictly, kept as text."""

from __future__ import annotations

import pytest

from agent.domain.errors import ConfigurationError, NotFoundError
from agent.domain.settings import SETTINGS, Setting, setting
from agent.store.settings import Settings


class MemoryStore:
    """A settings store in memory."""

    def __init__(self, **saved: str) -> None:
        self.saved = saved

    def load(self) -> dict[str, str]:
        return dict(self.saved)

    def save(self, name: str, value: str) -> None:
        self.saved[name] = value


@pytest.mark.parametrize("declared", SETTINGS, ids=lambda declared: declared.name)
def test_every_default_survives_being_written_and_read(declared: Setting) -> None:
    assert declared.parse(declared.serialise(declared.default)) == declared.default
    assert declared.label
    assert declared.section


def test_names_are_unique() -> None:
    assert len({declared.name for declared in SETTINGS}) == len(SETTINGS)


def test_a_new_installation_has_the_defaults() -> None:
    settings = Settings(MemoryStore())
    assert settings.switch("enable_environment") is False
    assert settings.number("log_days") == 30
    assert settings.value("log_target") == "Error, Info and Status"


def test_a_change_is_kept_as_text_and_seen_by_the_next_start() -> None:
    store = MemoryStore()
    settings = Settings(store)
    assert settings.change("diagnosis_mode", " TRUE ") is True
    assert settings.change("log_target", "error ONLY") == "Error only"
    assert store.saved == {"diagnosis_mode": "true", "log_target": "Error only"}
    assert Settings(store).switch("diagnosis_mode")
    assert Settings(store).text("diagnosis_mode") == "true"


@pytest.mark.parametrize(
    ("name", "text", "code"),
    [
        ("enable_environment", "yes", "setting-invalid"),
        ("log_days", "0", "setting-range"),
        ("log_days", "3651", "setting-range"),
        ("log_days", "1.5", "setting-invalid"),
        ("log_days", "٣", "setting-invalid"),
        ("log_days", "", "setting-invalid"),
        ("theme", "pink", "setting-invalid"),
        ("diagnosis_path", "relative/folder", "setting-invalid"),
        ("diagnosis_path", "/folder\nother", "setting-invalid"),
    ],
)
def test_a_wrong_value_is_refused_with_its_field_and_changes_nothing(name: str, text: str, code: str) -> None:
    store = MemoryStore()
    settings = Settings(store)
    with pytest.raises(ConfigurationError) as caught:
        settings.change(name, text)
    assert (caught.value.code, caught.value.field) == (code, name)
    assert caught.value.remedy
    assert settings.value(name) == setting(name).default
    assert store.saved == {}


@pytest.mark.parametrize("text", ["", "/var/lib/op agent", "C:\\Agent\\Output", "\\\\server\\share\\out"])
def test_paths_of_both_platforms_are_taken(text: str) -> None:
    assert setting("diagnosis_path").parse(text) == text


def test_an_unreadable_stored_value_counts_as_the_default_and_is_said() -> None:
    settings = Settings(MemoryStore(log_days="many", theme="dark", of_old_times="1"))
    assert settings.number("log_days") == 30
    assert settings.value("theme") == "dark"
    assert settings.unreadable == ["log_days"]


def test_an_unknown_name_is_told_from_a_wrong_value() -> None:
    with pytest.raises(NotFoundError):
        Settings(MemoryStore()).change("nothing", "1")
    with pytest.raises(TypeError):
        Settings(MemoryStore()).number("theme")
