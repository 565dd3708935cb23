"""Reads notebooks and runs them, as the person in front of them would."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path

import nbformat
import pytest
from ipykernel.kernelspec import write_kernel_spec
from nbclient import NotebookClient
from nbformat import NotebookNode

from tests.course import ONCE, RIGHT

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "notebooks"
NAMES = sorted(path.name for path in FOLDER.glob("*.ipynb"))
FIRST = NAMES[0]
COURSE = NAMES[1:]
YOUR_CODE = "# your code here"

Execute = Callable[[NotebookNode], dict[str, str]]


@lru_cache
def text(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")


def read(name: str) -> NotebookNode:
    """A notebook, to change at will."""
    return nbformat.reads(text(name), as_version=nbformat.NO_CONVERT)


def prose(name: str) -> str:
    return "\n\n".join(cell.source for cell in read(name).cells if cell.cell_type == "markdown")


def cell(book: NotebookNode, cell_id: str) -> NotebookNode:
    return next(one for one in book.cells if one.id == cell_id)


def code(source: str, cell_id: str) -> NotebookNode:
    """A code cell that a reader adds."""
    return nbformat.v4.new_code_cell(source, id=cell_id)


def tasks(book: NotebookNode) -> list[str]:
    """The names of the tasks: `dice` has the cells `task-dice`, `check-dice` and `solution-dice`."""
    return [one.id.removeprefix("task-") for one in book.cells if "task" in one.metadata.get("tags", [])]


def solution(book: NotebookNode, task: str) -> str:
    """The code inside a task's folded solution."""
    source = cell(book, f"solution-{task}").source
    found = re.fullmatch(
        r"<details><summary>Solution</summary>\n\n```python\n(.+?)\n```\n\n</details>", source, flags=re.DOTALL
    )
    assert found, f"the solution of {task} is not one python block inside <details>"
    return found[1]


def put(book: NotebookNode, task: str, answer: str) -> str:
    """A task's cell with an answer in its place."""
    source: str = cell(book, f"task-{task}").source
    assert YOUR_CODE in source
    return source.replace(YOUR_CODE, answer)


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory, compile_cache: Path) -> Iterator[pytest.MonkeyPatch]:
    """`python3` is this interpreter, and nobody's own IPython settings count."""
    shared = tmp_path_factory.mktemp("jupyter")
    write_kernel_spec(str(shared / "kernels" / "python3"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JUPYTER_PATH", str(shared))
        patch.setenv("JUPYTER_DATA_DIR", str(shared / "data"))
        patch.setenv("IPYTHONDIR", str(tmp_path_factory.mktemp("ipython")))
        yield patch


@pytest.fixture(scope="module")
def execute(kernel: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory, patience: float) -> Execute:
    """Runs a notebook in a copy of the folder; answers what each code cell showed, by cell id.

    An error in a cell is an error here. Nothing may come on stderr but the progress of a first compile.
    """

    def run(book: NotebookNode) -> dict[str, str]:
        place = tmp_path_factory.mktemp("run") / "notebooks"
        shutil.copytree(FOLDER, place)
        NotebookClient(
            book, timeout=2 * patience, kernel_name="python3", resources={"metadata": {"path": place}}
        ).execute()
        return {one.id: shown(one) for one in book.cells if one.cell_type == "code"}

    return run


def shown(one: NotebookNode) -> str:
    """The outputs of a cell: texts, and what a browser would get of rich ones."""
    parts = []
    for output in one.outputs:
        if output.output_type == "stream" and output.name == "stderr":
            lines = re.split(r"[\r\n]+", output.text.strip())
            assert all(re.match(r"compil(ing|ed) ", line) for line in lines), f"{one.id} on stderr: {output.text}"
        elif output.output_type == "stream":
            parts.append(output.text)
        else:
            parts += [f"{output.data[kind]}\n" for kind in ("text/html", "text/plain") if kind in output.data]
    return "".join(parts)


@pytest.fixture(scope="module")
def executed(execute: Execute) -> Callable[[str], dict[str, str]]:
    """What a notebook shows to a person who changes nothing, and below its end gives the right answers; run once.

    Cells `told-…` show what the checks said to these, one after the other.
    """

    def run(name: str) -> dict[str, str]:
        book = read(name)
        checks = {task: cell(book, f"check-{task}").source for task in tasks(book)}
        for task, check in checks.items():
            answers = [solution(book, task), *RIGHT.get(Path(name).stem, {}).get(task, [])]
            for number, answer in enumerate(answers):
                book.cells += [
                    code(put(book, task, answer), f"try-{task}-{number}"),
                    code(check, f"told-{task}-{number}"),
                ]
        book.cells += [code(check, f"told-{task}-again") for task, check in checks.items()]
        return execute(book)

    return lru_cache(run)


@pytest.fixture(scope="module")
def solved(execute: Execute) -> Callable[[str], dict[str, str]]:
    """What a notebook shows with every solution in its place and each cell run twice; run once.

    The second time of a cell `…` is `…-again`.
    """

    def run(name: str) -> dict[str, str]:
        book = read(name)
        for task in tasks(book):
            cell(book, f"task-{task}").source = put(book, task, solution(book, task))
        twice = []
        for one in book.cells:
            twice.append(one)
            if one.cell_type == "code" and one.id not in ONCE.get(Path(name).stem, []):
                twice.append(code(one.source, f"{one.id}-again"))
        book.cells = twice
        return execute(book)

    return lru_cache(run)
