"""The talk, replayed: every step runs with real servers and with none, in any order, again, and says what failed."""

from __future__ import annotations

import io
import json
import socket
import sys
import threading
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path

import pytest

import wasicloud_lab as wl
from tests.talk_steps import Silent
from wasicloud_lab.replay import MINUTES, STEPS, TO_COME, Busy, Event, Record, Replay, Stage, Step, Stopped, material
from wasicloud_lab.replay import links as drawing
from wasicloud_lab.replay.events import KINDS
from wasicloud_lab.replay.lines import taken
from wasicloud_lab.replay.steps.gopher import LoadData
from wasicloud_lab.replay.terminal import Terminal

NUMBERS = "0a 0b 0c 1 2 3 4 5 6 7 8 9 10".split()


def shown(replay: Replay, number: str, kind: str) -> list[str]:
    """What a step's last run told, of one kind."""
    return [event.text for event in replay.records[number].events if event.kind == kind]


def right(record: Record) -> bool:
    """Whether the step did what it must; if not, why not stands in the test's output."""
    if record.failure is not None:
        print(record.failure, record.failure.details)
    return record.state == "done"


@pytest.fixture(scope="module")
def whole(compile_cache: Path) -> Iterator[Replay]:
    """All steps, run once in their order, with the real servers."""
    with Replay(quick=True, place=False, port=0) as replay:
        replay.run_all()
        yield replay


@pytest.fixture
def replay(compile_cache: Path, tmp_path: Path) -> Iterator[Replay]:
    """A replay for one test, in which nothing has been run."""
    with Replay(quick=True, place=tmp_path / "replay.json", port=0) as made:
        yield made


# --- the talk as data --------------------------------------------------------------------------------


def test_the_steps_are_those_of_the_talk_and_share_out_its_minutes() -> None:
    assert [step.number for step in STEPS] == NUMBERS
    assert [coming.number for coming in TO_COME] == ["11"]
    assert sum(step.minutes for step in STEPS) == MINUTES
    assert {step.number: step.minutes for step in STEPS}["2"] == 5


@pytest.mark.parametrize("step", STEPS, ids=NUMBERS)
def test_a_step_says_what_a_presenter_and_an_audience_want_to_know(step: Step) -> None:
    data = json.loads(json.dumps(step.to_json()))
    for name in ("title", "part", "point", "instead", "look_at", "question", "notes"):
        assert len(data[name]) > 3, name
    assert 2 <= data["point"].count(". ") + data["point"].endswith(".") <= 4
    assert data["question"].endswith(("?", "."))
    assert step.must_show
    assert set(step.needs) <= set(NUMBERS[: NUMBERS.index(step.number)])
    assert "stage.expect(" in step.code


# --- every step, with real servers and with none ---------------------------------------------------------


@pytest.mark.parametrize("number", NUMBERS)
def test_every_step_shows_what_it_must(whole: Replay, number: str) -> None:
    record = whole.records[number]
    assert right(record)
    seen = [event.data["what"] for event in record.events if event.kind == "expect" and event.data["ok"]]
    assert set(record.step.must_show) <= set(seen)
    assert {event.kind for event in record.events} <= set(KINDS)
    assert json.dumps([event.to_json() for event in record.events])


def test_the_real_servers_are_used_and_named(whole: Replay) -> None:
    assert any("a real redis-server" in text for text in shown(whole, "4", "say"))
    assert any("Azurite" in text for text in shown(whole, "5", "say"))
    assert "devstoreaccount1" in shown(whole, "6", "expect")[-1]
    assert whole.finished


def test_what_is_shown_as_a_picture_is_one(whole: Replay) -> None:
    pictures = [
        event.data["content"]
        for record in whole.records.values()
        for event in record.events
        if event.kind == "show" and event.data["kind"] == "svg"
    ]
    assert len(pictures) >= 5
    for picture in pictures:
        assert ElementTree.fromstring(picture).tag.endswith("svg")


# --- out of order, again, back -----------------------------------------------------------------------


def test_steps_run_out_of_order_and_set_up_what_they_need(replay: Replay) -> None:
    for number in ("9", "7", "4", "2", "5", "3", "0b", "4"):
        assert right(replay.run(number)), number
        assert replay.current.number == number


def test_a_step_runs_again_as_if_for_the_first_time(replay: Replay) -> None:
    for _ in range(2):
        assert right(replay.run("4"))
        assert shown(replay, "4", "output")[0].startswith("There is no user ricochet")


def test_going_back_restores_what_the_step_expects(replay: Replay) -> None:
    replay.run("4")
    assert replay.stage.deployed("gopher").get("/ricochet").status_code == 200
    replay.jump("5")
    assert replay.back().number == "4"
    assert replay.records["4"].state == "waiting"
    assert replay.stage.deployed("gopher").get("/ricochet").status_code == 404
    assert replay.back().number == "3"
    assert replay.stage.deployment is None


