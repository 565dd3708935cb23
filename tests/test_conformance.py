"""The suite itself: what is right passes, each thing that is wrong is found by the checks that are for it."""

from __future__ import annotations

import argparse
import json
import os
import signal
import threading
import time
import unicodedata
from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any

import pytest

from tests import faulty_blobstore, faulty_blobstore_bytes, faulty_keyvalue  # noqa: F401, they note their faults
from tests.faulty_providers import FAULTS
from tests.right_providers import Keys, Objects, Shelf
from wasicloud_lab import check_provider
from wasicloud_lab.errors import Denied, ProviderError, Unavailable
from wasicloud_lab.providers import conformance, registry
from wasicloud_lab.providers.blobstore.base import put
from wasicloud_lab.providers.conformance import Outcome, Report, awkward, names
from wasicloud_lab.providers.keyvalue.base import KeyValueProvider
from wasicloud_lab.providers.page import Page
from wasicloud_lab.services import free_port

RIGHT = {"keyvalue": Keys, "blobstore": Objects}

#: Checks that move MiBs: run on providers whose fault is in the bytes, and left out where it is in the names.
HEAVY = {"overwrite-while-reading", "writes-of-any-size", "large-stream", "too-large", "sizes", "ranges"}


def failed(report: Report) -> set[str]:
    return {outcome.name for outcome in report.failed}


# --- what it finds -----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", RIGHT)
@pytest.mark.parametrize("quick", [False, True])
def test_a_right_provider_passes_everything(kind: str, quick: bool) -> None:
    shelf = Shelf()
    report = conformance.check(lambda: RIGHT[kind](shelf), kind, quick=quick, persists=True)
    assert report.ok, f"\n{report}"
    left_out = [outcome.name for outcome in report.outcomes if outcome.state != "ok"]
    assert left_out == ([] if quick or kind == "keyvalue" else ["large-stream"])  # 64 MiB are over the shelf's limit


@pytest.mark.parametrize("faulty", FAULTS, ids=lambda faulty: faulty.__name__)
def test_a_fault_is_found_by_the_checks_that_are_for_it_and_no_others(faulty: type[Keys] | type[Objects]) -> None:
    shelf, wanted = Shelf(), FAULTS[faulty]
    kind = "keyvalue" if issubclass(faulty, Keys) else "blobstore"
    heavy = set() if wanted & HEAVY else HEAVY
    only = [name for name in names(kind) if name not in heavy]
    report = conformance.check(lambda: faulty(shelf), kind, quick=True, persists=True, only=only)
    assert failed(report) == wanted, f"\n{report}"
    assert all(outcome.expected and outcome.came for outcome in report.failed)


@pytest.mark.parametrize("kind", RIGHT)
def test_there_is_a_fault_for_each_check(kind: str) -> None:
    found = {name for faulty, found in FAULTS.items() if issubclass(faulty, RIGHT[kind]) for name in found}
    assert found == set(names(kind))


@pytest.mark.parametrize("kind", RIGHT)
def test_each_check_has_a_promise_in_one_line(kind: str) -> None:
    report = conformance.check(RIGHT[kind](), quick=True)
    for outcome in report.outcomes:
        assert outcome.promise.endswith(".")
        assert "\n" not in outcome.promise
    assert len(set(names(kind))) == len(names(kind)) == len(report.outcomes)


@pytest.mark.parametrize("wanted", [awkward.names, awkward.containers])
def test_awkward_names_are_all_different_and_lead_to_no_file_that_is_there(wanted: Callable[[str], list[str]]) -> None:
    found = wanted("0a1b2c3d")
    assert len(found) == len(set(found))
    assert sum(len(name.encode()) == 1024 for name in found) == 4
    assert len({unicodedata.normalize("NFC", name) for name in found}) < len(found)
    assert len({name.casefold() for name in found}) < len(found)
    paths = [name for name in found if name.strip("/.\\") and name.startswith(("/", "../", "C:"))]
    assert len(paths) >= 3
    assert all("0a1b2c3d" in name for name in paths)
    assert set(awkward.fewer(found)) < set(found)


# --- what it leaves alone ----------------------------------------------------------------------------


def test_other_keys_on_the_store_are_as_they_were() -> None:
    shelf = Shelf()
    theirs = Keys(shelf)
    for bucket in ("", "..", "user:ricochet", "é", "*", "check-00000000-1"):
        for key in ("", "animal", "key", "counter"):
            theirs.set(bucket, key, f"{bucket} {key}".encode())
    before = {bucket: dict(keys) for bucket, keys in shelf.items()}
    assert conformance.check(lambda: Keys(shelf), "keyvalue", quick=True).ok
    assert shelf == before


