"""TrafficSection: start and stop traffic, and see how it fares, live.

What runs is in `lab.traffics`: the section shows the newest traffic of the app that is chosen, whoever started it.
"""

from __future__ import annotations

import json
import statistics
import time
from html import escape
from typing import TYPE_CHECKING, Any

import ipywidgets as W

from ..errors import LabError
from ..providers.address import masked
from ..tally import SLOT, Slot
from ..units import seconds_text
from .apps import app_field, offer_apps
from .latency_chart import LatencyChart
from .parts import Drawing, button, column, field, html, note, row, section, show

if TYPE_CHECKING:
    from ..lab import Lab
    from ..traffic import Traffic

METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE")
#: Seconds between two drawings.
PAUSE = 0.2
#: The end of the rate's slider.
FASTEST = 2000
#: Seconds that the chart shows, and after which a failure is forgotten.
SHOWN = 60.0
#: Seconds after which a failure is no news any more.
LATELY = 5.0
#: Slots that "now" means in the numbers beside it.
RECENT = 10


class TrafficSection:
    """
    Attributes:
        view: the widget.
        app, method, path, rate, unlimited, clients: the fields.
        start, stop: the buttons.
        chart: once there was something to draw; None before.
    """

    def __init__(self, lab: Lab, panel: Any = None) -> None:
        """
        Args:
            lab: whose apps get the traffic.
            panel: the panel that this is a section of; its ticker calls `refresh`.
        """
        self._lab = lab
        self._drawing = Drawing()
        self._closed = False
        self._refused = ""  # why Start did not start
        self._drawn: Any = None
        self._drawn_at = 0.0
        self._adopted: Traffic | None = None
        self._adopted_rate: float | None = None
        self.chart: LatencyChart | None = None
        self.app = app_field("The app that gets the requests", wide=False)
        self.method = field(W.Dropdown, "Method", wide=False, options=METHODS, value="GET", tooltip="HTTP method")
        self.path = field(W.Text, "Path", value="/", tooltip="Path and query of each request", continuous_update=False)
        self.rate = field(
            W.IntSlider, "Requests/s", min=1, max=FASTEST, value=200, continuous_update=False,
            tooltip="Requests per second, all clients together; may be changed while it runs",
        )  # fmt: skip
        self.unlimited = field(
            W.Checkbox, "As fast as they are answered", wide=False, value=False, indent=False, tooltip="No limit"
        )
        self.clients = field(
            W.BoundedIntText, "Clients", wide=False, min=1, max=256, value=16, layout={"max_width": "9em"},
            tooltip="Requests under way at once, at most",
        )  # fmt: skip
        self.start = button("Start", "Start sending requests", self._start, icon="play", style="primary")
        self.stop = button("Stop", "Stop sending requests", self._stop, icon="stop")
        self._said = html()
        self._numbers = html(flex="0 1 7.5em")
        self._empty = html(_EMPTY)
        self._plot = column(self._empty, flex="1 1 24em", width="auto")
        self.view = section(
            W.HTML(_STYLE, layout=W.Layout(display="none")),
            row(self.app, self.method, self.path),
            row(self.rate, self.unlimited, self.clients, self.start, self.stop),
            self._said,
            row(self._plot, self._numbers),
        )
        self.view.add_class("wl-traffic")
        for each in (self.app, self.method, self.path, self.clients):
            each.observe(self._changed, "value")
        for each in (self.rate, self.unlimited):
            each.observe(self._rate_changed, "value")
        self.refresh()

    def refresh(self) -> None:
        """Shows what there is now; at most five times a second, and nothing while nothing changes."""
        now = time.monotonic()
        if now - self._drawn_at >= PAUSE:
            self._drawn_at = now
            with self._drawing:
                if not self._closed:
                    self._draw()

    def code(self) -> str:
        """The line that starts this traffic."""
        app = self.app.value
        parts = [_quoted(app.name if app is not None else "gopher"), _quoted(masked(self.path.value))]
        if self.method.value != "GET":
            parts.append(f"method={_quoted(self.method.value)}")
        parts += [f"rate={self._wanted_rate()}", f"clients={self.clients.value}"]
        return f"lab.traffic({', '.join(parts)})"

    def close(self) -> None:
        """Ends the section; traffic goes on, since it is the lab's."""
        with self._drawing:
            self._closed = True
            if self.chart is not None:
                self.chart.close()

    # --- what a person does ------------------------------------------------------------------------

    def _start(self) -> None:
        app = self.app.value
        if app is None:
            return
        before = self._traffic()
        try:
            started = self._lab.traffic(
                app, self.path.value, method=self.method.value, rate=self._wanted_rate(), clients=self.clients.value
            )
        except (LabError, ValueError) as error:
            with self._drawing:
                self._refused = note(masked(str(error)), "error")
                self._draw()
            return
        if before is not None:
            before.stop(wait=0)
        with self._drawing:
            self._refused = ""
            self._adopted, self._adopted_rate = started, started.rate
            self._draw()

    def _stop(self) -> None:
        traffic = self._traffic()
        if traffic is not None:
            traffic.stop(wait=0)
        with self._drawing:
            self._draw()

    def _changed(self, _: Any) -> None:
        if not self._drawing.mine:
            with self._drawing:
                self._refused = ""
                self._draw()

    def _rate_changed(self, _: Any) -> None:
        if self._drawing.mine:
            return
        with self._drawing:
            traffic = self._traffic()
            if traffic is not None and traffic.running:
                traffic.rate = self._adopted_rate = self._wanted_rate()
            self._draw()

    def _wanted_rate(self) -> int | None:
        return None if self.unlimited.value else self.rate.value

    # --- what is shown, while drawing --------------------------------------------------------------

    def _draw(self) -> None:
        self._offer_apps()
        traffic = self._traffic()
        if traffic is not None:
            self._adopt(traffic)
        running = traffic is not None and traffic.running
        again = traffic is not None and running and self._differs(traffic)
        _put(self.start, "description", "Restart" if again else "Start")
        _put(self.start, "disabled", self.app.value is None or (running and not again))
        _put(self.stop, "disabled", not running)
        _put(self.rate, "disabled", self.unlimited.value)
        show(self._empty, traffic is None)
        show(self._numbers, traffic is not None)
        if self.chart is not None:
            show(self.chart.view, traffic is not None)
        if traffic is None:
            nothing = note("Nothing that answers requests is loaded yet; for instance: lab.load('gopher')")
            _put(self._empty, "value", nothing if self.app.value is None else _EMPTY)
            self._say(self._refused)
        else:
            self._say(self._refused or _trouble(traffic))
            self._draw_traffic(traffic)

    def _draw_traffic(self, traffic: Traffic) -> None:
        if self.chart is None:
            self.chart = LatencyChart()
            self._plot.children = [self._empty, self.chart.view]
        slots = traffic.window(time.time() - SHOWN)
        swaps = self._lab.links.history
        state = traffic, traffic.running, traffic.answered, traffic.failed, slots[-1:], len(swaps)
        # While nothing is answered the time still goes on; afterwards it stands still.
        if state == self._drawn and not self.chart.stale:
            return
        self._drawn = state
        _put(self._numbers, "value", _table(traffic, slots))
        if slots:
            self.chart.draw(slots, slots[-1].at + SLOT, traffic.rate, swaps)

    def _offer_apps(self) -> None:
        apps = [app for app in list(self._lab.apps.values()) if app.handler is not None]
        first = self.app.value is None
        offer_apps(self.app, [(app.name, app) for app in apps])
        if first and apps:
            busy = [traffic.app for traffic in self._lab.traffics if traffic.running and traffic.app in apps]
            self.app.value = busy[-1] if busy else apps[0]

    def _adopt(self, traffic: Traffic) -> None:
        """The fields follow traffic that was started or changed elsewhere."""
        if traffic is not self._adopted and traffic.running:
            self._adopted = traffic
            self.path.value, self.clients.value = traffic.path, traffic.clients
            if traffic.method in METHODS:
                self.method.value = traffic.method
        elif traffic is not self._adopted or traffic.rate == self._adopted_rate:
            return
        self._adopted_rate = traffic.rate
        self.unlimited.value = traffic.rate is None
        if traffic.rate is not None:
            self.rate.value = min(max(round(traffic.rate), 1), FASTEST)

    def _differs(self, traffic: Traffic) -> bool:
        return (traffic.method, traffic.path, traffic.clients) != (
            self.method.value, self.path.value, self.clients.value
        )  # fmt: skip

    def _traffic(self) -> Traffic | None:
        """The newest traffic of the chosen app; one that runs before one that has ended."""
        own = [traffic for traffic in self._lab.traffics if traffic.app is self.app.value]
        return max(reversed(own), key=lambda traffic: traffic.running, default=None)

    def _say(self, text: str) -> None:
        _put(self._said, "value", text)
        show(self._said, bool(text))


