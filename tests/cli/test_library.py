"""`opagent function` and `opagent lookup`: the whole life of both, and every wrong use explained."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from tests.cli.conftest import Run

NET = """\
name: net
parameters: [gross, rate]
body: $round($gross / (1 + $rate), 2)
description: Without tax.
examples:
  - {arguments: [119, 0.19], result: 100}
"""


def answered(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_function_is_tried_saved_shown_and_removed(quickly: Run, tmp_path: Path) -> None:
    file = tmp_path / "net.yaml"
    file.write_text(NET, "utf-8")
    assert answered(quickly("function", "test", str(file))) == "$net, example 1: 100\n"
    assert answered(quickly("function", "save", str(file))) == "$net is saved as version 1.\n"
    assert "$net($gross, $rate)" in answered(quickly("function", "list"))
    file.write_text(NET.replace("/ (1 + $rate)", "* (1 - $rate / (1 + $rate))"), "utf-8")
    assert json.loads(answered(quickly("function", "save", str(file), "--json")))["function"]["version"] == 2
    shown = answered(quickly("function", "show", "$net"))
    assert "$net($gross, $rate), version 2" in shown
    assert "$net(119, 0.19) = 100" in shown
    assert "Versions: 2, 1" in shown
    assert "$gross / (1 + $rate)" in answered(quickly("function", "show", "net", "--version", "1"))
    refused = quickly("function", "remove", "net")
    assert (refused.returncode, "use --yes" in refused.stderr) == (1, True)
    assert answered(quickly("function", "remove", "net", "--yes")) == "$net is removed.\n"
    assert answered(quickly("function", "list")) == "None yet.\n"


def test_a_function_that_is_not_right_is_explained(quickly: Run, tmp_path: Path) -> None:
    file = tmp_path / "net.yaml"
    for text, status, reason in (
        (NET.replace("result: 100", "result: 99"), 1, "example 1: gave 100 instead of 99"),
        (NET.replace("$gross /", "$gros /"), 1, "Did you mean $gross?"),
        (NET.replace("name: net", "name: 5net"), 1, "name: String should match pattern"),
        ("name: [", 1, "cannot be read"),
        ("a: &x [*x]", 1, "aliases (*) are not allowed"),
        ("{", 1, "cannot be read"),
    ):
        file.write_text(text, "utf-8")
        done = quickly("function", "test", str(file))
        assert done.returncode == status
        assert reason in done.stdout + done.stderr
    assert quickly("function", "show", "net").returncode == 1


def test_a_lookup_table_is_imported_changed_exported_and_removed(quickly: Run, tmp_path: Path) -> None:
    file = tmp_path / "countries.csv"
    file.write_bytes("\ufeffSource;Destination\r\nDE;Deutschland\r\nAT;Österreich\r\nDE;x\r\n".encode())
    dry = answered(quickly("lookup", "import", "countries", str(file), "--dry-run"))
    assert dry.startswith("countries: it would be 2 added, 0 changed")
    done = answered(quickly("lookup", "import", "countries", str(file)))
    assert done.splitlines() == [
        "countries: 2 added, 0 changed, 0 as they were, 0 removed, 1 duplicates left out.",
        "  line 4: “DE” is in line 2 already",
    ]
    assert answered(quickly("lookup", "set", "countries", "CH", "Schweiz")) == "countries has 3 rows.\n"
    assert answered(quickly("lookup", "unset", "countries", "AT")) == "countries has 2 rows.\n"
    assert "Schweiz" in answered(quickly("lookup", "show", "countries"))
    assert "countries" in answered(quickly("lookup", "list"))
    target = tmp_path / "out.xlsx"
    answered(quickly("lookup", "export", "countries", str(target)))
    assert quickly("lookup", "export", "countries", str(target)).returncode == 1
    again = answered(quickly("lookup", "import", "countries", str(target), "--json"))
    assert json.loads(again)["unchanged"] == 2
    asked = quickly("lookup", "clear", "countries")
    assert (asked.returncode, "all 2 rows of countries?" in asked.stderr) == (1, True)
    assert answered(quickly("lookup", "clear", "countries", "--yes")) == "countries has 0 rows.\n"
    assert answered(quickly("lookup", "remove", "countries", "--yes")) == "countries is removed.\n"


def test_a_file_with_a_bad_row_is_not_imported_and_the_row_is_named(quickly: Run, tmp_path: Path) -> None:
    file = tmp_path / "sizes.csv"
    file.write_text("Source,Destination,Type\nS,1,integer\nM,two,integer\n", "utf-8")
    done = quickly("lookup", "import", "sizes", str(file))
    assert done.returncode == 1
    assert "Nothing was imported: 1 rows are not right." in done.stdout
    assert "line 3: the destination value “two” is no whole number" in done.stdout
    assert quickly("lookup", "show", "sizes").returncode == 1
    assert "neither .xlsx nor .csv" in quickly("lookup", "export", "sizes", str(tmp_path / "a.txt")).stderr
    assert quickly("lookup", "set", "sizes", "x" * 101, "1").returncode == 1