def test_other_containers_on_the_store_are_as_they_were() -> None:
    shelf = Shelf()
    theirs = Objects(shelf)
    for container in ("", "..", "🦀", "photos", "check-00000000-1"):
        theirs.create_container(container)
        put(theirs, container, "object", container.encode())
    before = {container: dict(inside) for container, inside in theirs.content.items()}
    times = dict(theirs.times)
    assert conformance.check(lambda: Objects(shelf), "blobstore", quick=True).ok
    assert theirs.content == before
    assert theirs.times == times


def test_a_provider_that_takes_a_folder_for_a_container_does_not_lose_it() -> None:
    class Careless(Objects):
        """Its containers are folders, `..` among them, and making one that is there is no error."""

        def __init__(self, shelf: Shelf | None = None) -> None:
            super().__init__(shelf)
            self.deleted: list[str] = []
            self.content[".."] = {"precious": (b"1", 0.0)}
            self.times[".."] = 0.0

        def create_container(self, name: str) -> Any:
            return self.container_info(name) if name in self.content else super().create_container(name)

        def delete_container(self, name: str) -> None:
            self.deleted.append(name)
            super().delete_container(name)

        def containers(self, cursor: str | None = None, limit: int = 1000) -> Page[str]:
            page = super().containers(cursor, limit)
            return Page([name for name in page.items if name != ".."], page.cursor)

    store = Careless()
    report = conformance.check(store, quick=True)
    assert "container-names" in failed(report)
    assert ".." not in store.deleted
    assert store.content[".."] == {"precious": (b"1", 0.0)}


def test_what_a_failing_check_made_is_removed_as_well() -> None:
    shelf = Shelf()

    class Wrong(Keys):
        def get_many(self, bucket: str, keys: Any) -> list[bytes | None]:
            raise ProviderError("no such command")

    report = conformance.check(lambda: Wrong(shelf), "keyvalue", quick=True)
    assert {"batches", "large-batches", "key-names"} <= failed(report)
    assert shelf == {}


def test_what_can_not_be_removed_is_said() -> None:
    class Keeps(Keys):
        def delete_many(self, bucket: str, keys: Any) -> None:
            raise ProviderError("deleting is off here")

    report = conformance.check(Keeps(), quick=True, only=["empty-values"])
    assert report.ok
    assert "could not all be removed" in report["empty-values"].note
    assert "deleting is off here" in str(report)


def test_a_provider_handed_in_is_not_closed() -> None:
    store = Keys()
    report = conformance.check(store, quick=True)
    assert report.ok
    assert not store.closed
    assert report["close"].state == "not applicable"
    assert "a class, a function" in report["close"].note


def test_what_the_suite_opened_it_closes() -> None:
    opened: list[Keys] = []

    class Counted(Keys):
        def __init__(self) -> None:
            super().__init__()
            opened.append(self)

    assert conformance.check(Counted, quick=True, only=["answers", "close"])["close"].state == "ok"
    assert len(opened) == 2
    assert all(store.closed for store in opened)


def test_what_was_made_is_removed_when_the_suite_is_interrupted() -> None:
    shelf, go = Shelf(), threading.Event()

    class Interrupted(Keys):
        def get(self, bucket: str, key: str) -> bytes | None:
            os.kill(os.getpid(), signal.SIGINT)
            go.wait()
            return None

    try:
        with pytest.raises(KeyboardInterrupt):
            conformance.check(lambda: Interrupted(shelf), "keyvalue", quick=True, only=["empty-values"])
    finally:
        go.set()
    assert shelf == {}


# --- providers that do not answer --------------------------------------------------------------------


def test_a_check_that_hangs_is_ended_and_the_others_go_on() -> None:
    go = threading.Event()

    class Hangs(Keys):
        def get_many(self, bucket: str, keys: Any) -> list[bytes | None]:
            if len(keys) > 1000:
                go.wait()
            return super().get_many(bucket, keys)

    try:
        report = conformance.check(Hangs(), quick=True, limit=0.5, only=["large-batches", "deleting-nothing"])
    finally:
        go.set()
    assert failed(report) == {"large-batches"}
    assert report["large-batches"].expected == "an end within 0.5 s"
    assert "get_many()" in report["large-batches"].came
    assert report["deleting-nothing"].state == "ok"


