"""wasi:config and wasi:logging: from a guest, and the edges that a guest does not reach."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping

import pytest

from tests.guests import error_of, python_guest, python_wasi
from wasicloud_lab.host.component import Component
from wasicloud_lab.host.engine import Limits
from wasicloud_lab.host.interface import InterfaceName, wit_names
from wasicloud_lab.host.pool import Pool
from wasicloud_lab.host.values import Variant
from wasicloud_lab.wasi import standard
from wasicloud_lab.wasi.config import Config
from wasicloud_lab.wasi.logging import LOGGER, MESSAGE_LIMIT, Logging, escaped


class Upstream(Mapping[str, str]):
    """Settings that live somewhere else, which fails."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def __getitem__(self, key: str) -> str:
        raise self.error

    def __iter__(self) -> Iterator[str]:
        raise self.error

    def __len__(self) -> int:
        return 1

    def __contains__(self, key: object) -> bool:
        return True


def test_a_guest_reads_its_settings() -> None:
    with python_guest(config={"animal": "dog", "größe": "ß"}) as run:
        assert (
            run("python", "answer = store.get('animal'), store.get('größe'), store.get('none')") == "('dog', 'ß', None)"
        )
        assert run("python", "answer = dict(store.get_all())") == "{'animal': 'dog', 'größe': 'ß'}"
    with python_guest() as run:
        assert run("python", "answer = store.get('animal'), store.get_all()") == "(None, [])"


@pytest.mark.parametrize(("error", "tag"), [(OSError("no route"), "io"), (RuntimeError("refused"), "upstream")])
def test_a_failing_source_is_the_guests_error(error: Exception, tag: str) -> None:
    for call in (lambda: Config(Upstream(error)).get("a"), Config(Upstream(error)).get_all):
        assert error_of(call) == Variant(tag, str(error))
    given = [provider for provider in standard() if not isinstance(provider, Config)]
    pool = Pool(python_wasi(), [*given, Config(Upstream(error))], {}, Limits())
    source = "try:\n  store.get('a')\nexcept Err as e: answer = type(e.value).__name__, e.value.value"
    with pool.instance() as instance:
        answer = instance.call(pool.export("run"), ("python", [source]))
    assert answer.lower() == f"('error_{tag}', '{error}')"


def test_a_setting_that_is_no_text_is_an_error_not_a_trap() -> None:
    assert error_of(Config({"port": 80}).get, "port").tag == "upstream"  # type: ignore[dict-item]
    assert error_of(Config({"port": 80}).get_all).tag == "upstream"  # type: ignore[dict-item]


def test_the_draft_that_was_called_runtime() -> None:
    wat = """(component
      (import "wasi:config/runtime@0.2.0-draft" (instance $config
        (type $variant (variant (case "upstream" string) (case "io" string)))
        (export "config-error" (type $error (eq $variant)))
        (export "get" (func (param "key" string) (result (result (option string) (error $error)))))
        (export "get-all" (func (result (result (list (tuple string string)) (error $error)))))))
      (core module $libc (memory (export "memory") 1) (data (i32.const 0) "animal")
        (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024)))
      (core instance $libc (instantiate $libc))
      (alias core export $libc "memory" (core memory $memory))
      (core func $get (canon lower (func $config "get") (memory $memory) (realloc (core func $libc "realloc"))))
      (core module $m (import "" "get" (func $get (param i32 i32 i32))) (import "" "memory" (memory 1))
        (func (export "run") (result i32) (call $get (i32.const 0) (i32.const 6) (i32.const 64)) (i32.const 68)))
      (core instance $i (instantiate $m
        (with "" (instance (export "get" (func $get)) (export "memory" (memory $memory))))))
      (func (export "run") (result (option string)) (canon lift (core func $i "run") (memory $memory))))"""
    pool = Pool(Component(wat.encode(), "draft"), [Config({"animal": "dog"})], {}, Limits())
    with pool.instance() as instance:
        assert instance.call(pool.export("run"), ()) == "dog"


@pytest.mark.parametrize(
    "name", ["wasi:config/store@0.2.0-rc.1", "wasi:config/store@0.2.0-draft", "wasi:config/runtime@0.2.0-draft"]
)
def test_one_class_serves_all_drafts_of_config(name: str) -> None:
    wanted = InterfaceName.parse(name)
    assert wanted is not None
    assert any(served.serves(wanted) for served in wit_names(Config()))


@pytest.mark.parametrize("name", ["wasi:logging/logging@0.1.0-draft", "wasi:logging/logging"])
def test_logging_with_and_without_a_version(name: str) -> None:
    wanted = InterfaceName.parse(name)
    assert wanted is not None
    assert any(served.serves(wanted) for served in wit_names(Logging()))


def test_a_guest_logs(caplog: pytest.LogCaptureFixture) -> None:
    log = Logging()
    pool = Pool(python_wasi(), [*standard(), log], {}, Limits())
    with caplog.at_level(1, logger=LOGGER), pool.instance() as instance:
        source = "for level in logging.Level: logging.log(level, 'cart', 'step ' + level.name)"
        instance.call(pool.export("run"), ("python", [source]))
    assert [record.level for record in log.records] == ["trace", "debug", "info", "warn", "error", "critical"]
    assert {record.context for record in log.records} == {"cart"}
    assert [record.levelno for record in caplog.records] == [5, 10, 20, 30, 40, 50]
    assert caplog.records[2].getMessage() == "cart: step INFO"


def test_a_guest_cannot_forge_lines(caplog: pytest.LogCaptureFixture) -> None:
    log = Logging()
    with caplog.at_level(logging.INFO, logger=LOGGER):
        log.log("info", "a\nb", "fine\r\n2026-01-01 CRITICAL forged\x1b[2K\u2028\u202e\x85\x9b")
    message = caplog.records[0].getMessage()
    assert message == r"a\nb: fine\r\n2026-01-01 CRITICAL forged\x1b[2K\u2028\u202e\x85\x9b"
    assert str(log.records[0]) == message


def test_ordinary_text_stays_as_it_is() -> None:
    text = "naïve 100% {braces} %s \\ 日本語 👩‍💻"
    assert escaped(text) == text


def test_percent_signs_of_a_guest_are_not_formats(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger=LOGGER):
        Logging().log("info", "", "%s %d %(name)s")
    assert caplog.records[0].getMessage() == "%s %d %(name)s"


def test_records_and_messages_are_bounded() -> None:
    log = Logging(capacity=3)
    for n in range(10):
        log.log("debug", "c" * 1000, f"{n}" * (2 * MESSAGE_LIMIT))
    assert [record.message[0] for record in log.records] == ["7", "8", "9"]
    assert all(len(record.message) == MESSAGE_LIMIT + 1 and len(record.context) == 257 for record in log.records)