def _put(widget: Any, trait: str, value: Any) -> None:
    """Sets a trait unless it is so already."""
    if getattr(widget, trait) != value:
        setattr(widget, trait, value)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _trouble(traffic: Traffic) -> str:
    """What stands above the chart: why it has ended, or what last went wrong."""
    errors = traffic.errors
    if traffic.ended:
        return note(f"Ended: {traffic.ended}")
    if not errors:
        return ""
    slots = traffic.window()
    last = max((slot.at for slot in slots if slot.errors), default=0.0)
    if time.time() - last <= LATELY:
        return note(f"Failed: {errors[-1]}", "error")
    if not slots or slots[-1].at - last > SHOWN:  # all has been well since
        return ""
    clock = time.strftime("%H:%M:%S", time.localtime(last))
    return f'<div class="wl-dim">The last failure, at {clock}: {escape(errors[-1])}</div>'


def _table(traffic: Traffic, slots: list[Slot]) -> str:
    """The numbers beside the chart."""
    recent = [slot for slot in slots[-RECENT:] if slot.count]
    p50 = statistics.median(slot.p50 for slot in recent if slot.p50 is not None) if recent else None
    p99 = max((slot.p99 for slot in recent if slot.p99 is not None), default=None)
    rows = [
        ("per second" if traffic.running else "per second, mean", f"{traffic.throughput:,.0f}", ""),
        ("answered", f"{traffic.answered:,}", ""),
        ("failed", f"{traffic.failed:,}", "wl-bad" if traffic.failed else ""),
        ("p50 now" if traffic.running else "p50", _duration(p50 if traffic.running else traffic.p50), ""),
        ("p99 now" if traffic.running else "p99", _duration(p99 if traffic.running else traffic.p99), ""),
    ]
    cells = "".join(f'<div class="{kind}"><b>{value}</b> <span>{name}</span></div>' for name, value, kind in rows)
    return f'<div class="wl-numbers" role="group" aria-label="{escape(masked(traffic.path))}">{cells}</div>'


def _duration(seconds: float | None) -> str:
    return "–" if seconds is None else seconds_text(seconds)


_EMPTY = '<div class="wl-empty">Start sends requests, over and over; how long each took is drawn here, live.</div>'
_STYLE = """<style>
.wl-traffic .wl-numbers{display:flex;flex-flow:row wrap;gap:10px 18px;margin:4px 0}
.wl-traffic .wl-numbers>div{min-width:6.2em}
.wl-traffic .wl-numbers b{display:block;font-size:20px;line-height:1.2;font-weight:600;white-space:nowrap;
font-variant-numeric:tabular-nums}
.wl-traffic .wl-numbers span{font-size:12px;color:var(--wl-dim)}
.wl-traffic .wl-numbers .wl-bad b{color:var(--jp-error-color1,#d32f2f)}
</style>"""