def test_a_provider_that_hangs_again_and_again_is_let_be() -> None:
    go = threading.Event()

    class Dead(Keys):
        def set(self, bucket: str, key: str, value: bytes) -> None:
            go.wait()

    try:
        report = conformance.check(Dead(), quick=True, limit=0.2)
    finally:
        go.set()
    assert len(failed(report)) == 3
    left_out = [outcome for outcome in report.outcomes if "3 checks before it hung" in outcome.note]
    assert len(left_out) > 15
    assert not report.ok


@pytest.mark.parametrize("error", [Unavailable, Denied])
def test_a_store_that_does_not_let_us_in_is_asked_once(error: type[ProviderError]) -> None:
    class Down(Keys):
        def ping(self) -> None:
            raise error("Redis at localhost:6379 does not answer")

        def set(self, bucket: str, key: str, value: bytes) -> None:
            raise AssertionError("asked again")

    report = conformance.check(Down())
    assert failed(report) == {"answers"}
    assert "does not answer" in report["answers"].came
    assert {outcome.state for outcome in report.outcomes[1:]} == {"not applicable"}


def test_a_store_that_goes_away_refuses_nothing() -> None:
    class GoesAway(Keys):
        def increment(self, bucket: str, key: str, delta: int = 1) -> int:
            raise Unavailable("the connection was reset")

    report = conformance.check(GoesAway(), quick=True)
    assert {"no-counters", "counter-overflow"} <= failed(report)  # a ProviderError is wanted, and not this one


def test_any_exception_is_a_failure_of_that_check() -> None:
    class Breaks(Keys):
        def increment(self, bucket: str, key: str, delta: int = 1) -> int:
            raise KeyError("\x1b[31mno\nsuch\0key")

    report = conformance.check(Breaks(), quick=True, only=["counters", "swaps"])
    assert failed(report) == {"counters"}
    assert report["counters"].came.startswith("KeyError: ")
    assert report["counters"].came.isprintable()
    assert "store.increment(bucket" in report["counters"].expected


# --- what may be given -------------------------------------------------------------------------------


def test_a_url_that_may_be_either_is_tried_as_both() -> None:
    report = conformance.check("memory://", quick=True)
    assert report.ok
    assert list(report.stores) == ["keyvalue", "blobstore"]
    assert list(conformance.check("memory://", only=["copy"]).stores) == ["blobstore"]


def test_a_class_in_a_cell_with_four_methods_passes() -> None:
    class Four(KeyValueProvider):
        def __init__(self) -> None:
            self.own = Keys()

        def get(self, bucket: str, key: str) -> bytes | None:
            return self.own.get(bucket, key)

        def set(self, bucket: str, key: str, value: bytes) -> None:
            self.own.set(bucket, key, value)

        def delete(self, bucket: str, key: str) -> None:
            self.own.delete(bucket, key)

        def keys(self, bucket: str, cursor: str | None = None, limit: int = 1000) -> Page[str]:
            return self.own.keys(bucket, cursor, limit)

    report = conformance.check(Four(), quick=True)
    assert report.ok, f"\n{report}"
    assert report["buckets-listed"].state == "not applicable"


@pytest.mark.parametrize(
    ("target", "options", "said"),
    [
        ("etcd://localhost", {}, "no provider for etcd://"),
        ("localhost:6379", {}, "is not a provider's URL"),
        ("memory://?x=1", {}, "'x'"),
        ("memory://", {"kind": "table"}, "'table' is no kind"),
        ("memory://", {"only": ["copies"]}, "there is no check 'copies'"),
        ("memory://", {"kind": "keyvalue", "only": ["copy"]}, "there is no check 'copy'"),
        (lambda: Keys(), {}, "kind='keyvalue'"),
        (object(), {}, "kind='keyvalue'"),
    ],
)
def test_what_can_not_be_tried_is_refused(target: Any, options: dict[str, Any], said: str) -> None:
    with pytest.raises(ProviderError, match=said.replace("?", r"\?")):
        conformance.check(target, **options)


# --- the report --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def report() -> Report:
    class Hostile(Keys):
        def summary(self) -> str:
            return "<script>alert(1)</script> & co"

        def exists(self, bucket: str, key: str) -> bool:
            raise ProviderError("<img src=x onerror=alert(1)> redis://user:hunter2@host/0 password=hunter2")

    return conformance.check(Hostile(), quick=True, only=["empty-values", "set-get-delete", "close", "swaps"])


