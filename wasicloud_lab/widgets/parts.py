"""What the panel's sections are made of: a worker thread, a way to tell one's own changes, small pieces of HTML."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Sequence
from html import escape
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import ipywidgets as W

from ..errors import LabError
from ..providers.address import masked

if TYPE_CHECKING:
    from ..app import App
    from ..lab import Lab
    from ..links import Link

#: Seconds that a worker's thread waits for more to do before it ends.
_IDLE = 5.0

Job = Callable[[], None]


class Worker:
    """Does a section's slow work, one thing after the other, in a thread that is there while there is work.

    A job handles its own errors. The thread is a daemon: one that hangs holds nobody up.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._lock = threading.Lock()
        self._jobs: queue.SimpleQueue[Job | None] | None = None
        self._closed = False

    def start(self, job: Job) -> None:
        """Has a job done after those before it; after `close` it is dropped."""
        with self._lock:
            if self._closed:
                return
            if self._jobs is None:
                self._jobs = queue.SimpleQueue()
                threading.Thread(target=self._run, args=(self._jobs,), name=self._name, daemon=True).start()
            self._jobs.put(job)

    def abandon(self) -> None:
        """Later jobs do not wait for those given so far, one of which may hang; they are still done."""
        with self._lock:
            if self._jobs is not None:
                self._jobs.put(None)
                self._jobs = None

    def close(self) -> None:
        """Ends the thread when the jobs given so far are done."""
        self._closed = True
        self.abandon()

    def _run(self, jobs: queue.SimpleQueue[Job | None]) -> None:
        while True:
            try:
                job = jobs.get(timeout=_IDLE)
            except queue.Empty:
                with self._lock:
                    if self._jobs is jobs and jobs.empty():
                        self._jobs = None
                        return
                continue
            if job is None:
                return
            job()


class Drawing:
    """Tells changes that a section makes to its widgets from those that a person makes.

    `with drawing:` around the first; a handler that finds `drawing.mine` has nothing to do. Other threads wait.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._thread: int | None = None
        self._depth = 0

    def __enter__(self) -> None:
        self._lock.acquire()
        self._thread = threading.get_ident()
        self._depth += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._depth -= 1
        if not self._depth:
            self._thread = None
        self._lock.release()

    @property
    def mine(self) -> bool:
        """Whether this thread is drawing."""
        return self._thread == threading.get_ident()


def joined(*names: str) -> str:
    """Files beside this one as one ES module: a widget's front end is a single one, and can't import others."""
    return "\n".join(Path(__file__).with_name(name).read_text(encoding="utf-8") for name in names)


def button(text: str, tooltip: str, clicked: Callable[[], None], *, icon: str = "", style: str = "") -> Any:
    """A button that calls `clicked`."""
    made = W.Button(
        description=text, tooltip=tooltip, icon=icon, button_style=style, layout=W.Layout(width="auto", flex="0 0 auto")
    )
    made.on_click(lambda _: clicked())
    return made


def field(kind: Any, label: str, *, wide: bool = True, label_width: str = "initial", **options: Any) -> Any:
    """An input with its label before it; it takes the width that there is, and no more."""
    layout = {
        "width": "auto",
        "min_width": "0",
        "flex": "1 1 14em" if wide else "0 1 auto",
        **options.pop("layout", {}),
    }
    return kind(description=label, style={"description_width": label_width}, layout=W.Layout(**layout), **options)


def row(*children: Any) -> Any:
    """Widgets beside each other; those that find no room begin a new line."""
    made = W.Box(
        list(children), layout=W.Layout(display="flex", flex_flow="row wrap", align_items="center", width="100%")
    )
    made.add_class("wl-flow")
    return made


def column(*children: Any, **layout: Any) -> Any:
    """Widgets one under the other."""
    return W.VBox(list(children), layout=W.Layout(**{"width": "100%", "min_width": "0", **layout}))


def section(*children: Any) -> Any:
    """A section's view, with the style that its pieces need."""
    made = column(W.HTML(STYLE, layout=W.Layout(display="none")), *children)
    made.add_class("wl-section")
    return made


def show(widget: Any, shown: bool) -> None:
    """Shows or hides a widget."""
    wanted = None if shown else "none"
    if widget.layout.display != wanted:
        widget.layout.display = wanted


def html(text: str = "", **layout: Any) -> Any:
    """HTML that is ours; anything in it that is not has been escaped."""
    return W.HTML(text, layout=W.Layout(**{"width": "auto", "min_width": "0", "flex": "1 1 auto", **layout}))


def note(text: str, kind: str = "info") -> str:
    """A line that a screen reader says by itself: kind "info", "busy", "good" or "error"; nothing for no text."""
    if not text:
        return ""
    role = "alert" if kind == "error" else "status"
    return f'<div class="wl-note wl-{kind}" role="{role}">{escape(text)}</div>'


def words(error: BaseException) -> str:
    """What an error says, without secrets; of one that is not the lab's own also its kind."""
    return masked(str(error) if isinstance(error, LabError) else f"{type(error).__name__}: {error}")


