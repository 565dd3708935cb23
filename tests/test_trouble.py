"""Guests that go wrong: one clear error of the right class each, and the next request works."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import wasicloud_lab as wl

MIB = 1024 * 1024

#: A guest that tells its host that it runs, and then never ends.
SPINNER = b"""
(component
  (import "started" (func $started))
  (core func $tell (canon lower (func $started)))
  (core module $guest
    (import "h" "started" (func $started))
    (func (export "spin") (call $started) (loop $for-ever (br $for-ever)))
    (func (export "fine")))
  (core instance $g (instantiate $guest (with "h" (instance (export "started" (func $tell))))))
  (func (export "spin") (canon lift (core func $g "spin")))
  (func (export "fine") (canon lift (core func $g "fine"))))
"""


def fails(app: wl.App, path: str, kind: type[wl.GuestError]) -> wl.GuestError:
    """The error for one request; then the app answers the next."""
    with pytest.raises(kind) as caught:
        app.get(path)
    assert type(caught.value) is kind
    assert app.get("/").status_code == 200
    return caught.value


# --- one error each ----------------------------------------------------------------------------------


def test_unreachable_is_a_trap_with_a_backtrace(trouble: wl.App) -> None:
    error = fails(trouble, "/trap", wl.GuestTrap)
    assert error.message == "trouble trapped: wasm `unreachable` instruction executed"
    assert [frame for frame in error.frames if "trap" in frame.function]
    assert "guest backtrace (innermost first):\n  0: " in str(error)


def test_a_panic_carries_what_the_guest_wrote_to_stderr(trouble: wl.App) -> None:
    error = fails(trouble, "/panic", wl.GuestTrap)
    assert "this is the message of the panic" in error.stderr
    assert "this is the message of the panic" in str(error)


def test_stderr_is_that_of_the_failed_call_alone(trouble: wl.App) -> None:
    fails(trouble, "/panic", wl.GuestTrap)
    assert fails(trouble, "/trap", wl.GuestTrap).stderr == ""


def test_a_full_stack_is_a_trap(trouble: wl.App) -> None:
    error = fails(trouble, "/stack", wl.GuestTrap)
    assert "call stack exhausted" in error.message
    assert len({frame.function for frame in error.frames}) == 1
    assert len(str(error).splitlines()) < len(error.frames)  # the same again and again is said once


def test_a_frame_without_a_known_place_shows_none(trouble: wl.App) -> None:
    """wasmtime does not say where in its function a full stack was met."""
    assert "@ 0xffff" not in str(fails(trouble, "/stack", wl.GuestTrap))


def test_an_endless_loop_ends_at_the_deadline(lab: wl.Lab) -> None:
    app = lab.load("trouble", name="hurried", deadline=0.3)
    error = fails(app, "/loop", wl.GuestTimeout)
    assert "hurried ran past its deadline of 0.3 s" in error.message


def test_a_wait_ends_at_the_deadline(lab: wl.Lab) -> None:
    app = lab.load("trouble", name="hurried", deadline=0.3)
    assert "deadline of 0.3 s" in fails(app, "/sleep?ms=600000", wl.GuestTimeout).message


def test_the_deadline_of_one_call_is_the_one_that_is_told(trouble: wl.App) -> None:
    with pytest.raises(wl.GuestTimeout, match=r"deadline of 0\.1 s"):
        trouble.get("/loop", deadline=0.1)


def test_one_call_may_have_a_deadline_where_the_app_has_none(own_lab: wl.Lab) -> None:
    app = own_lab.load("trouble", deadline=None)
    with pytest.raises(wl.GuestTimeout, match=r"deadline of 0\.1 s"):
        app.get("/loop", deadline=0.1)


def test_a_wait_within_the_deadline_is_fine(trouble: wl.App) -> None:
    assert trouble.get("/sleep?ms=20").text == "slept 20 ms\n"


@pytest.mark.parametrize("memory", [8 * MIB, 64 * MIB])
def test_memory_past_the_cap_is_out_of_memory(lab: wl.Lab, memory: int) -> None:
    app = lab.load("trouble", name="hoarder", memory=memory, deadline=60)
    error = fails(app, "/memory", wl.GuestOutOfMemory)
    assert f"more memory than its cap of {memory // MIB} MiB" in error.message


def test_a_trap_near_the_cap_is_still_a_trap(lab: wl.Lab) -> None:
    app = lab.load("trouble", name="snug", memory=4 * MIB)
    fails(app, "/trap", wl.GuestTrap)


def test_a_guest_that_starts_above_the_cap_is_out_of_memory(own_lab: wl.Lab) -> None:
    with pytest.raises(wl.GuestOutOfMemory, match="cap of 1 MiB"):
        own_lab.load("echo", memory=MIB)


def test_no_response_says_that_none_was_set(trouble: wl.App) -> None:
    error = fails(trouble, "/silent", wl.GuestNoResponse)
    assert "trouble returned from GET /silent without setting a response" in error.message


def test_an_error_instead_of_a_response_is_told(trouble: wl.App) -> None:
    error = fails(trouble, "/error", wl.GuestNoResponse)
    assert "with an error instead of a response: internal-error: the guest says no" in error.message


def test_fewer_bytes_than_promised_are_no_response(trouble: wl.App) -> None:
    error = fails(trouble, "/short", wl.GuestNoResponse)
    assert "did not give the whole body" in error.message
    assert "HTTP-response-body-size: 5" in error.message
    assert "HttpResponseBodySize(Some(5))" in error.stderr


def test_more_bytes_than_promised_are_no_response(trouble: wl.App) -> None:
    error = fails(trouble, "/long", wl.GuestNoResponse)
    assert "HTTP-response-body-size: 10" in error.message
    assert "write: Err(" in error.stderr


def test_a_body_dropped_before_its_end_is_no_response(trouble: wl.App) -> None:
    assert "was dropped before outgoing-body.finish" in fails(trouble, "/unfinished", wl.GuestNoResponse).message


def test_a_trap_in_the_middle_of_the_body_is_a_trap(trouble: wl.App) -> None:
    fails(trouble, "/late-trap", wl.GuestTrap)


def test_a_missing_import_traps_with_its_name_when_it_is_called(trouble: wl.App) -> None:
    assert trouble.get("/").status_code == 200
    error = fails(trouble, "/missing", wl.GuestTrap)
    assert "called lab:missing/nowhere@0.1.0#lost, which nothing provides" in error.message
    assert "@wl.interface('lab:missing/nowhere@0.1.0')" in error.message
    assert error.frames


#: A guest that ends by wasi:cli/exit, or by the form with a code.
EXITER = b"""
(component
  (import "wasi:cli/exit@0.2.0" (instance $exit (export "exit" (func (param "status" (result))))))
  (core func $exit (canon lower (func $exit "exit")))
  (core module $guest
    (import "h" "exit" (func $exit (param i32)))
    (func (export "leave") (param i32) (call $exit (local.get 0))))
  (core instance $g (instantiate $guest (with "h" (instance (export "exit" (func $exit))))))
  (func (export "leave") (param "status" (result)) (canon lift (core func $g "leave"))))
