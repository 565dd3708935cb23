"""What a sidecar costs: real processes, every way there, none left behind, and a picture that says what came out."""

from __future__ import annotations

import gc
import json
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from wasicloud_lab.errors import Unavailable
from wasicloud_lab.replay.sidecars import WAYS, Measurement, Row, measure

ROOT = Path(__file__).resolve().parent.parent
SIZES = [16, 1024, 65536]
KEYS = [way.key for way in WAYS]


def started(by: int | None = None) -> list[psutil.Process]:
    """The processes that this one, or another, has started and that live: servers and their guards."""
    found = []
    for process in psutil.Process(by).children(recursive=True):
        try:
            if process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.NoSuchProcess:
            continue
    return found


def program(name: str, by: int | None = None) -> psutil.Process:
    """The server of that name among them; its guard's command line says the name as well."""
    for process in started(by):
        try:
            words = " ".join(process.cmdline())
        except psutil.NoSuchProcess:
            continue
        if name in words and "guard.py" not in words:
            return process
    raise AssertionError(f"no {name} runs")


@pytest.fixture
def none_left() -> Iterator[None]:
    """What a test starts is gone at its end."""
    before = {process.pid for process in started()}
    yield
    assert [process for process in started() if process.pid not in before] == []


@pytest.fixture(scope="module")
def told() -> list[tuple[str, float]]:
    """What the progress function of `measured` was told."""
    return []


@pytest.fixture(scope="module")
def measured(told: list[tuple[str, float]], compile_cache: Path) -> Measurement:
    """A quick measurement on a real Redis."""
    before = {process.pid for process in started()}
    found = measure(quick=True, progress=lambda words, share: told.append((words, share)))
    assert [process for process in started() if process.pid not in before] == []
    return found


# --- what is measured --------------------------------------------------------------------------------


def test_every_way_is_measured_with_every_size(measured: Measurement) -> None:
    assert [(row.size, row.way) for row in measured.rows] == [(size, key) for size in SIZES for key in KEYS]
    for row in measured.rows:
        assert row.median is not None
        assert row.p5 is not None
        assert row.p95 is not None
        assert 0 < row.p5 <= row.median <= row.p95
        assert row.n == measured.rounds[row.size] >= 6
        assert not row.note


def test_the_store_is_a_real_redis_where_there_is_one(measured: Measurement) -> None:
    assert measured.store.startswith("redis-server")


def test_progress_goes_from_nothing_to_all(measured: Measurement, told: list[tuple[str, float]]) -> None:
    shares = [share for _, share in told]
    assert shares == sorted(shares)
    assert (shares[0], shares[-1]) == (0.0, 1.0)
    assert any("65,536 bytes" in words for words, _ in told)


def test_the_memory_of_each_sidecar_is_told(measured: Measurement) -> None:
    assert set(measured.memory) == {"http", "grpc"}
    assert all(mib > 1 for mib in measured.memory.values())


def test_the_table_and_the_picture_have_all_numbers(measured: Measurement) -> None:
    table, picture = measured.table(), measured.chart_html()
    svg = picture.partition("<details>")[0]
    for row in measured.rows:
        assert row.median is not None
        shown = f"{row.median:,.0f}" if row.median >= 99.95 else f"{row.median:.1f}"
        assert re.search(rf"{re.escape(row.name)}\s+{re.escape(shown)} ", table)
        assert f">{shown}<" in svg
        assert shown in picture.partition("<details>")[2]


def test_the_table_says_how_it_was_measured_and_what_each_way_includes(measured: Measurement) -> None:
    table = measured.table()
    assert f"{measured.rounds[16]} × {measured.gets[16]} for 16 B" in table
    assert all(f"{way.words}: {way.includes}." in table for way in WAYS)
    assert measured.store in table


def test_the_numbers_are_plain_data(measured: Measurement) -> None:
    data = json.loads(json.dumps(measured.to_json()))
    assert [(row["way"], row["size"], row["median"]) for row in data["rows"]] == [
        (row.way, row.size, row.median) for row in measured.rows
    ]
    http = measured.row("http", 1024)
    own = measured.row("provider", 1024)
    assert http.median is not None
    assert own.median is not None
    added = next(row["added"] for row in data["rows"] if (row["way"], row["size"]) == ("http", 1024))
    assert added == pytest.approx(http.median - own.median)


def test_a_row_that_is_not_there_is_said_with_what_is(measured: Measurement) -> None:
    with pytest.raises(KeyError, match=r"'pigeon'.*http.*65536"):
        measured.row("pigeon", 16)


@pytest.mark.usefixtures("none_left", "compile_cache")
def test_without_a_redis_server_and_grpcio_the_rest_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WASICLOUD_LAB_REDIS_SERVER", "/nowhere/redis-server")
    monkeypatch.setitem(sys.modules, "grpc", None)
    found = measure(quick=True)
    assert "embedded Redis" in found.store
    assert "no redis-server here" in found.store
    for row in found.rows:
        if row.way == "grpc":
            assert row.median is None
            assert "pip install 'wasicloud-lab[grpc]'" in row.note
        else:
            assert row.median is not None
    assert "pip install 'wasicloud-lab[grpc]'" in found.table()
    assert "pip install &#x27;wasicloud-lab[grpc]&#x27;" in found.chart_html().partition("<details>")[0]
    assert "gRPC" not in " ".join(found.finding())


