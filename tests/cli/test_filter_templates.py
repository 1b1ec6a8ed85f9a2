"""`opagent filter-template`: saved, listed, shown and removed from the command line."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Run


def test_a_template_is_saved_listed_shown_and_removed(quickly: Run) -> None:
    key = ("bigcommerce", "orders", "GET", "large")
    saved = quickly("filter-template", "save", *key, "-c", "min_total = 100", "-c", "status_id = 11")
    assert (saved.returncode, saved.stdout) == (0, "large: min_total = 100 & status_id = 11\n"), saved.stderr
    assert "large  min_total = 100 & status_id = 11" in quickly("filter-template", "list").stdout
    assert quickly("filter-template", "show", *key).stdout.startswith("min_total = 100 & status_id = 11\nSaved ")
    assert quickly("filter-template", "remove", *key, "--yes").stdout == "large is removed.\n"
    assert quickly("filter-template", "list").stdout == "There are no filter templates.\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["save", "bigcommerce", "orders", "GET", "x", "-c", "nonsense"], "is not a clause"),
        (["save", "bigcommerce", "orders", "GET", "x", "-c", "emial = 1"], "Did you mean “email”?"),
        (["show", "sql", "orders", "GET", "x"], "There is no filter template “x” for GET of orders."),
    ],
)
def test_a_wrong_use_is_explained(quickly: Run, arguments: list[str], said: str) -> None:
    done = quickly("filter-template", *arguments)
    assert (done.returncode, done.stdout) == (1, "")
    assert said in done.stderr
