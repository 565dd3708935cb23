"""The way through wasmtime's public API alone, taken when the layout of its values changes."""

import os
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from wasicloud_lab.host import boundary, capi

ROOT = Path(__file__).resolve().parent.parent
PORTABLE = {**os.environ, "WASICLOUD_LAB_CODEC": "portable"}


def python(code, **options):
    return subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=PORTABLE, capture_output=True, text=True, **options
    )


def test_this_wasmtime_has_the_layout_the_fast_codec_expects():
    assert capi.layout_problem() is None
    assert boundary.codec_in_use() in ("fast", "portable (WASICLOUD_LAB_CODEC=portable)")


def test_the_whole_codec_suite_holds_on_the_public_api():
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "tests/test_codec.py", "-k", "not million and not 1048576"],
        cwd=ROOT, env=PORTABLE, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-4000:]
    assert " passed" in done.stdout


@pytest.mark.parametrize("name", ["tiny", "hello", "hello-rust", "echo"])
def test_guests_answer_on_the_public_api(name):
    done = python(
        "import wasicloud_lab as wl; from wasicloud_lab.host.boundary import codec_in_use\n"
        f"print(codec_in_use()); print(wl.Lab().load({name!r}).get('/').status_code)"
    )
    assert done.stdout.splitlines() == ["portable (WASICLOUD_LAB_CODEC=portable)", "200"], done.stderr


def test_exceptions_stay_with_their_thread_on_the_public_api():
    done = python(
        "import threading, wasicloud_lab as wl\n"
        "@wl.interface('lab:missing/nowhere@0.1.0')\n"
        "class Lost:\n"
        "    def lost(self, s):\n"
        "        raise LookupError(threading.current_thread().name)\n"
        "lab = wl.Lab(); lab.provide(Lost()); app = lab.load('trouble'); wrong = []\n"
        "def work():\n"
        "    for _ in range(30):\n"
        "        try: app.get('/missing')\n"
        "        except LookupError as error: wrong.append(error.args[0] != threading.current_thread().name)\n"
        "threads = [threading.Thread(target=work) for _ in range(8)]\n"
        "[t.start() for t in threads]; [t.join() for t in threads]\n"
        "print(len(wrong), any(wrong))"
    )
    assert done.stdout.split() == ["240", "False"], done.stderr


def test_another_layout_is_noticed_and_said(monkeypatch):
    monkeypatch.setitem(capi.KIND, "string", 99)
    assert capi.layout_problem() == "the kind of string is 12, not 99"
    monkeypatch.delenv("WASICLOUD_LAB_CODEC", raising=False)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert boundary.choose() == "the kind of string is 12, not 99"
    assert "public API" in str(caught[0].message)
