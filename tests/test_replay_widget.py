"""The talk in a notebook, without a browser: what its controls do, what a front end is told, and when it stops."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import wasicloud_lab as wl
from tests.threads import until
from wasicloud_lab.replay import STEPS, Replay, Stage, Step, progress
from wasicloud_lab.widgets import replay as widget
from wasicloud_lab.widgets.highlight import CLASSES, pieces
from wasicloud_lab.widgets.replay import Talk

FOLDER = Path(widget.__file__).parent


class _Small(Step):
    part, minutes, point, instead = "A test", 1.0, "It is small. It is quick.", "nothing but words"
    look_at, question, notes = "the words", "Which?", "None needed."


class First(_Small):
    number, title = "a", "Shows one thing of each kind"
    must_show = ("it is there",)

    def prepare(self, stage: Stage) -> None:
        stage.say("set up")

    def run(self, stage: Stage) -> None:
        stage.typed("echo one")
        stage.output("one")
        stage.show("wit", "world w { export run: func(); }", title="w.wit")
        stage.show("svg", "<svg><title>a picture</title></svg>", text="a picture")
        stage.show("table", {"head": ["n"], "rows": [[1], [2.5]]})
        stage.show(
            "compare", [{"title": "left", "kind": "go", "text": "var a"}, {"title": "r", "kind": "x", "text": "b"}]
        )
        stage.show("diff", "-a\n+b\n")
        stage.expect(self.must_show[0], True, "here")


class Second(_Small):
    number, title = "b", "Waits until it is let go"
    must_show = ("it was let go",)
    go = threading.Event()

    def run(self, stage: Stage) -> None:
        stage.output("waiting")
        while not self.go.is_set():
            stage.pause(0.02)
        stage.expect(self.must_show[0], True, "")


class Third(_Small):
    number, title = "c", "Fails, until it is mended"
    must_show = ("all is well",)
    mended = False

    def run(self, stage: Stage) -> None:
        stage.expect(self.must_show[0], self.mended, "not yet, redis://:hunter2@localhost")


class Front:
    """What a front end would know: it listens to what a talk sends."""

    def __init__(self, talk: Talk) -> None:
        self.talk = talk
        self.messages: list[dict[str, Any]] = []
        talk.send = lambda content, buffers=None: self.messages.append(json.loads(json.dumps(content)))

    def says(self, kind: str, **more: Any) -> None:
        self.talk.heard({"type": kind, "view": "front", **more})

    def do(self, what: str, step: str | None = None) -> None:
        self.says("do", what=what, step=step)

    def events(self, step: str) -> list[dict[str, Any]]:
        """All that has been told of a step's last run, put together from batches as a front end does it."""
        batches = [one for one in self.messages if one["type"] == "events" and one["step"] == step]
        run = max((one["run"] for one in batches), default=0)
        found: list[dict[str, Any]] = []
        for batch in batches:
            if batch["run"] == run:
                assert batch["from"] <= len(found), "a batch is missing"
                found[batch["from"] :] = batch["events"]
        return found

    def notices(self) -> list[str]:
        return [one["text"] for one in self.messages if one["type"] == "notice"]


@pytest.fixture
def open_talk(own_lab: wl.Lab) -> Iterator[Callable[..., Talk]]:
    """Opens talks of the three small steps."""
    made: list[Talk] = []

    def opened(**options: Any) -> Talk:
        made.append(wl.replay(own_lab, **{"steps": (First(), Second(), Third()), "place": False, **options}))
        return made[-1]

    Second.go.clear()
    Third.mended = False
    yield opened
    Second.go.set()
    for talk in made:
        talk.close()


@pytest.fixture
def talk(open_talk: Callable[..., Talk]) -> Talk:
    return open_talk()


@pytest.fixture
def front(talk: Talk) -> Front:
    return Front(talk)


def state(talk: Talk, step: str) -> str:
    return str(talk.state["steps"][step]["state"])


# --- what is shown --------------------------------------------------------------------------------------