"""


@pytest.mark.parametrize(("status", "code"), [(wl.Ok(), 0), (wl.Err(), 1)], ids=["ok", "err"])
def test_exit_is_an_exit_with_its_code(own_lab: wl.Lab, status: object, code: int) -> None:
    app = own_lab.load(EXITER, name="exiter")
    with pytest.raises(wl.GuestExit) as caught:
        app.call("leave", status)
    assert caught.value.code == code
    assert isinstance(caught.value, wl.GuestTrap)


# --- giving up ---------------------------------------------------------------------------------------


def test_ctrl_c_ends_an_endless_loop_on_the_main_thread(own_lab: wl.Lab, patience: float) -> None:
    assert threading.current_thread() is threading.main_thread()
    started = threading.Event()
    own_lab.provide(started=started.set)
    app = own_lab.load(SPINNER, name="spinner", deadline=None)

    def interrupt() -> None:
        if started.wait(patience):
            signal.raise_signal(signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        app.call("spin")
    thread.join()
    assert app.call("fine") is None


def test_ctrl_c_is_python_s_own_while_no_guest_runs(trouble: wl.App) -> None:
    trouble.get("/")
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)


INTERRUPTED = """
import sys
import wasicloud_lab as wl
lab = wl.Lab()
lab.provide(started=lambda: print("running", flush=True))
app = lab.load(sys.argv[1], name="spinner", deadline=None)
try:
    app.call("spin")
except KeyboardInterrupt:
    print("interrupted", flush=True)
