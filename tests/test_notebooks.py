"""What people read first: notebooks run, with and without servers; their tasks can be failed and solved."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest

from tests.course import SHOWS, WAY_BACK, WRONG
from tests.notebook_runs import (
    COURSE,
    FIRST,
    FOLDER,
    NAMES,
    YOUR_CODE,
    Execute,
    cell,
    code,
    prose,
    put,
    read,
    solution,
    tasks,
    text,
)

TASKS = [(name, task) for name in COURSE for task in tasks(read(name))]


# --- as they are in the repository -------------------------------------------------------------------


def test_the_first_one_is_where_one_starts() -> None:
    assert FIRST == "00-start-here.ipynb"
    assert sorted(SHOWS) == [Path(name).stem for name in NAMES]


@pytest.mark.parametrize("name", NAMES)
def test_it_is_a_clean_file(name: str) -> None:
    book = read(name)
    nbformat.validate(book)
    assert (book.nbformat, book.nbformat_minor) == (4, 5)
    assert book.metadata.kernelspec.name == "python3"
    assert set(book.metadata) == {"kernelspec", "language_info"}
    assert set(book.metadata.language_info) == {"name"}, "a version in there changes from machine to machine"
    ids = [one.id for one in book.cells]
    assert len(ids) == len(set(ids))
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)*", one) for one in ids), "ids are words, so that a diff can be read"
    assert text(name).endswith("}\n")


@pytest.mark.parametrize("name", NAMES)
def test_its_outputs_are_stripped(name: str) -> None:
    for one in read(name).cells:
        assert set(one.metadata) <= {"tags"}
        if one.cell_type == "code":
            assert one.outputs == []
            assert one.execution_count is None


@pytest.mark.parametrize("name", NAMES)
def test_it_opens_with_what_one_learns_and_how_long_it_takes(name: str) -> None:
    first = read(name).cells[0].source
    assert first.startswith("# ")
    assert "**You will learn** " in first
    assert re.search(r"\*\*Time\*\* \d+ minutes", first)
    assert "**You need** " in first


@pytest.mark.parametrize("name", NAMES)
def test_its_links_lead_somewhere(name: str) -> None:
    links = re.findall(r"\]\(([^)\s]+)\)", prose(name))
    assert links
    for link in links:
        assert link.startswith("https://") or (FOLDER / link).is_file(), link


def test_the_first_one_lists_all_with_their_times() -> None:
    for name in NAMES:
        minutes = re.search(r"\*\*Time\*\* (\d+) minutes", read(name).cells[0].source)
        assert minutes
        title = r"\*\*00 · Start here\*\*" if name == FIRST else rf"\[\*\*[^\]]+\*\*\]\({re.escape(name)}\)"
        assert re.search(rf"^\| {title} \|.*\| {minutes[1]} min \|$", prose(FIRST), flags=re.MULTILINE), name
        assert name == FIRST or FIRST in prose(name), "there is a way back"


# --- as they run -------------------------------------------------------------------------------------


def test_the_kernel_is_this_python(execute: Execute) -> None:
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("import sys\nprint(sys.executable)", id="which")])
    assert execute(book)["which"].strip() == sys.executable


@pytest.mark.parametrize("name", NAMES)
def test_it_runs_from_top_to_bottom(executed: Callable[[str], dict[str, str]], name: str) -> None:
    cells = [one.id for one in read(name).cells if one.cell_type == "code"]
    assert [cell_id for cell_id in executed(name) if not cell_id.startswith(("try-", "told-"))] == cells != []


@pytest.mark.parametrize("name", NAMES)
def test_it_shows_what_it_promises(executed: Callable[[str], dict[str, str]], name: str) -> None:
    shown = executed(name)
    for cell_id, part in SHOWS[Path(name).stem]:
        assert part in shown[cell_id], f"{cell_id} shows {shown[cell_id]}"


@pytest.mark.parametrize("cell_id", ["panic", "loop", "memory", "silent", "missing"])
def test_after_each_failure_the_next_request_works(executed: Callable[[str], dict[str, str]], cell_id: str) -> None:
    assert re.search(r"next request: count \d", executed("01-hello-component.ipynb")[cell_id])


@pytest.mark.parametrize("name", [name for name in COURSE if "lab.services" in text(name) or "wl.replay" in text(name)])
def test_without_any_server_it_goes_on_with_what_is_built_in(
    execute: Execute, name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for tool in ("sh", "bash", "curl"):
        found = shutil.which(tool)
        assert found
        (tmp_path / tool).symlink_to(found)
    monkeypatch.setenv("PATH", str(tmp_path))
    for server in ("REDIS_SERVER", "NATS_SERVER", "AZURITE"):
        monkeypatch.setenv(f"WASICLOUD_LAB_{server}", "not-there")
    shown = execute(read(name))
    if "lab.services" in text(name):
        assert any("is not" in words and "going on with" in words for words in shown.values())
    for cell_id, part in SHOWS[Path(name).stem]:
        if "real" not in cell_id:
            assert part in shown[cell_id], f"{cell_id} shows {shown[cell_id]}"


# --- the tasks ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", COURSE)
def test_it_has_tasks_and_wrong_answers_to_each(name: str) -> None:
    assert len(tasks(read(name))) >= 2
    assert set(WRONG[Path(name).stem]) == set(tasks(read(name)))


@pytest.mark.parametrize(("name", "task"), TASKS)
def test_each_task_has_a_place_a_check_a_hint_and_a_solution(name: str, task: str) -> None:
    book = read(name)
    assert YOUR_CODE in cell(book, f"task-{task}").source
    assert cell(book, f"check-{task}").metadata.tags == ["check"]
    assert cell(book, f"solution-{task}").metadata.tags == ["solution"]
    assert "<details><summary>Hint</summary>\n\n" in cell(book, f"task-{task}-text").source
    compile(solution(book, task), task, "exec")


@pytest.mark.parametrize(("name", "task"), TASKS)
def test_an_untouched_task_is_told_so(executed: Callable[[str], dict[str, str]], name: str, task: str) -> None:
    assert re.fullmatch(r"✗ not yet: .+\n", executed(name)[f"check-{task}"])


@pytest.mark.parametrize("name", COURSE)
def test_right_answers_after_run_all_are_told_so(executed: Callable[[str], dict[str, str]], name: str) -> None:
    shown = executed(name)
    told = {cell_id: words for cell_id, words in shown.items() if cell_id.startswith("told-")}
    tried = [cell_id for cell_id in shown if cell_id.startswith("try-")]
    assert len(told) == len(tried) + len(tasks(read(name))) > 0
    for cell_id, words in told.items():
        assert re.match(r"✓ right: .+", words), (cell_id, words)


@pytest.mark.parametrize(("name", "task"), TASKS)
def test_a_solved_task_is_told_so_also_when_each_cell_runs_twice(
    solved: Callable[[str], dict[str, str]], name: str, task: str
) -> None:
    for check in (f"check-{task}", f"check-{task}-again"):
        assert re.match(r"✓ right: .+", solved(name)[check])


@pytest.mark.parametrize("name", COURSE)
def test_a_wrong_answer_is_told_what_is_missing(execute: Execute, name: str) -> None:
    book = read(name)
    ids = [one.id for one in book.cells]
    wrong, ways_back = WRONG[Path(name).stem], WAY_BACK.get(Path(name).stem, {})
    tried = []
    for one in book.cells:
        tried.append(one)
        task = one.id.removeprefix("task-")
        if "task" not in one.metadata.get("tags", []):
            continue
        check = cell(book, f"check-{task}").source
        for number, attempt in enumerate(wrong[task]):
            tried += [code(attempt, f"try-{task}-{number}"), code(check, f"told-{task}-{number}")]
        back = [cell(book, step).source if step in ids else step for step in ways_back.get(task, [])]
        tried += [code(step, f"back-{task}-{number}") for number, step in enumerate(back)]
        tried += [code(put(book, task, solution(book, task)), f"solve-{task}"), code(check, f"solved-{task}")]
    book.cells = tried
    shown = execute(book)
    told = {cell_id: words for cell_id, words in shown.items() if cell_id.startswith("told-")}
    assert len(told) == sum(map(len, wrong.values()))
    for cell_id, words in told.items():
        assert re.fullmatch(r"✗ not yet: .+\n", words), (cell_id, words)
    assert len(set(told.values())) == len(told), "each is told something of its own"
    for task in wrong:
        assert re.match(r"✓ right: .+", shown[f"solved-{task}"]), f"no way back: {shown[f'solved-{task}']}"
