"""wasi:clocks, wasi:random and wasi:cli: from a guest, and the edges that a guest does not reach."""

from __future__ import annotations

import io
import json
import time
from datetime import timedelta, timezone
from types import SimpleNamespace

import pytest

from tests.guests import current_store, error_of, python_guest
from wasicloud_lab.errors import Err, GuestExit, GuestTimeout, GuestTrap
from wasicloud_lab.host.component import Component
from wasicloud_lab.host.engine import Limits
from wasicloud_lab.host.pool import Pool
from wasicloud_lab.host.values import Ok
from wasicloud_lab.wasi import cli, clocks, random
from wasicloud_lab.wasi.io import wait_for

# --- clocks ----------------------------------------------------------------------------------------


def test_a_guest_tells_the_time() -> None:
    with python_guest() as run:
        before = time.time_ns()
        told = int(run("python", "answer = time.time_ns()"))
        assert before <= told <= time.time_ns()
        assert run("python", "a = time.monotonic_ns(); b = time.monotonic_ns(); answer = a <= b") == "True"
        assert run("python", "answer = monotonic_clock.resolution() > 0") == "True"
        assert run("python", "r = wall_clock.resolution(); answer = r.seconds or r.nanoseconds > 0") == "True"


def test_a_guest_sleeps_no_less_than_it_asked_for() -> None:
    with python_guest() as run:
        source = """
start = monotonic_clock.now()
with monotonic_clock.subscribe_duration(3_000_000) as soon:
    soon.block()
answer = monotonic_clock.now() - start
with monotonic_clock.subscribe_instant(start) as past, monotonic_clock.subscribe_duration(2 ** 64 - 1) as never:
    answer = [answer >= 3_000_000, list(poll.poll([never, past])), never.ready()]
"""
        assert run("python", source) == "[True, [1], False]"


def test_a_wait_for_ever_ends_at_the_deadline() -> None:
    with python_guest(deadline=0.1) as run, pytest.raises(GuestTimeout):
        run("python", "monotonic_clock.subscribe_instant(2 ** 64 - 1).block()")


def test_an_instant_is_ready_once_now_has_reached_it() -> None:
    clock = clocks.MonotonicClock()
    with current_store():
        for delay in (0, 1, 1000, 1_000_000):
            when = clock.now() + delay
            assert wait_for([clock.subscribe_instant(when)]) == [0]
            assert clock.now() >= when


def test_moments_before_1970_have_no_datetime() -> None:
    assert clocks.datetime_of(-1) is None
    assert clocks.datetime_of(1_500_000_000) == (1, 500_000_000)


def test_the_time_zone_is_utc_unless_given() -> None:
    moment = SimpleNamespace(seconds=1_700_000_000, nanoseconds=0)
    assert clocks.Timezone().display(moment) == (0, "UTC", False)
    assert clocks.Timezone(timezone(timedelta(hours=-4), "EDT")).display(moment) == (-14400, "EDT", False)
    assert clocks.Timezone().utc_offset(SimpleNamespace(seconds=2**64 - 1, nanoseconds=0)) == 0


def test_a_guest_may_ask_for_the_time_zone() -> None:
    wat = """(component
      (import "wasi:clocks/timezone@0.2.8" (instance $zone
        (type $record (record (field "seconds" u64) (field "nanoseconds" u32)))
        (export "datetime" (type $datetime (eq $record)))
        (export "utc-offset" (func (param "when" $datetime) (result s32)))))
      (core func $offset (canon lower (func $zone "utc-offset")))
      (core module $m (import "" "offset" (func $offset (param i64 i32) (result i32)))
        (func (export "run") (result i32) (call $offset (i64.const 1700000000) (i32.const 0))))
      (core instance $i (instantiate $m (with "" (instance (export "offset" (func $offset))))))
      (func (export "run") (result s32) (canon lift (core func $i "run"))))"""
    pool = Pool(Component(wat.encode(), "zone"), [clocks.Timezone(timezone(timedelta(hours=2)))], {}, Limits())
    with pool.instance() as instance:
        assert instance.call(pool.export("run"), ()) == 7200


# --- random ----------------------------------------------------------------------------------------


def test_a_guest_gets_random_bytes() -> None:
    with python_guest() as run:
        assert len(run("python", "answer = os.urandom(1000).hex()")) == 2000
        assert run("python", "answer = secrets.token_hex(16)") != run("python", "answer = secrets.token_hex(16)")
        assert run("python", "answer = len(insecure.get_insecure_random_bytes(70000))") == "70000"
        source = "answer = 0 <= insecure.get_insecure_random_u64() < 2 ** 64, len(insecure_seed.insecure_seed())"
        assert run("python", source) == "(True, 2)"


def test_two_instances_differ() -> None:
    first, second = random.Random(), random.Random()
    assert first.insecure_seed() != second.insecure_seed()
    assert first.get_random_u64() != first.get_random_u64()
    assert first.get_random_bytes(0) == first.get_insecure_random_bytes(0) == b""


