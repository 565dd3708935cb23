"""RequestSection: one request to an app, typed in, and its response drawn by its type; also said as curl."""

from __future__ import annotations

import time
from html import escape
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import httpx
import ipywidgets as W

from ..errors import LabError
from ..preview import HEX, JSON, PAGE, PICTURE, TEXT
from ..sending import DEFAULT_URL, METHODS, as_curl, as_python, read_headers
from ..units import seconds_text
from .apps import app_field, offer_apps
from .parts import Drawing, Worker, app_code, button, column, field, html, note, row, section, show, words
from .viewer import Viewer

if TYPE_CHECKING:
    from ..app import App
    from ..lab import Lab

#: Less room, and a text field goes to the next line instead.
_ROOM = {"flex": "1 1 20em"}


class RequestSection:
    """The request form of the panel.

    Attributes:
        view: the widget.
        response: the last one; None before the first, and after a request that failed.
    """

    def __init__(self, lab: Lab, panel: Any = None) -> None:
        """
        Args:
            lab: whose apps answer.
            panel: the panel that this is a section of; its ticker calls `refresh`.
        """
        self._lab = lab
        self._drawing = Drawing()
        self._worker = Worker("wasicloud-lab request")
        self._turn = 0
        self._problem = ""  # why the last request was not answered
        self.response: httpx.Response | None = None
        self.app = app_field("The app that gets the request")
        self.method = field(W.Dropdown, "Method", wide=False, options=METHODS, tooltip="HTTP method")
        self.path = field(W.Text, "Path", value="/", tooltip="Path and query, as in /ricochet?lang=en")
        self.send = button("Send", "Send this request", self._send, icon="paper-plane", style="primary")
        self.headers = field(W.Textarea, "Headers", rows=3, layout=_ROOM, placeholder="Accept: application/json")
        self.body = field(W.Textarea, "Body", rows=3, layout=_ROOM, placeholder="sent as UTF-8 text")
        self.as_curl = W.ToggleButton(
            description="As curl", tooltip="Show the line that sends this from a shell", icon="terminal",
            layout=W.Layout(width="auto", flex="0 0 auto"),
        )  # fmt: skip
        self.as_curl.observe(self._curl_turned, "value")
        self._curl = html()
        self._status = html()
        self._line = html()
        self._headers = html()
        self.viewer = Viewer(self._drawing, PAGE, JSON, TEXT, PICTURE, HEX)
        self._answer = column(self._line, self._headers, self.viewer.view)
        self.view: Any = section(
            row(self.app, self.method, self.path, self.send, self.as_curl),
            self._curl,
            row(self.headers, self.body),
            self._status,
            self._answer,
        )
        show(self._answer, False)
        show(self._curl, False)
        self.refresh()

    # --- what the panel calls ----------------------------------------------------------------------

    def refresh(self) -> None:
        """Notices apps that came or went, and where they are served."""
        apps = [(name, app) for name, app in list(self._lab.apps.items()) if app.handler is not None]
        with self._drawing:
            if offer_apps(self.app, apps):
                self._forget()
            self.send.disabled = not apps
            self._draw_curl()
            if not apps:
                self._status.value = note("No app that answers HTTP is loaded: lab.load(…) loads one.")
            elif self._status.value.count("No app that answers"):
                self._status.value = ""

    def code(self) -> str:
        """The Python that sends this request."""
        app = self.app.value
        try:
            headers = read_headers(self.headers.value)
        except LabError as error:
            return f"# {error}"
        said = app_code(app) if app is not None else "app"
        return as_python(said, self.method.value, self.path.value, headers, self.body.value)

    def curl(self) -> str:
        """The line that sends it with curl, to where the app is served, or would be.

        Raises:
            RequestError: the headers or the path are none.
        """
        url = next((server.url for app, server in self._lab.served if app is self.app.value), DEFAULT_URL)
        return as_curl(url, self.method.value, self.path.value, read_headers(self.headers.value), self.body.value)

    def close(self) -> None:
        """Ends the thread; the answer to a request under way is not shown."""
        self._turn += 1
        self._worker.close()

    # --- sending -----------------------------------------------------------------------------------

    def _send(self) -> None:
        app: App | None = self.app.value
        if app is None:
            return
        with self._drawing:
            self._forget()
            try:
                headers = read_headers(self.headers.value)
            except LabError as error:
                self._problem = str(error)
                self._status.value = note(self._problem, "error")
                self._draw_curl()
                return
            self._turn += 1
            turn, method, path = self._turn, self.method.value, self.path.value
            body = self.body.value or None
            self._worker.abandon()  # one sent before may still be under way; its response is not waited for
            self._status.value = note(f"{method} {path} …", "busy")

        def work() -> None:
            started = time.perf_counter()
            response: httpx.Response | None = None
            problem = after = ""
            try:
                response = app.request(method, path, headers=headers, content=body)
            except Exception as error:
                problem, after = words(error), f"\n(after {seconds_text(time.perf_counter() - started)})"
            with self._drawing:
                if turn != self._turn:
                    return
                self._problem = problem
                self._status.value = note(problem + after, "error")
                self._draw_curl()
                self.response = response
                if response is not None:
                    self._draw(response)

        self._worker.start(work)

    # --- drawing -----------------------------------------------------------------------------------

    def _draw(self, response: httpx.Response) -> None:
        status = response.status_code
        try:
            phrase = HTTPStatus(status).phrase
        except ValueError:
            phrase = ""
        self._line.value = (
            f'<span class="wl-badge wl-s{status // 100}">{status} {escape(phrase)}</span> '
            f'<span class="wl-dim">in {seconds_text(response.elapsed.total_seconds())}</span>'
        )
        pairs = list(response.headers.multi_items())
        rows = "".join(f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>" for name, value in pairs)
        trailers = [(name, _text(value)) for name, value in response.extensions.get("trailers", [])]
        if trailers:
            rows += '<tr><th colspan="2">trailers</th></tr>'
            rows += "".join(f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>" for name, value in trailers)
        count = len(pairs) + len(trailers)
        self._headers.value = (
            f"<details><summary>{count} header{'' if count == 1 else 's'}</summary>"
            f'<table class="wl-headers">{rows}</table></details>'
        )
        self.viewer.show(response.content, media_type=response.headers.get("content-type", ""))
        show(self._answer, True)

    def _curl_turned(self, _: Any) -> None:
        with self._drawing:
            show(self._curl, self.as_curl.value)
            self._draw_curl()

    def _draw_curl(self) -> None:
        shown = ""
        try:
            if self.as_curl.value:
                shown = f'<pre class="wl-bytes wl-copied" tabindex="0">{escape(self.curl())}</pre>'
        except LabError as error:
            if str(error) != self._problem:
                shown = note(str(error), "error")
        if self._curl.value != shown:
            self._curl.value = shown

    def _forget(self) -> None:
        """The response of the request before is not this one's."""
        self.response = None
        self._problem = ""
        self._line.value = self._headers.value = ""
        self.viewer.clear()
        show(self._answer, False)


def _text(value: Any) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)