def test_the_ends_of_the_talk_are_where_it_stays(replay: Replay) -> None:
    assert replay.back(restore=False).number == "0a"
    replay.jump("10")
    assert replay.next().number == "10"
    assert replay.planned == MINUTES - replay.current.minutes


def test_a_busy_port_is_replaced_by_another_one_and_that_is_said(compile_cache: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with Replay(place=False, port=port) as replay:
            assert right(replay.run("2"))
            assert any(f"Port {port} is busy" in text for text in shown(replay, "2", "say"))
            assert f"curl localhost:{replay.stage.server.port}" in shown(replay, "2", "typed")


def test_a_lab_that_was_given_keeps_its_own_links_and_apps(own_lab: wl.Lab) -> None:
    mine = own_lab.load("tiny")
    own_lab.keyvalue.provider.set("user:ada", "animal", b"dodo")
    with Replay(own_lab, quick=True, place=False, port=0) as replay:
        for number in ("0b", "4", "6", "10"):
            assert right(replay.run(number))
        folder = replay.stage.folder
        assert "blobby" in own_lab.apps
    assert own_lab.apps == {"tiny": mine}
    assert own_lab.keyvalue.provider.get("user:ada", "animal") == b"dodo"
    assert own_lab.keyvalue.history == []
    assert mine.get("/").status_code == 200
    assert not folder.exists()


# --- what goes wrong -----------------------------------------------------------------------------------


class Ill(LoadData):
    """Step 4 on a store that fails."""

    def prepare(self, stage: Stage) -> None:
        super().prepare(stage)
        stage.keyvalue.wrap(wl.Failing, 1.0)


class Wrong(Silent):
    number = "2"

    def run(self, stage: Stage) -> None:
        raise ZeroDivisionError("nobody foresaw this")


class Long(Silent):
    number = "3"

    def run(self, stage: Stage) -> None:
        stage.say("now")
        stage.command([sys.executable, "-c", "import time; print('waiting', flush=True); time.sleep(600)"])


def test_a_step_on_a_broken_store_says_what_was_expected_and_what_came_and_runs_again(compile_cache: Path) -> None:
    ill, well = Ill(), LoadData()
    with Replay(place=False, port=0, steps=[ill]) as replay:
        record = replay.run()
        assert record.state == "failed"
        assert record.failure is not None
        assert record.failure.expected == LoadData.must_show[0]
        assert record.failure.got.startswith("503 The key-value store failed")
        last = record.events[-1]
        assert (last.kind, last.data["state"], last.data["expected"]) == ("state", "failed", LoadData.must_show[0])
        well.prepare(replay.stage)
        well.run(replay.stage)  # on the same stage: what the failed one left behind does not matter
        assert set(well.must_show) <= set(replay.stage.seen)


def test_a_step_that_does_not_show_what_it_must_does_not_count() -> None:
    with Replay(place=False, steps=[Silent()]) as replay:
        record = replay.run()
        assert record.state == "failed"
        assert record.failure is not None
        assert record.failure.expected == "something"
        assert "without showing" in record.failure.got


def test_an_error_that_no_step_foresaw_is_shown_with_its_place() -> None:
    with Replay(place=False, steps=[Wrong()]) as replay:
        failure = replay.run().failure
        assert failure is not None
        assert failure.got == "ZeroDivisionError: nobody foresaw this"
        assert "test_replay.py" in failure.details


def test_all_steps_run_even_when_one_fails() -> None:
    with Replay(place=False, steps=[Silent(), Wrong()]) as replay:
        assert [record.state for record in replay.run_all()] == ["failed", "failed"]
        assert not replay.finished


def test_a_running_step_can_be_stopped_and_keeps_others_away(patience: float) -> None:
    started = threading.Event()
    with Replay(place=False, steps=[Silent(), Long()]) as replay:
        replay.listen(lambda event: started.set() if event.kind == "output" else None)
        replay.start("3")
        assert started.wait(patience)
        with pytest.raises(Busy, match="step 3 is running"):
            replay.run("1")
        with pytest.raises(Busy):
            replay.next()
        with pytest.raises(Busy):
            replay.start("1")
        replay.stop()
        assert replay.wait(patience)
        record = replay.records["3"]
        assert record.state == "waiting"
        assert record.events[-1].data["stopped"]
        assert replay.run("1").state == "failed"  # it goes on


def test_stopping_ends_a_run_of_all(patience: float) -> None:
    started = threading.Event()
    with Replay(place=False, steps=[Long(), Silent()]) as replay:
        replay.listen(lambda event: started.set() if event.kind == "output" else None)
        replay.start("3", all_on=True)
        assert started.wait(patience)
        replay.stop()
        assert replay.wait(patience)
        assert [record.state for record in replay.records.values()] == ["waiting", "waiting"]


def test_a_stage_that_is_being_stopped_says_nothing_more() -> None:
    told: list[str] = []
    stage = Stage(listener=lambda kind, text, data: told.append(text))
    try:
        stage.say("one")
        stage.stopping.set()
        with pytest.raises(Stopped):
            stage.say("two")
        assert told == ["one"]
    finally:
        stage.close()


@pytest.mark.parametrize("number", ["99", "", "0d"])
def test_an_unknown_step_is_an_error_that_names_the_steps(replay: Replay, number: str) -> None:
    with pytest.raises(wl.LabError, match="there are 0a, 0b"):
        replay.jump(number)


def test_a_step_to_come_says_what_it_waits_for(replay: Replay) -> None:
    with pytest.raises(wl.LabError, match="is to come"):
        replay.run("11")


def test_a_closed_replay_runs_nothing() -> None:
    replay = Replay(place=False)
    replay.close()
    with pytest.raises(wl.LabError, match="closed"):
        replay.run("1")


def test_what_this_installation_lacks_is_said() -> None:
    with pytest.raises(wl.LabError, match=r"nobody/nothing\.wit is missing"):
        material.path("nobody/nothing.wit")
    with pytest.raises(wl.LabError, match="no function nobody"):
        material.go_function("components/gopher/main.go", "nobody")


# --- who listens, and how it looks -------------------------------------------------------------------------


def test_listeners_are_told_as_it_happens_until_they_leave() -> None:
    told: list[Event] = []
    with Replay(place=False, steps=[Silent()]) as replay:
        leave = replay.listen(told.append)
        replay.run()
        assert [event.kind for event in told] == ["state", "say", "state"]
        leave()
        replay.run()
        assert len(told) == 3


def written(whole: Replay, number: str, width: int) -> list[str]:
    """The lines that a terminal of that width gets of a step."""
    out = io.StringIO()
    terminal = Terminal(out, width=width)
    terminal.card(whole.step(number), 12.0)
    for event in whole.records[number].events:
        terminal.told(event)
    return out.getvalue().splitlines()


def test_a_terminal_gets_colours_only_where_they_are_wanted(whole: Replay) -> None:
    plain, bright = io.StringIO(), io.StringIO()
    for out, colours in ((plain, None), (bright, True)):
        terminal = Terminal(out, colours)
        terminal.card(whole.step("3"), 12.0)
        for event in whole.records["3"].events:
            terminal.told(event)
        terminal.notes(whole.step("3"))
        terminal.listing(whole)
    assert "\x1b[" not in plain.getvalue()
    assert "\x1b[32m+  import wasi:keyvalue/store@0.2.0-draft;\x1b[0m" in bright.getvalue().replace("    ", "")
    for words in ("$ curl localhost", "✓ step 3 done", "minutes 12 to 15", "to come"):
        assert words in plain.getvalue(), words


@pytest.mark.parametrize("width", [80, 60])
@pytest.mark.parametrize("number", NUMBERS)
def test_nothing_is_wider_than_the_terminal_but_source_and_words_without_a_space(
    whole: Replay, number: str, width: int
) -> None:
    shown = [event for event in whole.records[number].events if event.kind == "show"]
    source = {line for event in shown if event.data["kind"] not in ("table", "svg", "html") for line in lines(event)}
    source |= {f"    {line}" for line in whole.step(number).typed}
    source |= {f"{mark} {event.text}" for event in whole.records[number].events for mark in ("$", ">>>")}
    for line in written(whole, number, width):
        longest = max((taken(word) for word in line.split()), default=0)
        assert taken(line) <= width or line in source or longest > width - 20, line


def lines(event: Event) -> list[str]:
    return [f"    {line}" for line in event.text.split("\n")]


def test_the_measurement_is_told_to_its_end_and_in_short(whole: Replay) -> None:
    shown_ = " ".join(" ".join(written(whole, "0c", 80)).split())
    assert "byte by byte" in shown_
    assert "more lines" not in shown_
    said = shown(whole, "0c", "say")
    assert len(said) == 1
    assert said[0].startswith("A component's import beats ")
    assert said[0].endswith(" at 64 KiB.")
    assert "×" not in said[0]
    assert "×" in next(event.data["content"] for event in whole.records["0c"].events if event.kind == "show")


def test_what_is_said_of_the_stores_and_the_diff_is_what_is_shown(whole: Replay) -> None:
    assert "4 times: " in shown(whole, "0b", "expect")[0]
    diff = next(event.text for event in whole.records["3"].events if event.kind == "show")
    assert diff.count("+  import") == 4
    assert whole.step("3").point.startswith("Four more imports")


def test_links_that_lead_in_a_circle_are_drawn_too() -> None:
    drawn = [drawing.Drawn("a", "x:y/z", "b"), drawing.Drawn("b", "x:y/z", "a", "<note>"), drawing.Drawn("a", "i", "a")]
    assert ElementTree.fromstring(drawing.links_svg(drawn)) is not None
    assert drawing.links_text(drawn).count("▶") == 3
    assert ElementTree.fromstring(drawing.links_svg([])) is not None
