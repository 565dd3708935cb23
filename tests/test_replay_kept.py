"""What is kept of a replay: where, how far it was, the clock, and that another kernel goes on from there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.talk_steps import Silent
from wasicloud_lab.replay import Replay, progress
from wasicloud_lab.replay.progress import Clock, Progress


def test_another_kernel_goes_on_where_this_one_ended(compile_cache: Path, tmp_path: Path) -> None:
    file = tmp_path / "deep" / "replay.json"
    with Replay(quick=True, place=file, port=0) as first:
        first.run("1")
        first.run("4")
        first.next()
    with Replay(quick=True, place=file, port=0, resume=True) as second:
        assert second.current.number == "5"
        assert [n for n, record in second.records.items() if record.state == "done"] == ["1", "4"]
        assert second.clock.seconds >= 0
        assert second.run().state == "done"  # what step 4 left behind is gone with the first, and set up again
        second.forget()
    with Replay(place=file, resume=True) as third:
        assert third.current.number == "0a"
        assert {record.state for record in third.records.values()} == {"waiting"}


def test_without_resume_it_begins_at_the_beginning(tmp_path: Path) -> None:
    Progress("5", {"4": ("done", 1.0)}, 60.0, True, time.time(), True).save(tmp_path / "replay.json")
    with Replay(place=tmp_path / "replay.json") as replay:
        assert replay.current.number == "0a"
        assert replay.clock.seconds == 0
        assert not replay.quick


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        '{"version": 2}',
        '{"version": 1, "current": "5", "steps": {}, "elapsed": 1}',
        '{"version": 2, "current": 7, "steps": [], "elapsed": "x"}',
        '{"version": 2, "current": "5", "steps": {}, "elapsed": 1e999, "running": true, "saved": 0, "quick": false}',
        "\x00",
    ],
)
def test_a_progress_file_that_makes_no_sense_is_the_beginning(tmp_path: Path, text: str) -> None:
    file = tmp_path / "replay.json"
    file.write_text(text)
    with Replay(place=file, resume=True) as replay:
        assert replay.current.number == "0a"


def test_a_place_that_can_not_be_written_is_no_reason_to_fail(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with Replay(place=tmp_path / "file" / "replay.json", steps=[Silent()]) as replay:
        assert replay.run().state == "failed"  # and no error


# --- where -----------------------------------------------------------------------------------------------


def test_it_is_kept_for_each_person_and_not_in_the_compile_cache_that_a_class_shares(
    compile_cache: Path, own_state: Path
) -> None:
    assert compile_cache not in progress.place().parents
    assert own_state in progress.place().parents


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="the folder of the systems that follow XDG")
def test_without_a_word_it_is_kept_in_the_home_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_STATE_HOME")
    assert progress.place() == tmp_path / ".local" / "state" / "wasicloud-lab" / "replay.json"


def test_with_a_read_only_cache_of_a_teacher_participants_have_a_talk_of_their_own(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "mine"))
    monkeypatch.setenv("WIN_PD_OVERRIDE_LOCAL_APPDATA", str(tmp_path / "mine"))
    monkeypatch.setenv("WASICLOUD_LAB_CACHE", str(tmp_path / "shared"))
    (tmp_path / "shared").mkdir()
    Progress("9", saved=time.time()).save(tmp_path / "shared" / "replay.json")
    with Replay(resume=True) as replay:
        assert replay.current.number == "0a"
        replay.jump("5")
    with Replay(resume=True) as replay:
        assert replay.current.number == "5"


# --- the clock -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (90, "1:30 by the clock, this step is 2:00 to 3:30 of 25:00, 0:30 ahead"),
        (120, "on time"),
        (150, "on time"),
        (210, "on time"),
        (240, "0:30 behind"),
        (0, "it starts with the first step that runs"),
    ],
)
def test_the_clock_says_on_time_within_a_step_as_the_page_does(seconds: float, said: str) -> None:
    assert Clock(seconds).text(2.0, 1.5, 25).endswith(said)


def test_a_talk_that_has_begun_is_not_behind_in_its_first_second() -> None:
    with Replay(place=False, steps=[Silent()]) as replay:
        replay.run()
        assert replay.time.endswith("this step is 0:00 to 1:00 of 1:00, on time")
        assert repr(replay).endswith(replay.time)


def test_the_clock_can_be_held_and_begins_again() -> None:
    clock = Clock()
    assert not clock.running
    clock.start()
    clock.hold()
    held = clock.seconds
    assert clock.seconds == held
    clock.reset()
    assert clock.seconds == 0


@pytest.mark.parametrize(
    ("away", "running", "seconds", "runs"),
    [
        (600, True, 660, True),  # a kernel was restarted: the room has waited
        (600, False, 60, False),  # it was held
        (7200, True, 60, False),  # the next day
        (-600, True, 60, False),  # the machine's clock was set back
    ],
)
def test_a_clock_that_ran_goes_on_across_a_restart_and_one_from_long_ago_is_held(
    tmp_path: Path, away: float, running: bool, seconds: float, runs: bool
) -> None:
    file = tmp_path / "replay.json"
    Progress("5", {}, 60.0, running, time.time() - away).save(file)
    with Replay(place=file, resume=True) as replay:
        assert replay.clock.seconds == pytest.approx(seconds, abs=5)
        assert replay.clock.running is runs


def test_a_kernel_that_is_killed_within_a_step_keeps_the_time_that_went_by(tmp_path: Path) -> None:
    file = tmp_path / "replay.json"
    code = (
        "import os, sys, time\n"
        "from pathlib import Path\n"
        "from wasicloud_lab.replay import Replay\n"
        "replay = Replay(place=Path(sys.argv[1]))\n"
        "replay.clock.start(); replay.next(); time.sleep(2); os._exit(9)\n"
    )
    subprocess.run([sys.executable, "-c", code, str(file)], timeout=120, check=False)
    with Replay(place=file, resume=True) as replay:
        assert replay.clock.seconds >= 2
        assert replay.clock.running


def test_a_beat_keeps_a_running_clock_now_and_then_and_a_held_one_never(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "replay.json"
    with Replay(place=file, steps=[Silent()]) as replay:
        replay.beat()
        assert not file.exists()
        replay.clock.start()
        replay.beat()
        first = json.loads(file.read_text())
        assert first["running"]
        replay.beat()
        assert json.loads(file.read_text()) == first  # a moment ago
        monkeypatch.setattr(progress, "BEAT", 0.0)
        replay.beat()
        assert json.loads(file.read_text())["saved"] > first["saved"]
        assert os.listdir(tmp_path) == ["replay.json"]


# --- quick -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("told", "is_"), [(None, True), (False, False), (True, True)])
def test_a_quick_talk_stays_quick_unless_it_is_told_otherwise(tmp_path: Path, told: bool | None, is_: bool) -> None:
    file = tmp_path / "replay.json"
    with Replay(place=file, quick=True, steps=[Silent()]) as first:
        first.run()
    with Replay(place=file, quick=told, resume=True, steps=[Silent()]) as second:
        assert second.quick is is_
        assert second.stage.quick is is_
