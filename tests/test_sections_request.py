"""The panel's section that sends requests, without a browser: what goes out, what is drawn, what it is as code."""

from __future__ import annotations

import shlex
import subprocess
import threading
from collections.abc import Iterator

import pytest

import wasicloud_lab as wl
from tests import shown
from tests.shown import seen, settled
from tests.threads import until
from wasicloud_lab.errors import RequestError
from wasicloud_lab.providers.blobstore.memory import MemoryBlobstore
from wasicloud_lab.sending import as_curl, as_python, read_headers
from wasicloud_lab.widgets.request import RequestSection

somebody_types = shown.somebody_types


@pytest.fixture
def request_section(lab: wl.Lab) -> Iterator[RequestSection]:
    lab.load("echo")
    lab.load("trouble")
    section = RequestSection(lab)
    section.app.value = lab.apps["echo"]
    yield section
    section.close()


def test_a_request_is_sent_and_its_response_drawn(lab: wl.Lab, request_section: RequestSection) -> None:
    section = request_section
    section.method.value, section.path.value = "POST", "/?x=1"
    section.headers.value, section.body.value = "Content-Type: application/json\n\nX-Mine: <b>", '{"a":[1,2]}'
    section.send.click()
    shown = settled(section)
    assert section.response is not None
    assert ">200 OK<" in shown
    assert " ms<" in shown or " s<" in shown
    assert "<b>" not in seen(section.view)
    assert section.code() == (
        "lab.apps['echo'].post('/?x=1', headers={'Content-Type': 'application/json', 'X-Mine': '<b>'}, "
        "content='{\"a\":[1,2]}')"
    )
    again = eval(section.code(), {"lab": lab})
    assert (again.status_code, again.content) == (section.response.status_code, section.response.content)


def test_what_can_not_be_sent_says_why(request_section: RequestSection) -> None:
    request_section.headers.value = "no colon"
    request_section.send.click()
    assert "line 1 of the headers, 'no colon'" in settled(request_section)
    request_section.headers.value, request_section.path.value = "", "no-slash"
    request_section.send.click()
    assert "does not start with '/'" in settled(request_section)
    assert request_section.response is None
    assert request_section.code().startswith("lab.apps['echo'].get(")


@pytest.mark.parametrize(("headers", "path"), [("no colon", "/"), ("", "no-slash")])
def test_an_error_is_said_once_with_the_curl_line_shown(
    request_section: RequestSection, headers: str, path: str
) -> None:
    section = request_section
    section.headers.value, section.path.value = headers, path
    section.as_curl.value = True
    assert settled(section).count('role="alert"') == 1
    section.send.click()
    assert settled(section).count('role="alert"') == 1
    section.refresh()
    section.headers.value, section.path.value = "", "/"
    section.refresh()
    assert "curl" in settled(section)


def test_a_guest_that_breaks_is_an_error_in_place(lab: wl.Lab, request_section: RequestSection) -> None:
    request_section.app.value = lab.apps["trouble"]
    request_section.path.value = "/trap"
    request_section.send.click()
    shown = settled(request_section)
    assert 'role="alert"' in shown
    assert not request_section.send.disabled
    assert request_section.response is None


def test_without_apps_nothing_can_be_sent(own_lab: wl.Lab) -> None:
    section = RequestSection(own_lab)
    assert section.send.disabled
    assert "No app" in seen(section.view)
    own_lab.load("hello-rust")
    section.refresh()
    assert not section.send.disabled
    assert "No app" not in seen(section.view)
    section.close()


@pytest.mark.parametrize(
    ("method", "path", "headers", "body"),
    [
        ("GET", "/a?b=[1]&c={x}", "", ""),
        ("POST", "/it's", "X-Empty:\nAccept: */*", "@not-a-file 'quoted' $HOME\n`line`"),
        ("PUT", "/é ü", "Content-Type: a/b", "x"),
        ("DELETE", "/a/../b", "", ""),
        ("GET", "http://other.test/path", "", ""),
        ("OPTIONS", "/", "", "body"),
    ],
)
def test_the_curl_line_sends_the_same(
    lab: wl.Lab, request_section: RequestSection, method: str, path: str, headers: str, body: str
) -> None:
    section = request_section
    section.method.value, section.path.value, section.headers.value, section.body.value = method, path, headers, body
    section.as_curl.value = True
    assert "http://localhost:8080/" in settled(section)
    section.send.click()
    settled(section)
    assert section.response is not None
    with lab.serve(lab.apps["echo"], port=0) as server:
        section.refresh()
        line = section.curl()
        assert server.url in line
        answer = subprocess.run(["sh", "-c", f"{line} -s"], capture_output=True, check=True, timeout=60).stdout
    got = answer.partition(b"\r\n\r\n")[2].replace(b"HTTP/1.1 100 Continue\r\n\r\n", b"")
    assert got == section.response.content


def test_a_head_request_is_said_as_curl_and_python() -> None:
    assert shlex.split(as_curl("http://h:1", "HEAD", "/x", [], "ignored")) == ["curl", "--head", "http://h:1/x"]
    assert as_python("app", "PATCH", "/", [("A", "1"), ("a", "2")]) == (
        "app.request('PATCH', '/', headers=[('A', '1'), ('a', '2')])"
    )
    with pytest.raises(RequestError, match="line 3"):
        read_headers("A: 1\n\n: empty")


def test_a_request_can_be_sent_while_another_one_hangs(own_lab: wl.Lab) -> None:
    asked, go = threading.Event(), threading.Event()

    class Hanging(MemoryBlobstore):
        def container_exists(self, name: str) -> bool:
            asked.set()
            assert go.wait(60)
            return super().container_exists(name)

    own_lab.blobstore.swap(Hanging())
    own_lab.load("blobby", deadline=None)
    section = RequestSection(own_lab)
    section.send.click()
    try:
        assert asked.wait(30)
        section.method.value = "PATCH"
        section.send.click()
        assert "405" in settled(section)
    finally:
        go.set()
    until(lambda: own_lab.blobstore.running == 0)
    assert "405" in seen(section.view)
    section.close()
