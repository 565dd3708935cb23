"""What a guest, or whoever calls it, must not be able to do to the process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import wasicloud_lab as wl
from tests.guests import current_store
from wasicloud_lab.wasi.http.bodies import HELD_AT_ONCE, OutgoingBody

ROOT = Path(__file__).resolve().parent.parent

#: Tells the host that it starts, and then, as `spin`, goes round for ever.
SPIN = b"""
(component
  (import "started" (func $started))
  (core func $tell (canon lower (func $started)))
  (core module $guest
    (import "h" "started" (func $started))
    (func (export "spin") (call $started) (loop $for-ever (br $for-ever)))
    (func (export "chatter") (loop $for-ever (call $started) (br $for-ever)))
    (func (export "tell") (call $started))
    (func (export "fine")))
  (core instance $g (instantiate $guest (with "h" (instance (export "started" (func $tell))))))
  (func (export "spin") (canon lift (core func $g "spin")))
  (func (export "chatter") (canon lift (core func $g "chatter")))
  (func (export "tell") (canon lift (core func $g "tell")))
  (func (export "fine") (canon lift (core func $g "fine"))))
"""


def spinner(lab: wl.Lab, started: Any, **options: Any) -> wl.App:
    """The component above, calling `started`."""
    lab.provide(started=started)
    return lab.load(SPIN, name="spinner", **options)


def test_an_exception_that_can_not_say_itself_reaches_the_caller(own_lab: wl.Lab) -> None:
    class Mute(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no words")

    def started() -> None:
        raise Mute

    app = spinner(own_lab, started)
    with pytest.raises(Mute):
        app.call("tell")
    app.call("fine")


@pytest.mark.skipif(sys.platform == "win32", reason="sends itself POSIX signals")
def test_interrupts_in_quick_succession_end_the_call_and_nothing_else() -> None:
    code = (
        "import os, signal, threading, time, sys\n"
        "sys.path.insert(0, 'tests')\n"
        "import wasicloud_lab as wl\n"
        "from tests.test_safety import SPIN\n"
        "lab = wl.Lab(); lab.provide(started=lambda: None); app = lab.load(SPIN, deadline=60)\n"
        "def twice():\n"
        "    for pause in (0.3, 0.003):\n"
        "        time.sleep(pause); os.kill(os.getpid(), signal.SIGINT)\n"
        "threading.Thread(target=twice).start()\n"
        "try:\n"
        "    app.call('chatter')\n"
        "except KeyboardInterrupt:\n"
        "    pass\n"
        "try:\n"
        "    time.sleep(0.5)\n"
        "except KeyboardInterrupt:\n"
        "    pass\n"
        "app.call('fine'); print('well')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, env=dict(os.environ))
    assert (done.returncode, done.stdout.strip()) == (0, "well"), done.stderr


@pytest.mark.skipif(not hasattr(signal, "SIGALRM"), reason="this system has no alarms")
def test_an_alarm_that_raises_ends_the_call_with_what_it_raised(own_lab: wl.Lab) -> None:
    class Alarm(Exception):
        pass

    def ring(number: int, frame: Any) -> None:
        raise Alarm

    app = spinner(own_lab, lambda: None, deadline=60)
    before = signal.signal(signal.SIGALRM, ring)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.2)
        with pytest.raises(Alarm):
            app.call("spin")
        assert signal.getsignal(signal.SIGALRM) is ring
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    app.call("fine")


def test_an_instance_takes_one_call_at_a_time_and_keeps_its_deadline(own_lab: wl.Lab) -> None:
    held: dict[str, Any] = {}

    def started() -> None:
        with pytest.raises(wl.LinkError, match="one at a time"):
            held["session"].call("fine")

    app = spinner(own_lab, started, deadline=0.5)
    with app.instance() as held["session"], pytest.raises(wl.GuestTimeout):
        held["session"].call("spin")


def test_an_instance_is_gone_after_its_block(own_lab: wl.Lab) -> None:
    app = spinner(own_lab, lambda: None)
    with app.instance() as session:
        session.call("fine")
    with pytest.raises(wl.LinkError, match="given back"):
        session.call("fine")


def test_guests_that_call_each_other_without_end_are_stopped(own_lab: wl.Lab) -> None:
    held: dict[str, wl.App] = {}
    app = held["app"] = spinner(own_lab, lambda: held["app"].call("tell"))
    with pytest.raises(wl.LinkError, match="inside each other"):
        app.call("tell")
    app.call("fine")


def test_the_deadline_of_the_caller_binds_the_guest_it_calls(own_lab: wl.Lab) -> None:
    inner = wl.Lab()
    slow = spinner(inner, lambda: None, deadline=600)
    app = spinner(own_lab, lambda: slow.call("spin"), deadline=0.3)
    with pytest.raises(wl.GuestTimeout):
        app.call("tell")
    inner.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_deadlines_hold_in_a_forked_child() -> None:
    code = (
        "import os, wasicloud_lab as wl\n"
        "from tests.test_safety import SPIN\n"
        "lab = wl.Lab(); lab.provide(started=lambda: None); app = lab.load(SPIN, deadline=0.5); app.call('fine')\n"
        "child = os.fork()\n"
        "if child:\n"
        "    raise SystemExit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))\n"
        "try:\n"
        "    app.call('spin')\n"
        "except wl.GuestTimeout:\n"
        "    os._exit(7)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 7, done.stderr


def test_an_argument_that_does_not_fit_takes_nothing_from_its_caller(own_lab: wl.Lab) -> None:
    app = own_lab.load("shapes")
    with app.instance() as i:
        counter = i.call("[constructor]counter", 5)
        with pytest.raises(TypeError):
            i.call("[static]counter.merge", counter, 7)
        assert i.call("[method]counter.value", counter) == 5


def test_forgotten_guest_resources_retire_their_instance(own_lab: wl.Lab) -> None:
    app = own_lab.load("shapes")
    for _ in range(10_002):
        app.call("[constructor]counter", 5)
    assert app.pool.made > 1
    assert app.call("add", 1, 2) == 3


@pytest.mark.parametrize("deadline", [0, -2, float("nan"), "5"])
def test_a_deadline_of_one_call_is_checked(own_lab: wl.Lab, deadline: Any) -> None:
    with pytest.raises(ValueError, match="a deadline is a number of seconds above 0"):
        spinner(own_lab, lambda: None).call("fine", deadline=deadline)


def test_memories_are_counted(own_lab: wl.Lab) -> None:
    memories = "".join(f"(core module $m{n} (memory 1)) (core instance (instantiate $m{n}))" for n in range(40))
    with pytest.raises(wl.GuestError, match="memory count"):
        own_lab.load(f"(component {memories})".encode())


def test_waiting_for_ever_ends_at_the_deadline(own_lab: wl.Lab) -> None:
    app = own_lab.load("echo", deadline=0.3)
    with pytest.raises(wl.GuestTimeout):
        app.get("/slow?chunks=1&ms=600000")


def test_bodies_that_are_never_sent_are_bounded_together() -> None:
    piece = bytes(1024 * 1024)
    with current_store():
        bodies = [OutgoingBody(None, "HTTP-response-body-size", HELD_AT_ONCE) for _ in range(8)]
        with pytest.raises(wl.GuestOutOfMemory, match="has not sent"):
            for _ in range(HELD_AT_ONCE // len(piece) + 1):
                for body in bodies:
                    body.take(piece)