def test_a_front_end_knows_all_texts_of_the_real_talk(own_lab: wl.Lab) -> None:
    talk = wl.replay(own_lab, place=False)
    try:
        shown = json.loads(json.dumps(talk.talk))
        assert [step["number"] for step in shown["steps"]] == [step.number for step in STEPS]
        assert shown["minutes"] == 25
        assert shown["to_come"][0]["number"] == "11"
        for step in shown["steps"]:
            assert all(step[name] for name in ("point", "look_at", "question", "notes", "must_show"))
            assert "def run(self, stage" in "".join(text for _, text in step["code"])
        assert talk.state["current"] == "0a"
        assert repr(talk) == repr(talk.runner)
    finally:
        talk.close()


def test_what_a_step_tells_comes_in_batches_and_in_order(talk: Talk, front: Front) -> None:
    front.do("run")
    until(lambda: state(talk, "a") == "done")
    told = until(lambda: len(front.events("a")) == 9 and front.events("a"))
    assert [event.get("as", event["kind"]) for event in told] == [
        "say", "typed", "output", "wit", "svg", "table", "compare", "diff", "expect",
    ]  # fmt: skip
    assert ["k", "world"] in told[3]["code"]
    assert told[4]["content"].startswith("<svg>")
    assert told[4]["text"] == "a picture"
    assert told[5]["rows"] == [["1"], ["2.5"]]
    assert told[6]["sides"][0]["code"] == [["k", "var"], ["", " a"]]
    assert told[7]["code"] == [["del", "-a\n"], ["add", "+b\n"]]
    assert told[8]["ok"] is True


def test_a_flood_comes_in_few_messages_and_is_kept_to_its_end(open_talk: Callable[..., Talk]) -> None:
    class Flood(_Small):
        number, title, must_show = "f", "Floods", ("all of it",)

        def run(self, stage: Stage) -> None:
            for n in range(widget.KEPT + 500):
                stage.output(str(n))
            stage.expect(self.must_show[0], True, "")

    talk = open_talk(steps=[Flood()])
    front = Front(talk)
    front.do("run")
    until(lambda: state(talk, "f") == "done")
    front.messages.clear()
    front.says("events", step="f")
    batches = [one for one in front.messages if one["type"] == "events"]
    assert sum(len(one["events"]) for one in batches) == widget.KEPT
    assert len(batches) <= widget.KEPT / 300 + 1
    assert batches[0]["from"] == 501
    assert batches[-1]["events"][-1]["what"] == "all of it"


def test_a_view_that_comes_later_can_ask_for_all(talk: Talk, front: Front) -> None:
    talk.runner.run("a")  # by code: the page shows it too
    until(lambda: len(front.events("a")) == 9)
    front.messages.clear()
    front.says("events", step="a")
    assert len(front.events("a")) == 9
    front.says("events", step="b")
    assert not front.events("b"), "nothing was told of it"


def test_a_failed_step_says_what_was_expected_and_what_came_and_can_run_again(talk: Talk, front: Front) -> None:
    front.do("run", "c")
    until(lambda: state(talk, "c") == "failed")
    failed = talk.state["steps"]["c"]
    assert failed["expected"] == "all is well"
    assert failed["got"].startswith("not yet")
    Third.mended = True
    front.do("run", "c")
    until(lambda: state(talk, "c") == "done")
    assert "expected" not in talk.state["steps"]["c"]
    assert talk.state["steps"]["c"]["run"] > failed["run"]


# --- controls --------------------------------------------------------------------------------------------


def test_next_jump_and_back_move_and_back_sets_up(talk: Talk, front: Front) -> None:
    front.do("next")
    assert talk.state["current"] == "b"
    assert talk.state["planned"] == 1
    front.do("jump", "c")
    assert talk.state["current"] == "c"
    front.do("jump", "a")
    front.do("run")
    until(lambda: state(talk, "a") == "done")
    front.do("next")
    front.do("back")
    until(lambda: talk.state["current"] == "a" and state(talk, "a") == "waiting")
    until(lambda: [event.get("text") for event in front.events("a")] == ["set up"])  # and its output is gone
    front.do("back")
    assert talk.state["current"] == "a"
    front.do("jump", "nowhere")
    assert "there is no step 'nowhere'" in front.notices()[-1]
    front.do("dance")
    assert "there is no control 'dance'" in front.notices()[-1]