# --- what goes wrong ---------------------------------------------------------------------------------


def once(share: float, action: Callable[[], object]) -> Callable[[str, float], None]:
    """A progress function that does something when that share is done."""
    done: list[float] = []

    def progress(_words: str, now: float) -> None:
        if now > share and not done:
            done.append(now)
            action()

    return progress


@pytest.mark.parametrize(
    ("name", "kind"),
    [("http_sidecar", "http-sidecar"), ("grpc_sidecar", "grpc-sidecar"), ("embedded_redis", "embedded-redis")],
)
@pytest.mark.usefixtures("none_left", "compile_cache")
def test_a_process_that_ends_in_the_middle_is_named(name: str, kind: str) -> None:
    with pytest.raises(Unavailable, match=rf"the {kind} \(process \d+\) ended in the middle.*measure again"):
        measure(quick=True, progress=once(0.01, lambda: program(name).kill()), embedded=True)


@pytest.mark.usefixtures("none_left", "compile_cache")
def test_an_interrupt_stops_everything_and_leaves_the_collector_on() -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    assert gc.isenabled()
    with pytest.raises(KeyboardInterrupt):
        measure(quick=True, progress=once(0.01, interrupt))
    assert gc.isenabled()


def test_nothing_outlives_a_measurement_that_is_killed(patience: float) -> None:
    code = "from wasicloud_lab.replay.sidecars import measure; measure(progress=lambda *now: print(*now, flush=True))"
    process = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    with process:
        try:
            assert process.stdout is not None
            assert any("16 bytes" in line for line in process.stdout)
            children = started(process.pid)
            assert program("http_sidecar", process.pid) in children
        finally:
            process.kill()
    until = time.monotonic() + patience
    while any(child.is_running() and child.status() != psutil.STATUS_ZOMBIE for child in alive(children)):
        assert time.monotonic() < until, children
        time.sleep(0.05)


def alive(processes: list[psutil.Process]) -> Iterator[psutil.Process]:
    """Those that still are."""
    for process in processes:
        if psutil.pid_exists(process.pid):
            yield process


# --- what is made of the numbers ---------------------------------------------------------------------


def made(store: str = "a store", /, **medians: float | None) -> Measurement:
    """A measurement of one size with these medians; a way that is left out takes 100 µs."""
    rows = []
    for key in KEYS:
        median = medians.get(key.replace("-", "_"), 100.0)
        rows.append(
            Row(key, 16, note="<b>not here</b>")
            if median is None
            else Row(key, 16, median, median * 0.9, median * 1.1, 9)
        )
    return Measurement(tuple(rows), store, {16: 5}, {16: 9}, {"http": 40.0}, {"python": "3"})


def test_what_comes_from_elsewhere_is_escaped_in_the_picture() -> None:
    picture = made("<script>alert(1)</script> & co", grpc=None).chart_html()
    assert "<script>" not in picture
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; co" in picture
    assert "<b>" not in picture
    assert "&lt;b&gt;not here" in picture


@pytest.mark.parametrize(
    ("medians", "verdict"),
    [
        ({"http": 200.0, "http_lean": 150.0, "grpc": 500.0}, "import beats every sidecar"),
        ({"http": 200.0, "http_lean": 50.0, "grpc": 500.0}, "import beats 2 of 3 sidecars"),
        ({"http": 20.0, "http_lean": 5.0, "grpc": 50.0}, "every sidecar beats import"),
        ({"http": None, "http_lean": None, "grpc": None}, "nothing to compare"),
        ({"import": None}, "nothing to compare"),
    ],
)
def test_the_verdict_is_what_the_numbers_say(medians: dict[str, float | None], verdict: str) -> None:
    found = made(**medians)
    assert found.verdict(16) == verdict
    assert f"16 B: {verdict}" in found.table()
    assert verdict in found.chart_html()


def test_the_finding_gives_each_sidecar_beside_the_import() -> None:
    finding = made(provider=80.0, http=250.0, http_lean=9.0, grpc=1234.0).finding()
    assert len(finding) == 1
    assert "client 2.5×" in finding[0]
    assert "by hand 0.09×" in finding[0]
    assert "grpcio 12×" in finding[0]


def test_what_a_way_adds_is_said_of_components_and_sidecars_only() -> None:
    found = made(provider=80.0, http=250.0)
    assert found.added(found.row("http", 16)) == 170.0
    assert found.added(found.row("client", 16)) is None
    assert found.added(found.row("hop", 16)) is None


def test_a_busy_machine_is_told() -> None:
    rows = [Row(row.way, 16, 100.0, 90.0, 300.0, 9) for row in made().rows]
    found = Measurement(tuple(rows), "a store", {16: 5}, {16: 9}, {}, {})
    assert "busy" in found.table()
    assert "busy" in found.chart_html()
    assert "busy" not in made().table()


def test_it_draws_itself_in_a_notebook_and_prints_itself_elsewhere(measured: Measurement) -> None:
    assert measured._repr_html_() == measured.chart_html()
    assert repr(measured) == measured.table()


def test_the_picture_stands_alone(measured: Measurement) -> None:
    picture = measured.chart_html()
    assert "<script" not in picture
    assert "currentColor" in picture
    assert not re.search(r"""(?:src|href)\s*=|url\(|@import""", picture)
