"""The whole job from the command line, as a script would do it: set up, configure, deploy, run, look, clear, remove.

The tests build on each other in this order, as commands in a script do.
"""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from agent.sandbox import RunningSandbox
from agent.sandbox.faults import Fault, FaultKind
from tests.cli.conftest import Run
from tests.helpers.running_service import RunningService

FLOW = "orders-to-database"
SAMPLE = Path(__file__).resolve().parents[2] / "resources" / "processflows" / f"{FLOW}.yaml"


def succeeded(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stdout + done.stderr, "no colours where there is no terminal"
    return done.stdout


def as_json(done: subprocess.CompletedProcess[str]) -> Any:
    return json.loads(succeeded(done))


def refused(done: subprocess.CompletedProcess[str], *words: str, status: int = 1) -> None:
    assert (done.returncode, done.stdout) == (status, ""), done
    assert len(done.stderr.strip().splitlines()) >= 2, "what failed, and what to do"
    for word in words:
        assert word in done.stderr
    assert "Traceback" not in done.stderr


def test_the_vault_and_the_environment_are_set_up(agent: RunningService, quickly: Run) -> None:
    assert as_json(agent.opagent("vault", "status", "--json"))["state"] == "not set up"
    refused(quickly("vault", "set-up", "passphrase"), "no terminal", "--passphrase-stdin")
    done = agent.opagent("vault", "set-up", "key-file", "--path", str(agent.home / "vault.key"), "--json")
    assert as_json(done)["state"] == "open"
    assert "Enable Environment: true" in succeeded(agent.opagent("settings", "set", "enable_environment", "true"))
    (one,) = as_json(quickly("settings", "get", "enable_environment", "--json"))
    assert (one["name"], one["value"]) == ("enable_environment", "true")
    shown = succeeded(quickly("settings", "get")).splitlines()
    assert any(line.split()[:2] == ["enable_environment", "true"] for line in shown)
    refused(quickly("settings", "get", "nothing"), "“nothing”", "enable_environment")
    refused(quickly("settings", "set", "theme", "pink"), "Theme", "dark")


def test_a_connection_is_validated_with_secrets_from_a_descriptor(
    agent: RunningService, quickly: Run, shop: RunningSandbox
) -> None:
    plain = ("--set", f"api_path={shop.api_path}", "--set", "username=script")
    reading, writing = os.pipe()
    os.write(writing, f"api_token={shop.token}\n".encode())
    os.close(writing)
    try:
        done = agent.opagent(
            "app", "validate", "bigcommerce", *plain, "--secrets-fd", str(reading), "--json", pass_fds=[reading]
        )
    finally:
        os.close(reading)
    validation = as_json(done)
    assert (validation["state"], validation["message"]) == ("success", "Test Connection Successful")
    assert "Contacting BigCommerce …" in done.stderr
    text = quickly("app", "validate", "bigcommerce", *plain, "--secrets-stdin", stdin=f"api_token={shop.token}\r\n")
    assert succeeded(text).startswith("Test Connection Successful\n")
    assert "Store ID: demo1" in text.stdout
    assert as_json(quickly("app", "list", "--json"))[-1]["configurations"] == 0, "nothing is stored"


def test_a_wrong_secret_is_told_and_fails(quickly: Run, shop: RunningSandbox) -> None:
    arguments = ("app", "validate", "bigcommerce", "--set", f"api_path={shop.api_path}", "--secrets-stdin")
    refused_text = quickly(*arguments, stdin="api_token=wrong-token-of-the-store")
    refused(refused_text, "api_token")
    told = quickly(*arguments, "--json", stdin="api_token=wrong-token-of-the-store")
    assert (told.returncode, json.loads(told.stdout)["problem"]["code"]) == (1, "credentials-rejected")
    assert "wrong-token-of-the-store" not in told.stdout + told.stderr + refused_text.stderr


@pytest.mark.parametrize(
    ("arguments", "stdin", "words"),
    [
        (("--set", "api_token=abc"), "", ("secret", "--secrets-stdin")),
        (("--set", "colour=blue"), "", ("colour", "api_path")),
        (("--set", "api_path"), "", ("field=value",)),
        ((), "", ("no terminal", "--secrets-stdin")),
        (("--secrets-stdin",), "token: abc", ("Line 1", "api_token")),
        (("--secrets-fd", "77"), "", ("descriptor 77", "UTF-8")),
        (("--secrets-stdin",), "", ("API Path",)),
    ],
)
def test_what_cannot_be_read_as_meant_is_refused(
    quickly: Run, arguments: tuple[str, ...], stdin: str, words: tuple[str, ...]
) -> None:
    done = quickly("app", "save", "bigcommerce", *arguments, stdin=stdin)
    assert done.returncode == 1
    assert done.stdout == ""
    for word in words:
        assert word in done.stderr


def test_a_password_in_a_url_is_refused_as_an_argument(quickly: Run) -> None:
    url = "database=postgresql://anna:hunter2hunter2@db.example/shop"
    done = quickly("app", "save", "sql", "--set", "kind=PostgreSQL", "--set", url)
    refused(done, "secret", "--secrets-stdin")
    assert "hunter2" not in done.stderr


def test_configurations_are_saved_and_keep_their_secrets(
    agent: RunningService, quickly: Run, shop: RunningSandbox
) -> None:
    plain = ("--set", f"api_path={shop.api_path}", "--set", "username=script")
    save = ("app", "save", "bigcommerce", "--name", "Store")
    first = agent.opagent(*save, *plain, "--secrets-stdin", stdin=f"api_token={shop.token}\n")
    assert succeeded(first).startswith("Connection Data Saved\n")
    again = as_json(quickly(*save, "--set", "username=another", "--json"))
    assert again["message"] == "Connection Data Saved"
    assert again["configuration"]["values"]["username"] == "another"
    assert again["configuration"]["secrets"] == {"api_token": f"••••{shop.token[-4:]}"}
    assert as_json(quickly("app", "validate", "bigcommerce", "--name", "Store", "--json"))["state"] == "success"
    database = ("--set", "kind=SQLite", "--set", f"database={agent.home / 'shop.db'}")
    succeeded(agent.opagent("app", "save", "sql", "--name", "Database", *database))
    listed = succeeded(quickly("app", "list"))
    assert "  Store" in listed
    assert "Validated" in listed
    fields = as_json(agent.opagent("app", "fields", "bigcommerce", "--json"))
    assert [one["name"] for one in fields] == ["api_path", "username", "api_token", "reserve"]
    refused(quickly("app", "fields", "nothing"), "“nothing”", "bigcommerce")


def test_documents_are_checked_with_place_and_deployed(agent: RunningService, quickly: Run, tmp_path: Path) -> None:
    assert "is fine" in succeeded(quickly("flow", "check", str(SAMPLE)))
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(SAMPLE.read_text("utf-8").replace("schema: orders", "schema: orderz", 1), "utf-8")
    done = quickly("flow", "check", str(wrong))
    line = next(number for number, text in enumerate(wrong.read_text("utf-8").splitlines(), 1) if "orderz" in text)
    assert done.returncode == 1
    assert f"wrong.yaml:{line}:" in done.stderr
    told = quickly("flow", "check", str(wrong), "--json")
    assert (told.returncode, json.loads(told.stdout)["ok"]) == (1, False)
    refused(quickly("flow", "deploy", str(wrong)), "orderz", "flow check")
    refused(quickly("flow", "check", str(tmp_path / "none.yaml")), "none.yaml")
    refused(quickly("flow", "deploy", str(SAMPLE), "--bind", "store"), "token=configuration")
    refused(quickly("flow", "deploy", str(SAMPLE), "--bind", "store=Nowhere"), "Nowhere")

    deployed = as_json(
        agent.opagent("flow", "deploy", str(SAMPLE), "--bind", "store=Store", "--note", "first", "--json")
    )
    assert (deployed["flow"]["name"], deployed["flow"]["version"]) == (FLOW, 1)
    assert [one["name"] for one in as_json(agent.opagent("flow", "list", "--json"))] == [FLOW]
    shown = succeeded(agent.opagent("flow", "show", FLOW))
    assert SAMPLE.read_text("utf-8").strip() in shown, "the document as it is, to be saved again"
    refused(quickly("flow", "show", "nothing"), "“nothing”")


def test_a_run_is_waited_for_and_its_status_counts(agent: RunningService, quickly: Run, shop: RunningSandbox) -> None:
    run = as_json(agent.opagent("run", FLOW, "--wait", "--json"))
    assert (run["state"], run["counts"]["written"]) == ("Success", shop.options.orders)
    with closing(sqlite3.connect(agent.home / "shop.db")) as connection:
        assert connection.execute("SELECT count(*) FROM orders").fetchone() == (shop.options.orders,)
    assert "Success" in succeeded(quickly("run", FLOW, "--wait"))
    refused(quickly("run", "nothing"), "“nothing”")
    page = as_json(agent.opagent("runs", "--flow", FLOW, "--json"))
    assert [one["state"] for one in page["items"]] == ["Success", "Success"]
    records = as_json(agent.opagent("sync-info", FLOW, "--state", "success", "--limit", "5", "--json"))
    assert (len(records["items"]), records["counts"]["Success"]) == (5, shop.options.orders)
    assert f"Success: {shop.options.orders}" in succeeded(quickly("sync-info", FLOW))


def test_what_a_run_did_is_told_by_node_by_record_and_by_packet(
    agent: RunningService, shop: RunningSandbox, quickly: Run
) -> None:
    run = as_json(quickly("runs", "--flow", FLOW, "--json"))["items"][-1]["id"]
    told = succeeded(agent.opagent("snapshot", run))
    assert [line.split()[:2] for line in told.splitlines()[2:]] == [
        ["get-orders", "get"], ["map-orders", "mapper"], ["post-orders", "post"],
    ]  # fmt: skip
    assert "Success (manual)" in told
    assert "map-orders" not in succeeded(quickly("snapshot", run, "--node", "get-orders")).split("\n", 1)[1]
    page = as_json(quickly("snapshot", run, "--records", "--limit", "3", "--json"))
    assert len(page["items"]) == 3
    assert "There are more" in succeeded(quickly("snapshot", run, "--records", "--limit", "3"))
    assert "No records." in succeeded(quickly("snapshot", run, "--state", "failed"))
    record = page["items"][0]["source_id"]
    assert run in succeeded(quickly("record", "runs", FLOW, record))
    refused(quickly("record", "runs", FLOW, "nobody has this one"), "“nobody has this one”", "sync-info")
    packets = as_json(quickly("snapshot", run, "--packets", "--json"))
    request = next(one["id"] for one in packets if (one["node"], one["kind"]) == ("get-orders", "request"))
    content = succeeded(quickly("snapshot", run, "--packet", request))
    assert json.loads(content)["method"] == "GET"
    assert shop.options.token not in content
    assert "Starting data pulling" in succeeded(quickly("log", "--run", run))
    refused(quickly("snapshot", "nothing"), "nothing")
    refused(quickly("snapshot", run, "--packet", "nothing"), "not kept")


def test_tables_keep_one_line_for_each_row(quickly: Run) -> None:
    lines = succeeded(quickly("runs")).splitlines()
    assert len(lines) == 3
    assert max(map(len, lines)) > 80
    assert lines[0].split() == ["Run", "Processflow", "State", "Queued", "Why", "Records", "Kind", "Message"]


def test_an_interrupt_of_a_waiting_run_cancels_it(agent: RunningService, quickly: Run, shop: RunningSandbox) -> None:
    shop.store.touch_orders(5)
    shop.store.add_fault(Fault(FaultKind.HANG_BEFORE))
    waiting = agent.begin("run", FLOW, "--wait", "--json")
    wait_until_struck(shop, waiting)
    waiting.send_signal(signal.SIGINT)
    stdout, stderr = waiting.communicate(timeout=30)
    assert (waiting.returncode, stdout) == (130, "")
    assert "the run is being cancelled" in stderr
    assert "Traceback" not in stderr
    latest = as_json(quickly("runs", "--limit", "1", "--json"))["items"][0]
    ended = agent.ask(lambda client: client.run(latest["id"], wait_seconds=20))
    assert ended.state.value == "Cancelled"


def test_an_interrupt_of_a_validation_cancels_it(agent: RunningService, shop: RunningSandbox) -> None:
    shop.store.add_fault(Fault(FaultKind.HANG_BEFORE))
    waiting = agent.begin("app", "validate", "bigcommerce", "--name", "Store")
    wait_until_struck(shop, waiting)
    waiting.send_signal(signal.SIGINT)
    stdout, stderr = waiting.communicate(timeout=30)
    assert (waiting.returncode, stdout) == (130, "")
    assert "the validation was cancelled" in stderr
    end = time.monotonic() + 20
    while shop.store.stats()["given_up"] == 0:
        assert time.monotonic() < end, "the request is still in flight"
        time.sleep(0.02)


def test_the_log_is_searched_and_followed(agent: RunningService, quickly: Run) -> None:
    lines = succeeded(quickly("log", "--flow", FLOW, "--search", "deployed version", "--level", "info"))
    assert f"[{FLOW}] " in lines
    entries = [json.loads(line) for line in succeeded(agent.opagent("log", "-n", "3", "--json")).splitlines()]
    assert len(entries) == 3
    following = agent.begin("log", "--follow", "--search", "Theme", "--json")
    try:
        assert following.stdout is not None
        succeeded(quickly("settings", "set", "theme", "dark"))
        assert "Theme" in json.loads(following.stdout.readline())["message"]
        following.send_signal(signal.SIGINT)
        following.communicate(timeout=30)
        assert following.returncode == 0, "an interrupt is how following ends"
    finally:
        following.kill()


def test_clearing_shows_asks_and_clears(agent: RunningService, quickly: Run) -> None:
    for target in ("temp", "cache"):
        shown = as_json(quickly("clear", target, "--dry-run", "--json"))
        assert (shown["target"], shown["done"]) == (target, False)
        refused(quickly("clear", target), "--yes")
        assert as_json(agent.opagent("clear", target, "--yes", "--json"))["done"] is True
        assert "Credentials" in succeeded(quickly("clear", target, "--yes"))
    assert quickly("clear", "everything").returncode == 2
    assert [one["name"] for one in as_json(quickly("flow", "list", "--json"))] == [FLOW]


def test_what_is_used_is_not_removed_and_everything_goes_in_order(agent: RunningService, quickly: Run) -> None:
    refused(quickly("app", "remove", "bigcommerce", "--name", "Store", "--yes"), FLOW, "undeploy")
    refused(quickly("flow", "undeploy", FLOW), "--yes")
    assert as_json(agent.opagent("flow", "undeploy", FLOW, "--yes", "--json"))["name"] == FLOW
    assert (
        as_json(agent.opagent("app", "remove", "bigcommerce", "--name", "Store", "--yes", "--json"))["removed"] is True
    )
    refused(quickly("app", "remove", "bigcommerce", "--name", "Store", "--yes"), "Store", "app list")


def test_the_service_is_stopped_and_does_not_come_back_by_being_looked_at(agent: RunningService, quickly: Run) -> None:
    assert as_json(quickly("service", "status", "--json"))["pid"] == agent.endpoint.pid
    assert as_json(agent.opagent("service", "stop", "--json")) == {"running": False, "stopped": True}
    status = agent.opagent("service", "status", "--json")
    assert (status.returncode, json.loads(status.stdout)) == (3, {"running": False})
    assert "was not running" in succeeded(quickly("service", "stop"))


@pytest.mark.skipif(os.name != "posix", reason="Ctrl+C is a signal on POSIX")
def test_in_the_foreground_an_interrupt_ends_it_gracefully(agent: RunningService) -> None:
    running = agent.begin("service", "run")
    try:
        end = time.monotonic() + 30
        while not agent.folders.endpoint.exists():
            assert running.poll() is None
            assert time.monotonic() < end
            time.sleep(0.02)
        assert agent.endpoint.pid == running.pid, "signals for the command reach the service"
        running.send_signal(signal.SIGINT)
        _, stderr = running.communicate(timeout=30)
        assert (running.returncode, stderr) == (0, "")
        assert agent.last_end()["reason"] == "Interrupted at its console."
    finally:
        running.kill()


def wait_until_struck(shop: RunningSandbox, process: subprocess.Popen[str]) -> None:
    end = time.monotonic() + 30
    while shop.store.stats()["faults_struck"] == 0:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end
        time.sleep(0.02)
