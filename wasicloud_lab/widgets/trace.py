"""TraceSection: the last requests of an app; one of them as a waterfall of its host calls, and as JSON."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import ipywidgets as W

from ..preview import data_url
from ..units import seconds_text
from .apps import app_field, offer_apps
from .parts import Drawing, app_code, button, column, field, html, note, row, section, show

if TYPE_CHECKING:
    from ..app import App
    from ..lab import Lab
    from ..trace import Trace

#: Seconds between two drawings: under traffic each would be another request.
PAUSE = 0.5


class TraceSection:
    """The last requests of an app.

    Attributes:
        view: the widget.
        trace: the one that is drawn; None before the first request.
    """

    def __init__(self, lab: Lab, panel: Any = None) -> None:
        """
        Args:
            lab: whose apps are shown.
            panel: the panel that this is a section of; its ticker calls `refresh`.
        """
        self._lab = lab
        self._drawing = Drawing()
        self._drawn_at = 0.0
        self._shown: list[Trace] = []
        self.trace: Trace | None = None
        self.app = app_field("The app whose requests are shown")
        self.traffic = field(
            W.Checkbox, "Also traffic", wide=False, indent=False,
            tooltip="Trace served and streamed requests and traffic too, which costs them some time",
        )  # fmt: skip
        self.follow = field(
            W.Checkbox,
            "Follow",
            wide=False,
            indent=False,
            value=True,
            tooltip="Go on to each new request; off, the list stands still",
        )
        self.requests = field(W.Select, "Requests", options=[], rows=6, layout={"flex": "1 1 auto"})
        self.requests.add_class("wl-names")
        self.export = button("Export JSON", "Make a link that saves this trace as JSON", self._export, icon="download")
        self._saved = html()
        self._status = html()
        self._waterfall = html(overflow="auto")
        self._one = column(row(self.export, self._saved), self._waterfall)
        self.view: Any = section(
            row(self.app, self.traffic, self.follow), self._status, column(self.requests), self._one
        )
        self.app.observe(self._app_chosen, "value")
        self.requests.observe(self._request_chosen, "value")
        self.traffic.observe(self._traffic_turned, "value")
        self.follow.observe(self._follow_turned, "value")
        show(self._one, False)
        self.refresh()

    # --- what the panel calls ----------------------------------------------------------------------

    def refresh(self) -> None:
        """Shows the newest requests, twice a second at most."""
        with self._drawing:
            changed = offer_apps(self.app, list(self._lab.apps.items()))
            app: App | None = self.app.value
            if app is not None and self.traffic.value != (app.tracing == "all"):
                self.traffic.value = app.tracing == "all"
            now = time.monotonic()
            if changed or now - self._drawn_at >= PAUSE:
                self._draw(app)
                self._drawn_at = now

    def code(self) -> str:
        """The Python that shows the trace that is shown here."""
        app: App | None = self.app.value
        if app is None:
            return "app.trace"
        first = f'{app_code(app)}.tracing = "all"\n' if app.tracing == "all" else ""
        newest_first = list(reversed(app.traces))
        place = next((at for at, trace in enumerate(newest_first, 1) if trace is self.trace), 0)
        if self.follow.value or place == 1 or self.trace is None:
            return f"{first}{app_code(app)}.trace"
        return f"{first}{app_code(app)}.traces[-{place}]" if place else f"{first}# this trace is not kept any more"

    def close(self) -> None:
        """Has nothing to end: no thread, no timer."""

    # --- choosing ----------------------------------------------------------------------------------

    def _app_chosen(self, _: Any) -> None:
        if not self._drawing.mine:
            with self._drawing:
                self.follow.value = True
                self._draw(self.app.value)

    def _request_chosen(self, change: Any) -> None:
        if self._drawing.mine or change["new"] is None:
            return
        with self._drawing:
            self.follow.value = False
            self._draw_one(change["new"])

    def _follow_turned(self, change: Any) -> None:
        if not self._drawing.mine and change["new"]:
            with self._drawing:
                self._draw(self.app.value)

    def _traffic_turned(self, change: Any) -> None:
        app: App | None = self.app.value
        if not self._drawing.mine and app is not None:
            app.tracing = "all" if change["new"] else "calls"

    def _export(self) -> None:
        with self._drawing:
            trace = self.trace
            if trace is None:
                return
            # The next request would take the link away, under traffic before it can be clicked.
            stopped = (
                ' <span class="wl-dim">of the request above; Follow is off now</span>' if self.follow.value else ""
            )
            self.follow.value = False
            data = data_url(trace.to_json(indent=2).encode(), "application/json")
            self._saved.value = f'<a download="trace.json" href="{data}">Save trace.json</a>{stopped}'

    # --- drawing -----------------------------------------------------------------------------------

    def _draw(self, app: App | None) -> None:
        traces = list(reversed(app.traces)) if app is not None else []
        if not self.follow.value and self.trace is not None and app is not None and self.trace.app == app.name:
            return  # under traffic a line would be gone before it is clicked
        if len(traces) != len(self._shown) or any(a is not b for a, b in zip(traces, self._shown)):
            self._shown = traces
            self.requests.options = [(_line(trace), trace) for trace in traces]
        show(self.requests, bool(traces))
        show(self._one, bool(traces))
        if not traces:
            self.trace = None
            said = "No app is loaded: lab.load(…) loads one." if app is None else _nothing(app, self._lab)
            if self._status.value != note(said):
                self._status.value = note(said)
            return
        self._status.value = ""
        self.requests.value = traces[0]
        self._draw_one(traces[0])

    def _draw_one(self, trace: Trace) -> None:
        if trace is not self.trace:
            self.trace = trace
            self._saved.value = ""
            self._waterfall.value = trace._repr_html_()


def _line(trace: Trace) -> str:
    """One request in a list."""
    count = len(trace.calls) + trace.not_kept
    clock = time.strftime("%H:%M:%S", time.localtime(trace.at))
    outcome = "failed" if trace.status is None else str(trace.status)
    path = trace.path if len(trace.path) <= 60 else f"{trace.path[:59]}…"
    return (
        f"{clock}  {trace.method} {path}  {outcome}  {seconds_text(trace.seconds)}, "
        f"{count:,} call{'' if count == 1 else 's'}"
    )


def _nothing(app: App, lab: Lab) -> str:
    if app.tracing == "off":
        return f'{app.name} is not traced: {app_code(app)}.tracing = "calls" traces app.get(…) and the like.'
    if app.tracing == "calls" and any(each.app is app and each.answered + each.failed for each in lab.traffics):
        return f"{app.name} has had only traffic so far, which is not traced. Tick “Also traffic” to see it here."
    return f"{app.name} has had no request yet. Send one, and it is drawn here."
