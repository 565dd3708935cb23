"""Traffic: what it sends and counts, what counts as failed, and that it ends with its app and its lab."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator

import pytest

import wasicloud_lab as wl
from wasicloud_lab.providers.keyvalue.memory import MemoryStore
from wasicloud_lab.tally import SLOT, Tally
from wasicloud_lab.traffic import Traffic


class Held(MemoryStore):
    """A store whose get hangs until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0
        self.let_go = threading.Event()

    def get(self, bucket: str, key: str) -> bytes | None:
        self.asked += 1
        assert self.let_go.wait(60)
        return super().get(bucket, key)


@pytest.fixture
def lab() -> Iterator[wl.Lab]:
    with wl.Lab() as lab:
        yield lab


@pytest.fixture
def until(patience: float) -> Callable[[Callable[[], bool]], None]:
    """Waits until something is so."""

    def wait(so: Callable[[], bool]) -> None:
        end = time.monotonic() + patience
        while not so():
            assert time.monotonic() < end, "it did not come about"
            time.sleep(0.01)

    return wait


Until = Callable[[Callable[[], bool]], None]


def clients(app: str) -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith(f"{app} traffic")]


def test_requests_flow_until_it_is_stopped(lab: wl.Lab, until: Until) -> None:
    lab.load("tiny")
    traffic = lab.traffic("tiny", "/", rate=500, clients=4)
    assert traffic.running
    assert lab.traffics == [traffic]
    until(lambda: traffic.answered >= 100)
    traffic.stop()
    assert not traffic.running
    assert clients("tiny") == []
    after = traffic.answered
    assert traffic.failed == 0
    assert sum(slot.count for slot in traffic.window()) == after
    time.sleep(2 * SLOT)
    assert traffic.answered == after
    assert repr(traffic).startswith(f"/: {after:,} answered, 0 failed, p50 ")


def test_a_rate_is_not_passed_also_after_a_pause_in_which_nothing_could_be_sent(lab: wl.Lab, until: Until) -> None:
    store = Held()
    lab.keyvalue.swap(store)
    traffic = lab.traffic(lab.load("gopher"), "/ricochet", rate=50, clients=2)
    until(lambda: store.asked >= 2)  # both clients hang: nothing more is sent
    time.sleep(0.6)
    assert traffic.answered == 0
    before = time.monotonic()
    store.let_go.set()
    until(lambda: traffic.answered >= 10)
    traffic.stop()
    # 2 that hung, 3 that may be made up for, one that is due at once, and 50 a second.
    assert traffic.answered <= 6 + 50 * (time.monotonic() - before)


def test_clients_start_only_when_they_are_needed(lab: wl.Lab, until: Until) -> None:
    traffic = lab.traffic(lab.load("tiny"), rate=5, clients=64)
    until(lambda: traffic.answered >= 3)
    assert 1 <= len(clients("tiny")) < 64
    traffic.stop()


def test_the_rate_can_be_changed_while_it_runs(lab: wl.Lab, until: Until) -> None:
    traffic = lab.traffic(lab.load("tiny"), rate=0.001, clients=2)
    until(lambda: traffic.answered == 1)
    traffic.rate = None
    until(lambda: traffic.answered > 20)
    with pytest.raises(ValueError, match="above 0"):
        traffic.rate = 0


def test_failures_are_counted_and_told_in_words_without_secrets(lab: wl.Lab, until: Until) -> None:
    class Down(Held):
        def get(self, bucket: str, key: str) -> bytes | None:
            raise wl.Unavailable("redis://me:sesame@far:1 does not answer")

    lab.keyvalue.swap(Down())
    traffic = lab.traffic(lab.load("gopher"), "/ricochet", rate=200)
    until(lambda: traffic.failed >= 5)
    traffic.stop()
    assert traffic.answered == 0
    assert sum(slot.errors for slot in traffic.window()) == traffic.failed
    assert traffic.errors[-1].startswith("503: ")
    assert "sesame" not in repr(traffic.errors)


def test_a_guest_that_traps_is_a_failure_like_any_other(lab: wl.Lab, until: Until) -> None:
    traffic = lab.traffic(lab.load("trouble"), "/panic", rate=100, clients=2)
    until(lambda: traffic.failed >= 3)
    assert traffic.running
    assert traffic.errors


@pytest.mark.parametrize(("expect", "fine"), [(None, True), (404, True), (200, False), (range(400, 500), True)])
def test_what_counts_as_answered_can_be_said(lab: wl.Lab, until: Until, expect: int | None, fine: bool) -> None:
    traffic = lab.traffic(lab.load("gopher"), "/nobody", expect=expect)
    until(lambda: traffic.answered + traffic.failed >= 3)
    traffic.stop()
    assert (traffic.failed == 0) is fine
    assert (traffic.answered == 0) is not fine