def test_while_a_step_runs_the_others_wait_and_stop_ends_it(talk: Talk, front: Front) -> None:
    front.do("run", "b")
    until(lambda: front.events("b"))
    assert talk.state["running"]
    for what, step in (("next", None), ("back", None), ("jump", "c"), ("run", "a"), ("over", None)):
        front.do(what, step)
    assert len(front.notices()) == 5
    assert all("step b is running" in text for text in front.notices())
    front.do("stop")
    until(lambda: not talk.state["running"] and state(talk, "b") == "waiting")
    assert talk.state["steps"]["b"]["stopped"] is True
    Second.go.set()
    front.do("run", "b")
    until(lambda: state(talk, "b") == "done")
    assert talk.state["steps"]["b"]["stopped"] is False


def test_run_all_goes_on_from_where_it_is_told(talk: Talk, front: Front) -> None:
    Second.go.set()
    front.do("all", "b")
    until(lambda: state(talk, "c") == "failed" and not talk.state["running"])
    assert [state(talk, step) for step in "abc"] == ["waiting", "done", "failed"]
    assert talk.state["current"] == "c"


def test_the_clock_runs_from_the_first_step_can_be_held_and_begins_again(talk: Talk, front: Front) -> None:
    front.says("look")
    assert front.messages[-1] == {"type": "clock", "seconds": 0.0, "running": False}
    assert talk.state["held"]
    front.do("run")
    until(lambda: state(talk, "a") == "done")
    front.says("look")
    assert front.messages[-1]["running"]
    assert front.messages[-1]["seconds"] > 0
    front.do("clock")
    assert talk.state["held"]
    front.do("clock")
    assert not talk.state["held"]
    front.do("over")
    front.says("look")
    assert front.messages[-1] == {"type": "clock", "seconds": 0.0, "running": False}
    assert [state(talk, step) for step in "abc"] == ["waiting"] * 3


def test_the_clock_is_kept_while_somebody_looks_and_when_it_is_held(
    open_talk: Callable[..., Talk], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "replay.json"
    front = Front(open_talk(place=place))
    front.says("look")
    assert not place.exists(), "it has not started"
    front.do("clock")
    before = json.loads(place.read_text())
    assert before["running"]
    monkeypatch.setattr(progress, "BEAT", 0.0)
    front.says("look")
    after = json.loads(place.read_text())
    assert after["saved"] > before["saved"]
    front.do("clock")
    assert not json.loads(place.read_text())["running"]


def test_what_code_does_to_the_runner_is_seen_at_the_next_look(talk: Talk, front: Front) -> None:
    talk.runner.jump("c")
    assert talk.state["current"] == "a"
    front.says("look")
    assert talk.state["current"] == "c"


# --- when it stops ----------------------------------------------------------------------------------------


def threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if "replay" in thread.name]


def test_opening_another_closes_the_one_before(open_talk: Callable[..., Talk]) -> None:
    first = open_talk()
    front = Front(first)
    front.do("run", "b")
    until(lambda: front.events("b"))
    second = open_talk()
    assert not first.runner.running
    assert first.comm is None
    with pytest.raises(wl.LabError, match="closed"):
        first.runner.run("a")
    assert second.runner.run("a").state == "done"
    second.close()
    second.close()
    until(lambda: not threads())


