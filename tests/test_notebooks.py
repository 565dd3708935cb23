"""What people read first: the notebooks run from top to bottom, tasks can be failed and solved, the README is true."""

from __future__ import annotations

import contextlib
import io
import json
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import nbformat
import pytest
from ipykernel.kernelspec import write_kernel_spec
from nbclient import NotebookClient
from nbformat import NotebookNode

from wasicloud_lab import cli

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "notebooks"
NAMES = sorted(path.name for path in FOLDER.glob("*.ipynb"))
FIRST = "00-start-here.ipynb"
HELLO = "01-hello-component.ipynb"
YOUR_CODE = "# your code here"

Execute = Callable[[NotebookNode], dict[str, str]]


@lru_cache
def _text(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")


def read(name: str) -> NotebookNode:
    """A notebook, to change at will."""
    return nbformat.reads(_text(name), as_version=nbformat.NO_CONVERT)


def prose(name: str) -> str:
    return "\n\n".join(cell.source for cell in read(name).cells if cell.cell_type == "markdown")


def cell(book: NotebookNode, cell_id: str) -> NotebookNode:
    return next(one for one in book.cells if one.id == cell_id)


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
        NotebookClient(book, timeout=patience, kernel_name="python3", resources={"metadata": {"path": place}}).execute()
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
    """What a notebook shows to a person who changed nothing; run once."""
    return lru_cache(lambda name: execute(read(name)))


@pytest.fixture(scope="module")
def untouched(executed: Callable[[str], dict[str, str]]) -> dict[str, str]:
    """What the second notebook shows."""
    return executed(HELLO)


@pytest.fixture(scope="module")
def solved(execute: Execute) -> dict[str, str]:
    """What the second shows with every solution put in its place."""
    book = read(HELLO)
    for task in tasks(book):
        place = cell(book, f"task-{task}")
        assert YOUR_CODE in place.source
        place.source = place.source.replace(YOUR_CODE, solution(book, task))
    return execute(book)


# --- as they are in the repository -------------------------------------------------------------------


def test_there_is_a_first_one() -> None:
    assert NAMES[:2] == [FIRST, HELLO]


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
    assert _text(name).endswith("}\n")


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
    code = [one for one in read(name).cells if one.cell_type == "code"]
    assert len(executed(name)) == len(code) > 0


@pytest.mark.parametrize(
    ("cell_id", "part"),
    [
        ("first", "Hello, world, from a Go component!"),
        ("world", '<svg class="wl-world"'),
        ("world", "└── wasi:http/incoming-handler@0.2.0"),
        ("machine", "bundled components: echo, hello, hello-rust"),
        ("machine", "curl"),
    ],
)
def test_the_first_one_shows(executed: Callable[[str], dict[str, str]], cell_id: str, part: str) -> None:
    assert part in executed(FIRST)[cell_id]


@pytest.mark.parametrize(
    ("cell_id", "part"),
    [
        ("load", "Hello, world, from a Go component!"),
        ("world", '<svg class="wl-world"'),
        ("wit", "export wasi:http/incoming-handler@0.2.0;"),
        ("digest", "sha256 "),
        ("call", "200 text/plain"),
        ("call", "Hello, Ada, from a Go component!"),
        ("twin", "Hello, Ada, from a Go component!"),
        ("twin", "Hello, Ada, from a Rust component!"),
        ("twin", "same exports: True"),
        ("twin-world", "hello-rust"),
        ("client", "Hello, Grace"),
        ("client", "405 Method Not Allowed · allowed: GET, HEAD"),
        ("stream", "chunk 4"),
        ("serve", "serving at http://127.0.0.1:"),
        ("curl", "HTTP/1.1 200 OK"),
        ("curl", "Hello, Ada, from a Go component!"),
        ("stop", "stopped"),
        ("break", "count 1\ncount 2"),
        ("trap", "trouble trapped: wasm `unreachable` instruction executed"),
        ("trap", "guest backtrace (innermost first):\n  0: "),
        ("trap-next", "count 1"),
        ("panic", "this is the message of the panic"),
        ("loop", "GuestTimeout: trouble ran past its deadline of 1 s"),
        ("memory", "GuestOutOfMemory: trouble wanted more memory than its cap of 64 MiB"),
        ("silent", "GuestNoResponse: "),
        ("missing-world", "nothing: traps when called"),
        ("missing", "GuestTrap: the guest called lab:missing/nowhere@0.1.0#lost, which nothing provides here"),
        ("interface", "the guest asks: anybody?\n8"),
        ("interface-world", "lab:missing/nowhere@0.1.0          ← Nowhere"),
        ("shape", "LinkError: lab:missing/nowhere@0.1.0#lost passes 's' as str, but Crooked takes 's' as bytes"),
        ("shape", "still there: Nowhere"),
    ],
)
def test_the_second_one_shows(untouched: dict[str, str], cell_id: str, part: str) -> None:
    assert part in untouched[cell_id]


@pytest.mark.parametrize("cell_id", ["panic", "loop", "memory", "silent", "missing"])
def test_after_each_failure_the_next_request_works(untouched: dict[str, str], cell_id: str) -> None:
    assert re.search(r"next request: count \d", untouched[cell_id])


# --- the tasks ---------------------------------------------------------------------------------------


def test_each_task_has_a_place_a_check_a_hint_and_a_solution() -> None:
    book = read(HELLO)
    assert len(tasks(book)) == 2
    for task in tasks(book):
        assert YOUR_CODE in cell(book, f"task-{task}").source
        assert cell(book, f"check-{task}").metadata.tags == ["check"]
        assert cell(book, f"solution-{task}").metadata.tags == ["solution"]
        assert "<details><summary>Hint</summary>\n\n" in cell(book, f"task-{task}-text").source
        compile(solution(book, task), task, "exec")


@pytest.mark.parametrize("task", tasks(read(HELLO)))
def test_an_untouched_task_is_told_so(untouched: dict[str, str], task: str) -> None:
    assert re.fullmatch(r"✗ not yet: .+ is still None\n", untouched[f"check-{task}"])


@pytest.mark.parametrize("task", tasks(read(HELLO)))
def test_a_solved_task_is_told_so(solved: dict[str, str], task: str) -> None:
    assert re.fullmatch(r"✓ right: .+\n", solved[f"check-{task}"])


WRONG = {
    "deadline": [
        "caught = 'GuestTimeout'",
        "try:\n    trouble.get('/trap')\nexcept wl.LabError as error:\n    caught = error",
        "try:\n    trouble.get('/loop')\nexcept wl.LabError as error:\n    caught = error",
    ],
    "dice": [
        "dice = '00000000'",
        "dice = lab.load('tiny', name='dice')",
        "dice = lab.load('echo', name='dice')",
        """
@wl.interface("wasi:random/random@0.2.0")
class Ones:
    def get_random_bytes(self, length: int) -> bytes:
        return b"\\1" * length

dice = lab.load("echo", name="dice", providers=[Ones()])""",
        """
@wl.interface("wasi:random/random@0.2.0")
class Everywhere:
    def get_random_bytes(self, length: int) -> bytes:
        return bytes(length)

    def get_random_u64(self) -> int:
        return 0

lab.provide(Everywhere())
dice = lab.load("echo", name="dice")""",
    ],
}


def test_a_wrong_answer_is_told_what_is_missing(execute: Execute) -> None:
    book = read(HELLO)
    assert set(WRONG) == set(tasks(book))
    after: list[Any] = []
    for task, attempts in WRONG.items():
        check = cell(book, f"check-{task}").source
        for number, attempt in enumerate(attempts):
            after.append(nbformat.v4.new_code_cell(attempt, id=f"try-{task}-{number}"))
            after.append(nbformat.v4.new_code_cell(check, id=f"told-{task}-{number}"))
    book.cells += after
    told = {name: text for name, text in execute(book).items() if name.startswith("told-")}
    assert len(told) == sum(map(len, WRONG.values()))
    for name, text in told.items():
        assert re.fullmatch(r"✗ not yet: .+\n", text), (name, text)
    assert len(set(told.values())) == len(told), "each is told something of its own"


# --- the README --------------------------------------------------------------------------------------


def readme_blocks(language: str) -> list[str]:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, flags=re.DOTALL | re.MULTILINE)