def test_a_report_draws_itself_as_text(report: Report) -> None:
    text = str(report)
    assert "1 of 3 checks passed" in text.splitlines()[0]
    assert "✓ swaps" in text
    assert "✗ empty-values" in text
    assert "expected: no error from " in text
    assert "came:     ProviderError: " in text
    assert "– close" in text
    assert repr(report).startswith("<<script>")
    assert "\n" not in repr(report)


def test_a_report_draws_itself_as_html_that_holds_no_markup_of_others(report: Report) -> None:
    tags: list[str] = []

    class Tags(HTMLParser):
        def handle_starttag(self, tag: str, attrs: Any) -> None:
            tags.append(tag)

    drawn = getattr(report, "_repr_html_")()  # noqa: B009 (what a notebook calls)
    Tags().feed(drawn)
    assert set(tags) == {"div", "style", "table", "caption", "tbody", "tr", "td", "code", "br", "i"}
    assert "&lt;script&gt;" in drawn


def test_a_report_is_json(report: Report) -> None:
    read = json.loads(report.to_json())
    assert read == report.to_dict()
    assert read["ok"] is False
    assert [check["state"] for check in read["checks"]] == ["failed", "failed", "not applicable", "ok"]
    assert set(read["checks"][0]) == set(Outcome.__dataclass_fields__)


def test_no_secret_reaches_a_report(report: Report, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "hunter2" not in report.to_json()

    class Talks(Keys):
        def summary(self) -> str:
            return "Redis, password swordfish"

        def increment(self, bucket: str, key: str, delta: int = 1) -> int:
            raise ProviderError("AUTH swordfish failed, as did the token opensesame")

    monkeypatch.setattr(registry, "open_keyvalue", lambda url: Talks())
    told = conformance.check("redis://someone:swordfish@localhost?token=opensesame", quick=True)
    assert {"summary", "counters"} <= failed(told)
    for drawn in (told.to_json(), str(told), repr(told)):
        assert "swordfish" not in drawn
        assert "opensesame" not in drawn


def test_a_long_value_is_shortened(report: Report) -> None:
    class Cuts(Keys):
        def stored(self, value: bytes) -> bytes:
            return bytes(value[:1000])

    outcome = conformance.check(Cuts(), quick=True, only=["sizes"])["sizes"]
    assert "(65,535 bytes)" in outcome.expected
    assert "(1,000 bytes)" in outcome.came
    assert len(outcome.expected) < 500


# --- the command -------------------------------------------------------------------------------------


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    def run(*words: str) -> tuple[int, str, str]:
        parser = argparse.ArgumentParser()
        check_provider.add_arguments(parser)
        status = check_provider.run(parser.parse_args(words))
        return status, *capsys.readouterr()

    return run


def test_the_command_says_what_holds_and_ends_in_0(command: Callable[..., tuple[int, str, str]]) -> None:
    status, out, err = command("memory://", "--kind", "keyvalue", "--only", "swaps", "--only", "counters")
    assert (status, err) == (0, "")
    assert "✓ counters" in out
    assert out.splitlines()[-1].startswith("memory (keyvalue): 2 of 2 checks passed")


def test_the_command_prints_json(command: Callable[..., tuple[int, str, str]]) -> None:
    status, out, _ = command("memory://", "--only", "own-writes", "--json", "--quick")
    assert status == 0
    assert [check["kind"] for check in json.loads(out)["checks"]] == ["keyvalue", "blobstore"]


def test_the_command_ends_in_1_when_a_check_failed(
    command: Callable[..., tuple[int, str, str]],
) -> None:
    start = time.monotonic()
    status, out, _ = command(f"redis://localhost:{free_port()}?timeout=2")
    assert status == 1
    assert "✗ answers" in out
    assert "left out" in out
    assert time.monotonic() - start < 60


@pytest.mark.parametrize(
    "words",
    [["memory"], ["etcd://x"], ["memory://?x=1"], ["memory://", "--only", "nothing"], ["redis://h?layout=tree"]],
)
def test_the_command_ends_in_2_when_the_words_are_wrong(
    command: Callable[..., tuple[int, str, str]], words: list[str]
) -> None:
    status, out, err = command(*words)
    assert (status, out) == (2, "")
    assert err.startswith("wasicloud-lab: ")
    assert len(err.splitlines()) == 1