def test_a_body_is_sent_with_every_request(lab: wl.Lab, until: Until) -> None:
    traffic = lab.traffic(lab.load("blobby"), "/a.txt", method="put", content="same", rate=100)
    until(lambda: traffic.answered >= 5)
    assert traffic.failed == 0
    assert lab.apps["blobby"].get("/a.txt").text == "same"


def test_unloading_the_app_ends_it(lab: wl.Lab, until: Until) -> None:
    traffic = lab.traffic(lab.load("tiny"))
    until(lambda: traffic.answered > 0)
    lab.unload("tiny")
    assert not traffic.running
    assert clients("tiny") == []
    assert traffic.failed == 0


def test_an_app_that_is_closed_ends_it_with_the_reason(lab: wl.Lab, until: Until) -> None:
    app = lab.load("tiny")
    traffic = lab.traffic(app)
    until(lambda: traffic.answered > 0)
    app.close()
    until(lambda: not traffic.running)
    assert traffic.failed == 0
    assert "has been closed" in repr(traffic)


def test_closing_the_lab_ends_it(until: Until) -> None:
    with wl.Lab() as lab:
        traffic = lab.traffic(lab.load("tiny"), rate=None)
        until(lambda: traffic.answered > 0)
    assert not traffic.running
    assert clients("tiny") == []


def test_a_process_that_ends_while_traffic_runs_ends_well() -> None:
    code = "import wasicloud_lab as wl, time; lab = wl.Lab(); lab.traffic(lab.load('tiny'), rate=None); time.sleep(0.3)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_swap_under_traffic_fails_no_request(lab: wl.Lab, until: Until) -> None:
    traffic = lab.traffic(lab.load("gopher"), "/nobody", rate=300, expect=404)
    for n in range(5):
        until(lambda n=n: traffic.answered > 20 * n)  # type: ignore[misc]
        lab.keyvalue.swap("memory://", migrate=True)
    traffic.stop()
    assert traffic.failed == 0


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"rate": 0}, ValueError, "above 0"),
        ({"rate": float("nan")}, ValueError, "above 0"),
        ({"clients": 0}, ValueError, "from 1 to"),
        ({"clients": 2.5}, ValueError, "from 1 to"),
        ({"content": [b"a"]}, ValueError, "bytes or text"),
        ({"path": "x"}, wl.RequestError, "does not start with"),
        ({"method": "G T"}, wl.RequestError, "not an HTTP method"),
    ],
)
def test_what_can_not_be_is_refused_at_once(
    lab: wl.Lab, options: dict[str, object], error: type[Exception], words: str
) -> None:
    lab.load("tiny")
    with pytest.raises(error, match=words):
        lab.traffic("tiny", **options)  # type: ignore[arg-type]
    assert lab.traffics == []


def test_an_app_that_answers_no_requests_gets_none(lab: wl.Lab) -> None:
    with pytest.raises(wl.LinkError, match="exports no"):
        lab.traffic(lab.load("shapes"))


def test_the_line_masks_secrets_in_the_path(lab: wl.Lab) -> None:
    assert "sesame" not in repr(Traffic(lab.load("tiny"), "/?token=sesame"))


def test_slots_count_everything_once_and_know_their_percentiles() -> None:
    began = 1_000_000.0
    tally = Tally(began)
    for n in range(100):
        tally.add(began + 0.001, (n + 1) / 1000, n == 0)
    tally.add(began + 5 * SLOT + 0.001, 2.0, False)
    tally.add(began + 0.002, 3.0, False)  # comes late: into the slot that is open
    tally.end(began + 5 * SLOT + 0.01)
    slots = tally.window(0.0)
    assert [(slot.count, slot.errors) for slot in slots] == [(100, 1), (0, 0), (0, 0), (0, 0), (0, 0), (2, 0)]
    assert (slots[0].p50, slots[0].p99) == (0.05, 0.099)
    assert slots[1].p50 is slots[1].p99 is None
    assert tally.counts() == (101, 1)
    assert tally.percentile(0.5) == pytest.approx(0.051, rel=0.03)
    assert [slot.at for slot in tally.window(began + 5 * SLOT - 0.01)] == pytest.approx([began + 5 * SLOT])


def test_many_threads_lose_no_count() -> None:
    tally = Tally(time.time())

    def add() -> None:
        for _ in range(5000):
            tally.add(time.time(), 0.001, True)

    threads = [threading.Thread(target=add) for _ in range(8)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        tally.counts()
    assert tally.counts() == (0, 40_000)
    tally.end(time.time())
    assert sum(slot.count for slot in tally.window(0.0)) == 40_000