def test_the_python_in_the_readme_runs_and_prints_what_its_comments_say(compile_cache: Path) -> None:
    names: dict[str, Any] = {}
    printed, promised = "", []
    for block in readme_blocks("python"):
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            exec(compile(block, "README.md", "exec"), names)
        printed += said.getvalue()
        promised += re.findall(r"^print\(.*\)  # (.+)$", block, flags=re.MULTILINE)
    names["lab"].close()
    assert promised
    assert [line for line in printed.splitlines() if line] == promised


def _without_figures(text: str) -> str:
    """A rebuilt guest has another size, digest and place of its functions; the rest must stay."""
    return re.sub(r"\b[\d,]+ bytes\b|\bsha256 [0-9a-f]+|0x[0-9a-f]+", "#", text).strip()


def test_the_commands_in_the_readme_print_what_it_says(compile_cache: Path) -> None:
    commands = 0
    for block in readme_blocks("console"):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            line, _, promised = part.partition("\n")
            words = shlex.split(line)
            assert words[0] == "wasicloud-lab"
            done = subprocess.run(
                [sys.executable, "-m", cli.__name__, *words[1:]],
                capture_output=True,
                encoding="utf-8",
                check=False,
            )
            assert _without_figures(done.stdout + done.stderr) == _without_figures(promised), line
            commands += 1
    assert commands >= 3


def test_the_readme_lists_every_component_as_it_is(dist: Path) -> None:
    manifest = json.loads((dist / "manifest.json").read_text(encoding="utf-8"))
    rows = re.findall(
        r"^\| \[`([\w-]+)`\]\((components/[\w-]+/?)\) \| (\w+) \| ([\d.]+) (kB|MB) \|",
        (ROOT / "README.md").read_text(encoding="utf-8"),
        flags=re.MULTILINE,
    )
    assert sorted(name for name, *_ in rows) == sorted(manifest)
    for name, folder, language, size, unit in rows:
        entry = manifest[name]
        assert (ROOT / folder / "README.md").is_file()
        assert language.lower() == entry["language"]
        bytes_said = float(size) * {"kB": 1e3, "MB": 1e6}[unit]
        assert abs(bytes_said - entry["size"]) <= 0.1 * entry["size"], f"{name} is {entry['size']:,} bytes"


def test_the_picture_in_the_readme_is_there_and_small() -> None:
    pictures = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", (ROOT / "README.md").read_text(encoding="utf-8"))
    assert "docs/lab.png" in pictures
    for picture in pictures:
        assert (ROOT / picture).stat().st_size <= 300_000


def test_the_links_in_the_readme_lead_somewhere() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for link in re.findall(r"(?<!!)\]\(([^)\s]+)\)", text):
        assert link.startswith(("https://", "#")) or (ROOT / link).exists(), link
