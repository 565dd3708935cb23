"""The talk in a terminal: `wasicloud-lab replay`, what it writes in the width that there is, and what it exits with."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from wasicloud_lab.replay import STEPS, progress
from wasicloud_lab.replay.lines import folded, table_text, taken

NUMBERS = [step.number for step in STEPS]

#: A machine without any of the servers and tools that steps use where they are.
NOTHING = {
    f"WASICLOUD_LAB_{name}": "not-there"
    for name in "REDIS_SERVER AZURITE NATS_SERVER NODE WASMTIME WASH COMPONENTIZE_PY CURL".split()
}


@pytest.fixture(scope="module")
def command(compile_cache: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs `wasicloud-lab replay`."""

    def run(*words: str, env: dict[str, str] | None = None, said: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "wasicloud_lab", "replay", *words],
            capture_output=True, encoding="utf-8", errors="replace", input=said, timeout=600, check=False,
            env={**os.environ, "PYTHONIOENCODING": "utf-8", **(env or {})},
        )  # fmt: skip

    return run


@pytest.fixture
def broken_curl(tmp_path: Path) -> dict[str, str]:
    """An environment whose curl fails, and with it step 2."""
    liar = tmp_path / ("curl.bat" if os.name == "nt" else "curl")
    liar.write_text(
        "@echo no route to anywhere\n@exit /b 7\n" if os.name == "nt" else "#!/bin/sh\necho no route\nexit 7\n"
    )
    liar.chmod(0o755)
    return {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}", "WASICLOUD_LAB_WASMTIME": "not-there"}


def test_without_servers_tools_or_path_every_step_still_shows_what_it_must(
    command: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    done = command("--auto", "--quick", "--json", "--port", "0", env={**NOTHING, "PATH": str(tmp_path)})
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0, (done.stderr, [event for event in events if event.get("data", {}).get("expected")])
    assert events[-1]["kind"] == "end"
    assert events[-1]["ok"]
    assert events[-1]["done"] == len(NUMBERS)
    said = " ".join(event["text"] for event in events[:-1] if event["kind"] == "say")
    assert "There is no real Redis to go on to (no redis-server on this machine), so these are 3 stores" in said
    for words in ("embedded Redis", "no redis-server", "no azurite", "no wasmtime", "no curl", "no redis-cli"):
        assert words in said, words


@pytest.mark.skipif(os.name == "nt", reason="a program that does nothing but fail")
def test_programs_that_are_there_and_do_not_run_are_said_and_done_without(
    command: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    broken = {f"WASICLOUD_LAB_{name}": "false" for name in ("REDIS_SERVER", "WASMTIME", "AZURITE", "WASH")}
    done = command("--auto", "--quick", "--json", "--port", "0", env=broken)
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0, (done.stderr, [event for event in events if event.get("data", {}).get("expected")])
    told = " ".join(event["text"] for event in events[:-1])
    assert "There is no wasmtime that runs: the one at " in told
    assert "there is no wash that runs: the one at " in told
    assert "There is no real Redis to go on to (redis did not start: it ended by itself)" in told
    assert "a second folder (azurite did not start: it ended by itself)" in told
    assert "in a process of its own on this machine; redis did not start: it ended by itself" in told
    assert "it said:" not in told


# --- lines and tables --------------------------------------------------------------------------------------


def test_lines_are_broken_at_spaces_and_long_words_stay_whole() -> None:
    assert folded("one two three", 9) == ["one two", "three"]
    assert folded("  one two  three", 9, "> ") == ["  one two", "  > three"]
    assert folded("see https://example.org/a/long/place now", 12) == ["see", "https://example.org/a/long/place", "now"]
    assert folded("世界 世界", 8) == ["世界", "世界"]
    assert folded("", 10) == [""]
    assert taken("e\u0301世") == 3


def test_a_table_is_broken_into_the_width_or_told_row_by_row() -> None:
    head, rows = ["way", "µs"], [["a component's import of wasi:keyvalue", "9.5"], ["a sidecar", "1,234"]]
    assert table_text(head, rows).splitlines() == [
        "way                                       µs",
        "─────────────────────────────────────  ─────",
        "a component's import of wasi:keyvalue    9.5",
        "a sidecar                              1,234",
    ]
    assert table_text(head, rows, 30).splitlines() == [
        "way                         µs",
        "───────────────────────  ─────",
        "a component's import of    9.5",
        "wasi:keyvalue",
        "a sidecar                1,234",
    ]
    assert table_text(head, rows, 20).splitlines() == [
        "a component's import",
        "  of wasi:keyvalue",
        "  µs 9.5",
        "a sidecar",
        "  µs 1,234",
    ]
    words = [["hello", "200 Hello, 世界", "ok"]]
    assert "世界  ok" in table_text(["name", "answer", "how"], words)
    assert table_text(["name", "answer", "how"], words, 18).splitlines()[1] == "  answer: 200"


# --- the command -------------------------------------------------------------------------------------------


def test_behind_a_reader_that_leaves_the_steps_run_on_and_their_outcome_counts(
    command: Callable[..., subprocess.CompletedProcess[str]], broken_curl: dict[str, str]
) -> None:
    for words, env, status in (
        (["--step", "1"], {}, 0),
        (["--step", "1", "--json"], {}, 0),
        (["--step", "2", "--port", "0"], broken_curl, 1),
        (["--step", "2", "--port", "0", "--json"], broken_curl, 1),
    ):
        with subprocess.Popen(
            [sys.executable, "-m", "wasicloud_lab", "replay", *words],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ, **env},
        ) as process:  # fmt: skip
            assert process.stdout is not None
            assert process.stderr is not None
            process.stdout.readline()
            process.stdout.close()
            complaint = process.stderr.read()
            assert process.wait(120) == status, words
            assert complaint == b""


def test_a_talk_that_nobody_reads_any_more_ends() -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "wasicloud_lab", "replay"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdout.readline()
        process.stdout.close()
        process.stdin.write(b"n\nn\n")
        process.stdin.flush()  # and it stays open: that is not what ends the talk
        assert process.wait(60) == 0


def test_a_check_that_nobody_reads_to_its_end_has_not_passed() -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "wasicloud_lab", "check-provider", "memory://", "--quick"], stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.wait(120) == 1