app.call("fine")
print("fine", flush=True)
"""


def test_sigint_from_outside_ends_the_guest_and_not_the_process(tmp_path: Path, patience: float) -> None:
    guest = tmp_path / "spinner.wat"
    guest.write_bytes(SPINNER)
    root = Path(__file__).resolve().parent.parent
    process = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED, str(guest)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(root)},
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "running\n"
        process.send_signal(signal.SIGINT)
        rest, _ = process.communicate(timeout=patience)
    finally:
        process.kill()
    assert (rest, process.returncode) == ("interrupted\nfine\n", 0)


def test_an_instance_is_cancelled_from_another_thread(own_lab: wl.Lab, patience: float) -> None:
    started = threading.Event()
    own_lab.provide(started=started.set)
    app = own_lab.load(SPINNER, name="spinner", deadline=None)
    with app.pool.instance() as instance, ThreadPoolExecutor(1) as threads:
        spinning = threads.submit(instance.call, app.pool.export("spin"), ())
        assert started.wait(patience)
        instance.cancel()
        with pytest.raises(wl.GuestCancelled, match="given up by its caller"):
            spinning.result(patience)
    assert app.call("fine") is None


# --- instances ---------------------------------------------------------------------------------------


def test_an_instance_is_used_again(own_lab: wl.Lab) -> None:
    app = own_lab.load("trouble")
    assert [app.get("/count").text for _ in range(3)] == ["count 1\n", "count 2\n", "count 3\n"]


def test_with_isolation_by_request_each_has_its_own_instance(own_lab: wl.Lab) -> None:
    app = own_lab.load("trouble", isolation="request")
    assert [app.get("/count").text for _ in range(5)] == ["count 1\n"] * 5


@pytest.mark.parametrize("path", ["/trap", "/panic", "/stack", "/missing", "/late-trap", "/silent", "/unfinished"])
def test_an_instance_that_went_wrong_is_not_used_again(own_lab: wl.Lab, path: str) -> None:
    app = own_lab.load("trouble")
    assert app.get("/count").text == "count 1\n"
    with pytest.raises(wl.GuestError):
        app.get(path)
    assert app.get("/count").text == "count 1\n"


def test_a_broken_instance_refuses_further_calls(shapes: wl.App) -> None:
    with shapes.instance() as i:
        with pytest.raises(wl.GuestTrap):
            i.call("divide", 1, 0)
        with pytest.raises(wl.LinkError, match="closed; take another"):
            i.call("add", 1, 1)


@pytest.mark.parametrize("isolation", ["reuse", "request"])
@pytest.mark.parametrize("name", ["echo", "hello"])
def test_many_threads_get_their_own_answers(own_lab: wl.Lab, name: str, isolation: str) -> None:
    app = own_lab.load(name, isolation=isolation, deadline=60)

    def ask(thread: int) -> list[str]:
        wrong = []
        for n in range(50):
            word = f"{thread}-{n}"
            if name == "hello":
                right = app.get(f"/{word}").text == f"Hello, {word}, from a Go component!\n"
            else:
                right = app.post("/", content=word * 50).text == word * 50
            if not right:
                wrong.append(word)
        return wrong

    with ThreadPoolExecutor(16) as threads:
        assert list(threads.map(ask, range(16))) == [[]] * 16


@pytest.mark.filterwarnings("error::pytest.PytestUnraisableExceptionWarning")
def test_failures_in_some_threads_leave_the_others_alone(own_lab: wl.Lab) -> None:
    app = own_lab.load("trouble", deadline=60)

    def ask(n: int) -> bool:
        if n % 2:
            return app.get("/status?code=201").text == "status 201\n"
        with pytest.raises(wl.GuestTrap):
            app.get("/panic")
        return True

    with ThreadPoolExecutor(16) as threads:
        assert all(threads.map(ask, range(200)))


def test_a_host_interface_may_call_another_app(own_lab: wl.Lab) -> None:
    greeter = own_lab.load("hello")

    @wl.interface("lab:missing/nowhere@0.1.0")
    class Nowhere:
        def lost(self, s: str) -> int:
            return len(greeter.get(f"/{s}").text)

    own_lab.provide(Nowhere())
    app = own_lab.load("trouble")
    assert app.get("/missing").text == f"{len(greeter.get('/anybody?').text)}\n"


def test_a_host_interface_may_call_its_own_app(own_lab: wl.Lab) -> None:
    """Nested to a depth of five, each in an instance of its own."""
    depth = 0

    @wl.interface("lab:missing/nowhere@0.1.0")
    class Nowhere:
        def lost(self, s: str) -> int:
            nonlocal depth
            depth += 1
            return depth if depth == 5 else int(app.get("/missing").text)

    own_lab.provide(Nowhere())
    app = own_lab.load("trouble")
    assert app.get("/missing").text == "5\n"


def test_a_trap_in_a_nested_call_is_the_inner_app_s(own_lab: wl.Lab) -> None:
    inner = own_lab.load("trouble", name="inner")

    @wl.interface("lab:missing/nowhere@0.1.0")
    class Nowhere:
        def lost(self, s: str) -> int:
            return inner.get("/trap").status_code

    outer = own_lab.load("trouble", name="outer", providers=[Nowhere()])
    with pytest.raises(wl.GuestTrap, match="inner trapped"):
        outer.get("/missing")
    assert inner.get("/").status_code == outer.get("/").status_code == 200
