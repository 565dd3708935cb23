"""The talk in a page: every step runs from the buttons and the keys, and shows what it must."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import BrowserContext, expect

from .jupyter import Jupyter
from .page import NotebookPage

#: The cell of notebook 05 that shows the talk.
TALK = 2


@pytest.fixture
def stage(context: BrowserContext, jupyter: Jupyter, patience: float) -> Iterator[NotebookPage]:
    """Notebook 05 with the talk on the page."""
    made = NotebookPage(context, jupyter, jupyter.notebook("05-the-whole-talk.ipynb", "talk.ipynb"), 5 * patience)
    made.run(TALK)
    made.page.locator(".wt-steps").wait_for()
    yield made
    made.python("talk.close()")
    made.close()


def test_all_steps_run_from_the_page(stage: NotebookPage) -> None:
    page = stage.page
    steps = page.locator(".wt-step:not(.wt-coming)")
    numbers = stage.value("list(talk.runner.records)")
    assert steps.count() == len(numbers) >= 13
    page.get_by_role("button", name="Run all", exact=True).click()
    stage.wait_for("talk.runner.finished")
    assert stage.value("{number: one.state for number, one in talk.runner.records.items()}") == dict.fromkeys(
        numbers, "done"
    )
    expect(page.locator(".wt-steps")).to_contain_text("✓")
    assert stage.errors == []


def test_keys_and_buttons_walk_through_it(stage: NotebookPage) -> None:
    page = stage.page
    first = stage.value("talk.runner.current.number")
    page.get_by_role("button", name="▶ Run", exact=True).click()
    stage.wait_for(f"talk.runner.records[{first!r}].state == 'done'")
    expect(page.locator(".wt-terminal, .wt-expect").first).to_be_visible()
    page.locator(".wt-page").focus()
    page.keyboard.press("ArrowRight")
    stage.wait_for(f"talk.runner.current.number != {first!r}")
    page.keyboard.press("n")
    expect(page.locator(".wt-notes")).to_be_visible()
    page.keyboard.press("ArrowLeft")
    stage.wait_for(f"talk.runner.current.number == {first!r}")
    stage.narrow(480)
    assert page.evaluate("document.querySelector('.wt-page').scrollWidth") <= 480
    stage.narrow(None)
    assert stage.errors == []


def _play(stage: NotebookPage, number: str) -> None:
    """Puts a step in front, runs it, and waits until its pictures are drawn."""
    page = stage.page
    page.locator(".wt-step").filter(has=page.locator(f".wt-number:text-is('{number}')")).click()
    expect(page.locator(".wt-lead h2")).to_contain_text(f"{number} · ")
    page.locator(".wt-main").click()
    expect(page.locator(".wt-end.wt-done")).to_be_visible()
    page.wait_for_function(
        "[...document.querySelectorAll('.wt-frame')].every(frame => frame.contentDocument.querySelector('svg'))"
    )


def test_larger_type_enlarges_code_and_drawings_and_leaves_room_for_them(stage: NotebookPage) -> None:
    page = stage.page
    page.set_viewport_size({"width": 1366, "height": 768})
    _play(stage, "9")
    sizes = """() => {
        const code = [".wt-terminal", ".wt-source pre"].map(name => document.querySelector(name));
        const frames = [...document.querySelectorAll(".wt-frame")];
        const world = frames.map(frame => frame.contentDocument.querySelector(".wl-world")).find(Boolean);
        return [...code.map(each => parseFloat(getComputedStyle(each).fontSize)), world.getBoundingClientRect().width];
    }"""
    before = page.evaluate(sizes)
    for _ in range(6):
        page.get_by_role("button", name="Larger type").click()
    terminal, source, world = page.evaluate(sizes)
    assert terminal > 2 * before[0]
    assert source > 2 * before[1]
    assert world > 1.2 * before[2]
    share = """() => {
        const [sheet, all] = [".wt-page", ".wt-talk"].map(name => document.querySelector(name).clientHeight);
        return sheet / all;
    }"""
    assert page.evaluate(share) > 0.6
    stage.append("talk")  # a second view: for the presenter, who sits closer
    page.locator(".wt-talk").nth(1).wait_for()
    shown = page.evaluate("[...document.querySelectorAll('.wt-talk')].map(each => getComputedStyle(each).fontSize)")
    assert shown == ["37px", "15px"]
    assert stage.errors == []


def test_the_chart_is_in_sight_at_the_end_and_stays_there_when_the_type_grows(stage: NotebookPage) -> None:
    page = stage.page
    page.set_viewport_size({"width": 1366, "height": 768})
    _play(stage, "0c")
    in_sight = """() => {
        const [sheet, frame] = [".wt-page", ".wt-frame"].map(name => document.querySelector(name));
        const above = frame.getBoundingClientRect().top - sheet.getBoundingClientRect().top;
        return above >= 0 && above < sheet.clientHeight / 4;
    }"""
    page.wait_for_function(in_sight)
    for name, times in (("Larger type", 6), ("Smaller type", 3)):
        for _ in range(times):
            page.get_by_role("button", name=name).click()
        page.wait_for_timeout(500)  # a frame takes its new height after the page has
        page.wait_for_function(in_sight)
    page.locator(".wt-main").click()  # and once more, now that words fill the page
    expect(page.locator(".wt-end.wt-running")).to_be_visible()
    expect(page.locator(".wt-end.wt-done")).to_be_visible()
    page.wait_for_function(in_sight)
    assert stage.errors == []


def test_run_all_of_its_notebook_leaves_the_talk_to_play_with(
    context: BrowserContext, jupyter: Jupyter, patience: float
) -> None:
    path = jupyter.notebook("05-the-whole-talk.ipynb", "all-of-the-talk.ipynb")
    notebook = NotebookPage(context, jupyter, path, 5 * patience)
    notebook.run_all()
    assert [output for output in notebook.outputs() if output["output_type"] == "error"] == []
    took = notebook.value("list(talk.runner.records.values())[0].seconds")
    notebook.page.locator(".wt-step").first.click()
    notebook.page.get_by_role("button", name="▶ Run again", exact=True).click()
    notebook.wait_for(
        f"not talk.runner.running and [(one.state == 'done', one.seconds != {took})"
        " for one in talk.runner.records.values()][0] == (True, True)"
    )
    assert notebook.errors == []
    notebook.close()