def test_the_command_lists_the_steps(command: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    listed = command("--list")
    assert listed.returncode == 0
    for step in STEPS:
        assert step.title in listed.stdout
    data: dict[str, Any] = json.loads(command("--list", "--json").stdout)
    assert [step["number"] for step in data["steps"]] == NUMBERS
    assert data["to_come"][0]["number"] == "11"


def test_a_failed_step_is_1_and_says_what_was_expected_and_what_came(
    command: Callable[..., subprocess.CompletedProcess[str]], broken_curl: dict[str, str]
) -> None:
    done = command("--step", "2", "--port", "0", env=broken_curl)
    assert done.returncode == 1
    assert "expected: curl http://localhost:" in done.stdout
    assert "came:     no route" in done.stdout
    assert "these did not show what they must: 2" in done.stdout
    events = [
        json.loads(line)
        for line in command("--step", "2", "--port", "0", "--json", env=broken_curl).stdout.splitlines()
    ]
    assert events[-1]["failed"] == ["2"]
    assert not events[-1]["ok"]


def test_the_command_runs_one_step(command: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    done = command("--step", "1")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 step in" in done.stdout
    assert "\x1b[" not in done.stdout


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--step", "99"], "there is no step '99'"),
        (["--step", "11"], "is to come"),
        (["--auto", "--list"], "not allowed with"),
        (["--port", "x"], "'x' is not a port"),
    ],
)
def test_wrong_words_are_2_and_say_why(
    command: Callable[..., subprocess.CompletedProcess[str]], words: list[str], says: str
) -> None:
    done = command(*words)
    assert done.returncode == 2
    assert says in done.stderr
    assert done.stdout == ""


def test_a_person_walks_through_the_talk(
    command: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    progress.place().unlink(missing_ok=True)
    words = ["n", "j 1", "", "", "b", "j 99", "j", "what", "l", "s", "q"]
    done = command("--quick", "--port", "0", said="\n".join(words) + "\n")
    assert done.returncode == 0, done.stderr
    for said in (
        "github.com/ricochet",
        "Ask: ",
        "✓ step 1 done",
        "2  Basics",
        "no step '99'",
        "j needs a step, such as: j 0b",
        "def run(self",
        "by the clock",
    ):
        assert said in done.stdout, said
    again = command("--resume", said="")  # the end of the input is the end of the talk
    assert again.returncode == 0
    assert "→ · " in again.stdout
    assert "[1] Enter = run" in again.stdout