@pytest.mark.parametrize("length", [random.LENGTH_LIMIT + 1, 2**64 - 1])
def test_absurd_lengths_trap(length: int) -> None:
    for call in (random.Random().get_random_bytes, random.Random().get_insecure_random_bytes):
        with pytest.raises(GuestTrap, match="random bytes at once"):
            call(length)


# --- environment, exit -----------------------------------------------------------------------------


def test_a_guest_sees_the_environment_it_is_given_and_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_SECRET", "hush")
    with python_guest(env={"NAME": "Blobby", "ÜBER": "ß"}, args=["guest", "--fast"]) as run:
        seen = json.loads(run("arguments"))
        assert seen == {"arguments": ["guest", "--fast"], "environment": {"NAME": "Blobby", "ÜBER": "ß"}}
        assert run("python", "answer = sys.argv, os.environ['NAME']") == "(['guest', '--fast'], 'Blobby')"
    with python_guest() as run:
        assert json.loads(run("arguments")) == {"arguments": [], "environment": {}}


def test_the_folder_to_start_in() -> None:
    assert cli.Environment().initial_cwd() is None
    assert cli.Environment(cwd="/data").initial_cwd() == "/data"


def test_a_guest_that_exits_ends_its_call() -> None:
    with python_guest() as run, pytest.raises(GuestExit, match=r"the guest called exit\(1\)") as caught:
        run("python", "os._exit(1)")
    assert caught.value.code == 1
    with python_guest() as run, pytest.raises(GuestExit) as caught:
        run("python", "os._exit(0)")
    assert caught.value.code == 0


def test_exit_with_a_code_of_later_versions() -> None:
    wat = """(component
      (import "wasi:cli/exit@0.2.12" (instance $exit (export "exit-with-code" (func (param "status-code" u8)))))
      (core func $exit (canon lower (func $exit "exit-with-code")))
      (core module $m (import "" "exit" (func $exit (param i32))) (func (export "run") (call $exit (i32.const 42))))
      (core instance $i (instantiate $m (with "" (instance (export "exit" (func $exit))))))
      (func (export "run") (canon lift (core func $i "run"))))"""
    pool = Pool(Component(wat.encode(), "exit"), [cli.Exit()], {}, Limits())
    with pool.instance() as instance, pytest.raises(GuestExit, match=r"exit\(42\)") as caught:
        instance.call(pool.export("run"), ())
    assert caught.value.code == 42


def test_exit_reads_its_result() -> None:
    for status, code in ((Ok(), 0), (Err(), 1)):
        with pytest.raises(GuestExit) as caught:
            cli.Exit().exit(status)
        assert caught.value.code == code


# --- standard streams ------------------------------------------------------------------------------


def test_what_a_guest_prints_goes_where_it_should() -> None:
    out, err = io.BytesIO(), []
    with python_guest(stdout=out, stderr=err.append) as run:
        run("python", "print('to out'); print('to err', file=sys.stderr)")
    assert out.getvalue() == b"to out\n"
    assert b"".join(err) == b"to err\n"


def test_nothing_is_a_terminal_and_input_is_empty() -> None:
    with python_guest() as run:
        source = "answer = [stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr)] + [sys.stdin.read()]"
        assert run("python", source) == "[False, False, False, '']"


def test_an_error_tells_what_the_guest_wrote_last() -> None:
    with python_guest() as run, pytest.raises(GuestExit) as caught:
        run("python", "print('x' * 100_000 + ' the end', file=sys.stderr); os._exit(3)")
    assert caught.value.stderr.endswith(" the end\n")
    assert len(caught.value.stderr) <= cli.STDERR_LIMIT


def test_stderr_keeps_the_last_of_much() -> None:
    with current_store() as state:
        stream = cli.StandardStreams().get_stderr()
        for n in range(40):
            stream.write(bytes([n]) * 5000)
        assert len(state.stderr) == cli.STDERR_LIMIT
        assert state.stderr.endswith(b"\x27" * 5000)


def test_stdout_is_not_kept() -> None:
    with current_store() as state:
        cli.StandardStreams().get_stdout().blocking_write_and_flush(b"hello")
        assert state.stderr == b""


def test_stdin_is_read_to_its_end() -> None:
    with current_store():
        stream = cli.StandardStreams(stdin=b"abcdef").get_stdin()
        assert stream.read(0) == b""
        assert stream.blocking_read(4) == b"abcd"
        assert stream.read(2**64 - 1) == b"ef"
        assert error_of(stream.read, 1).tag == "closed"


def test_a_closed_file_is_a_failure_of_the_stream() -> None:
    file = io.BytesIO(b"x")
    file.close()
    streams = cli.StandardStreams(stdin=file, stdout=file)
    with current_store():
        assert error_of(streams.get_stdin().read, 1).tag == "last-operation-failed"
        assert error_of(streams.get_stdout().write, b"x").tag == "last-operation-failed"
        assert error_of(streams.get_stdout().flush).tag == "last-operation-failed"


def test_terminals_are_none() -> None:
    terminals = cli.Terminals()
    assert terminals.get_terminal_stdin() is terminals.get_terminal_stdout() is terminals.get_terminal_stderr() is None
