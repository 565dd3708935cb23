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