def test_what_a_control_started_ends_when_nobody_sees_it_any_more(
    talk: Talk, front: Front, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(widget, "GRACE", 0.05)
    front.says("look")
    front.says("look", view="projector")
    front.do("run", "b")
    until(lambda: front.events("b"))
    front.says("gone")
    assert talk.runner.running, "the projector still shows it"
    front.says("gone", view="projector")
    until(lambda: not talk.runner.running)
    assert talk.runner.records["b"].state == "waiting"
    until(lambda: not threads())


def test_what_code_started_goes_on_unseen(talk: Talk, front: Front, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(widget, "GRACE", 0.01)
    worker = talk.runner.start("b")
    until(lambda: front.events("b"))
    front.says("look")
    front.says("gone")
    until(lambda: not [each for each in threading.enumerate() if isinstance(each, threading.Timer)])
    assert talk.runner.running
    Second.go.set()
    worker.join(60)
    assert talk.runner.records["b"].state == "done"


def test_after_a_restart_it_goes_on_where_it_was(open_talk: Callable[..., Talk], tmp_path: Path) -> None:
    place = tmp_path / "replay.json"
    talk = open_talk(place=place)
    talk.runner.run("a")
    talk.runner.next()
    talk.close()
    again = open_talk(place=place, resume=True)
    assert again.state["current"] == "b"
    before = talk.runner.records["a"].seconds
    shown = {"state": "done", "seconds": pytest.approx(before, abs=0.01), "run": 0, "stopped": False}
    assert again.state["steps"]["a"] == shown
    fresh = open_talk(place=place)
    assert fresh.state["current"] == "a"


# --- how it comes into the package --------------------------------------------------------------------------


def test_it_stays_a_function_and_loads_no_widgets_before_it_is_called() -> None:
    code = (
        "import sys, wasicloud_lab as wl\n"
        "from wasicloud_lab.replay import Step\n"
        "import wasicloud_lab.replay.stage\n"
        "assert callable(wl.replay) and wl.replay.__name__ == 'replay'\n"
        "assert not {'ipywidgets', 'anywidget'} & set(sys.modules)\n"
        "print(Step.__module__)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout.strip() == "wasicloud_lab.replay.step", done.stderr


def test_the_page_loads_nothing_and_runs_nothing_that_a_step_shows() -> None:
    script = str(Talk._esm)
    assert script.count("export default") == 1
    style = (FOLDER / "replay.css").read_text(encoding="utf-8")
    assert not re.search(r"https?://|innerHTML|import ", script)
    assert not re.search(r"url\(|@import|https?://", style)
    assert 'setAttribute("sandbox", "allow-same-origin")' in script, "and no allow-scripts"
    assert "default-src 'none'" in script
    selectors = re.findall(r"^([^\s@/{}][^{};]*?)\s*\{", style, flags=re.MULTILINE)
    assert len(selectors) > 60
    assert all(part.strip().startswith(".wt-") for each in selectors for part in each.split(",") if part.strip())


# --- colours -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "text", "found"),
    [
        ("wit", "world w { import wasi:io/poll@0.2.0; }", [("k", "world"), ("k", "import"), ("n", "@0.2.0")]),
        ("wit", "f: func(s: list<u8>) -> u32; // why", [("k", "func"), ("t", "list"), ("t", "u8"), ("c", "// why")]),
        ("go", "return `a\nb`, \"c\\\"d\" /* e */", [("s", "`a\nb`"), ("s", '"c\\"d"'), ("c", "/* e */")]),
        ("rust", "fn f<'a>(s: &'a str) { r#\"x\"y\"#; 'z' }", [("t", "'a"), ("s", 'r#"x"y"#'), ("s", "'z'")]),
        ("python", 'x = f"""a\n# b""" # c', [("s", 'f"""a\n# b"""'), ("c", "# c")]),
        ("python", "@wl.interface('a')\nclass A: 12", [("t", "@wl.interface"), ("s", "'a'"), ("n", "12")]),
        ("yaml", 'name: "x" # c\nport: 8080', [("k", "name"), ("s", '"x"'), ("c", "# c"), ("n", "8080")]),
        ("diff", "@@ -1 +1 @@\n-a\n+b\n c", [("at", "@@ -1 +1 @@\n"), ("del", "-a\n"), ("add", "+b\n"), ("", " c")]),
        ("anything", "fn x", [("", "fn x")]),
    ],
)  # fmt: skip
def test_source_is_read_as_its_language(kind: str, text: str, found: list[tuple[str, str]]) -> None:
    assert set(found) <= set(pieces(kind, text))


@given(
    st.sampled_from(["wit", "go", "rust", "python", "yaml", "diff", "none"]),
    st.text("ab\"'`#/*\\\n r@1:-+ é", max_size=60),
)
def test_the_pieces_are_the_text_again(kind: str, text: str) -> None:
    found = pieces(kind, text)
    assert "".join(part for _, part in found) == text
    assert {name for name, _ in found} <= set(CLASSES)
    assert all(a[0] != b[0] for a, b in pairwise(found))


def test_every_class_of_text_has_a_colour() -> None:
    style = (FOLDER / "replay.css").read_text(encoding="utf-8")
    assert all(f".wt-c-{name} " in style for name in CLASSES if name)


def test_the_same_replay_can_be_driven_without_a_page(own_lab: wl.Lab) -> None:
    with Replay(own_lab, steps=[First()], place=False) as replay:
        assert replay.run().state == "done"