def link_code(lab: Lab, link: Link) -> str:
    """The expression for a link in a cell."""
    if link is lab.keyvalue:
        return "lab.keyvalue"
    return "lab.blobstore" if link is lab.blobstore else f'lab.links["{link.name}"]'


def app_code(app: App) -> str:
    """The expression for an app in a cell."""
    return f"lab.apps[{app.name!r}]"


def store_links(lab: Lab) -> list[Link]:
    """The links of a lab that have a store behind them."""
    return [link for link in lab.links if link.kind.copy is not None]


def offer(dropdown: Any, options: Sequence[tuple[str, Any]]) -> bool:
    """Gives a dropdown its options, unless it has them; keeps what is chosen, or takes the first. While drawing only.

    Returns:
        whether another one is chosen now.
    """
    now = list(dropdown.options)
    if len(now) == len(options) and all(a[0] == b[0] and a[1] is b[1] for a, b in zip(now, options)):
        return False
    before = dropdown.value
    dropdown.options = list(options)
    if options:
        dropdown.value = next((value for _, value in options if value is before), options[0][1])
    return dropdown.value is not before


# The notebook's own colours, with others where it names none.
STYLE = """<style>
.wl-section{--wl-text:var(--jp-content-font-color1,#222);--wl-dim:var(--jp-content-font-color2,#555);
--wl-line:var(--jp-border-color2,#ccc);--wl-ground:var(--jp-layout-color1,#fff);--wl-raised:var(--jp-layout-color2,#f3f3f3);
--wl-mono:var(--jp-code-font-family,ui-monospace,Menlo,Consolas,monospace);color:var(--wl-text)}
.wl-section .wl-flow{gap:4px 8px}
.wl-section .widget-html-content{color:var(--wl-text);line-height:1.45}
.wl-section .wl-note{padding:4px 8px;border-left:3px solid var(--wl-line);white-space:pre-wrap;overflow-wrap:anywhere;
background:var(--wl-raised);border-radius:2px;margin:2px 0}
.wl-section .wl-note.wl-error{border-color:var(--jp-error-color1,#d32f2f)}
.wl-section .wl-note.wl-good{border-color:var(--jp-success-color1,#388e3c)}
.wl-section .wl-note.wl-busy{border-color:var(--jp-info-color1,#0288d1);color:var(--wl-dim)}
.wl-section .wl-note.wl-busy::before{content:"";display:inline-block;width:.7em;height:.7em;margin-right:.5em;
border:2px solid var(--wl-line);border-top-color:var(--jp-info-color1,#0288d1);border-radius:50%;
animation:wl-turn 1s linear infinite}
@keyframes wl-turn{to{transform:rotate(360deg)}}
@media (prefers-reduced-motion:reduce){.wl-section .wl-note.wl-busy::before{animation:none}}
.wl-section .wl-dim,.wl-section .wl-nothing{color:var(--wl-dim)}
.wl-section .wl-key{font-family:var(--wl-mono);font-weight:600;overflow-wrap:anywhere}
.wl-section pre.wl-bytes{margin:0;padding:6px 8px;max-height:22em;overflow:auto;white-space:pre-wrap;
word-break:normal;overflow-wrap:anywhere;background:var(--wl-raised);color:var(--wl-text);
border:1px solid var(--wl-line);border-radius:3px;font:12px/1.45 var(--wl-mono);tab-size:4}
.wl-section pre.wl-wide{white-space:pre;overflow-wrap:normal}
.wl-section pre.wl-copied{user-select:all}
.wl-section img.wl-picture{max-width:100%;max-height:22em;
background:repeating-conic-gradient(#8883 0 25%,#0000 0 50%) 0 0/16px 16px}
.wl-section iframe.wl-page{width:100%;height:18em;border:1px solid var(--wl-line);border-radius:3px;background:#fff}
.wl-section details{margin:4px 0}.wl-section summary{cursor:pointer;color:var(--wl-dim)}
.wl-section .wl-headers{border-collapse:collapse;margin:4px 0;font:12px/1.5 var(--wl-mono)}
.wl-section .wl-headers th,.wl-section .wl-headers td{text-align:left!important;vertical-align:top;
padding:1px 12px 1px 0;overflow-wrap:anywhere}
.wl-section .wl-headers th{color:var(--wl-dim);font-weight:400;white-space:nowrap}
.wl-section .wl-badge{display:inline-block;padding:0 8px;border-radius:9px;font-weight:600;color:#fff;background:#666}
.wl-section .wl-badge.wl-s2{background:#2e7d32}.wl-section .wl-badge.wl-s3{background:#1565c0}
.wl-section .wl-badge.wl-s4{background:#a04a00}.wl-section .wl-badge.wl-s5{background:#c62828}
.wl-section a{color:var(--jp-content-link-color,#1565c0)}
.wl-section .widget-checkbox label{display:flex;align-items:center}
.wl-section .widget-checkbox input{margin-top:0;margin-bottom:0}
.wl-section select,.wl-section textarea,.wl-section input[type=text]{max-width:100%}
.wl-section textarea,.wl-section .wl-names select{font-family:var(--wl-mono)}
.wl-section .wl-trouble{border:1px solid var(--wl-line);border-radius:4px;padding:6px 8px;margin:0 0 6px}
</style>"""
