"""A notebook in a page of JupyterLab: run its cells, ask its kernel, find its panel."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from playwright.sync_api import BrowserContext, ConsoleMessage, Locator, WebSocket, expect

from .jupyter import Jupyter

#: What the browser says by itself, about itself or about JupyterLab's own start, and is no error of a notebook.
_NOT_OURS = re.compile(r"GPU|WebGL|ResizeObserver loop|favicon|GroupMarkerNotSet")

_ASK = """async code => {
    const kernel = jupyterapp.shell.currentWidget.sessionContext.session.kernel;
    const future = kernel.requestExecute({code, store_history: false, allow_stdin: false});
    let said = "";
    future.onIOPub = message => {
        if (message.header.msg_type === "stream") said += message.content.text;
        if (message.header.msg_type === "error") said += message.content.traceback.join("\\n");
    };
    const reply = await future.done;
    return [reply.content.status, said];
}"""


class NotebookPage:
    """One notebook, open in a page of its own.

    Attributes:
        page: Playwright's.
        path: the file that JupyterLab saves.
        errors: what the page's console has said as errors, and exceptions of its scripts.
        messages: what kernels have sent to widgets' front ends, by the widget's id, in the order it came.
    """

    def __init__(self, context: BrowserContext, jupyter: Jupyter, path: Path) -> None:
        self.path = path
        self.errors: list[str] = []
        self.messages: list[str] = []
        self.page = context.new_page()
        self.page.on("console", self._said)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("websocket", self._connected)
        # A workspace of its own: no page finds the tabs of another.
        self.page.goto(f"{jupyter.url}/lab/workspaces/{path.stem}/tree/{path.name}?token={jupyter.token}&reset")
        self.page.wait_for_function(
            """() => window.jupyterapp?.shell?.currentWidget?.sessionContext?.session?.kernel?.status === "idle" """
        )

    def close(self) -> None:
        """Ends the kernel, and the page."""
        self.page.evaluate("() => jupyterapp.shell.currentWidget.sessionContext.shutdown()")
        self.page.close()

    # --- the notebook ------------------------------------------------------------------------------

    def run(self, number: int) -> None:
        """Runs one cell, and waits for its end.

        Args:
            number: counts code and text cells alike, from 0.
        """
        self.page.evaluate(
            """async number => {
                const notebook = jupyterapp.shell.currentWidget.content;
                notebook.deselectAll();
                notebook.activeCellIndex = number;
                await jupyterapp.commands.execute("notebook:run-cell");
            }""",
            number,
        )

    def run_all(self) -> None:
        """Runs all cells, and waits for the end of the last."""
        self.page.evaluate("() => jupyterapp.commands.execute('notebook:run-all-cells')")

    def outputs(self) -> list[dict[str, Any]]:
        """All outputs of all cells, as the file has them."""
        cells = self.page.evaluate("() => jupyterapp.shell.currentWidget.content.model.toJSON().cells")
        return [output for cell in cells for output in cell.get("outputs", [])]

    def saved(self) -> str:
        """Saves the notebook; answers the file."""
        self.page.evaluate("() => jupyterapp.shell.currentWidget.context.save()")
        return self.path.read_text(encoding="utf-8")

    # --- the kernel --------------------------------------------------------------------------------

    def python(self, code: str) -> str:
        """Runs code in the kernel beside the cells; answers what it printed."""
        status, said = self.page.evaluate(_ASK, code)
        assert status == "ok", said
        return str(said)

    def value(self, expression: str) -> Any:
        """The value of a Python expression in the kernel, which JSON must be able to say."""
        return json.loads(self.python(f"import json; print(json.dumps({expression}))"))

    def wait_for(self, expression: str) -> None:
        """Waits until a Python expression is true in the kernel."""
        self.python(
            "import time as _time\n"
            "_end = _time.monotonic() + 30\n"
            f"while not ({expression}):\n"
            f"    assert _time.monotonic() < _end, {expression!r} + ' does not come'\n"
            "    _time.sleep(0.02)\n"
        )

    # --- the panel ---------------------------------------------------------------------------------

    @property
    def panel(self) -> Locator:
        """The panel. Where there are several: `panels`."""
        return self.page.locator(".wl-panel")

    def tab(self, title: str) -> Locator:
        """Goes to a tab of the panel; answers what is in it."""
        self.panel.get_by_role("tab", name=title).click()
        return self.panel.locator(".widget-tab-contents > :not(.lm-mod-hidden)")

    def row(self, link: str) -> Locator:
        """The row of a link."""
        return self.panel.locator(".wl-row").filter(has=self.page.locator(".wl-now b", has_text=link))

    def swap(self, link: str, choice: str) -> None:
        """Chooses a provider by its label, and presses Swap; waits until it is done."""
        row = self.row(link)
        row.get_by_label("Provider").select_option(label=choice)
        row.get_by_role("button", name="Swap", exact=True).click()
        expect(row.locator(".wl-done")).to_be_visible()

    # --- what the page says ------------------------------------------------------------------------

    def _said(self, message: ConsoleMessage) -> None:
        if message.type == "error" and not _NOT_OURS.search(message.text):
            self.errors.append(f"{message.text} ({message.location.get('url', '')})")

    def _connected(self, socket: WebSocket) -> None:
        socket.on("framereceived", self._received)

    def _received(self, frame: str | bytes) -> None:
        text = frame.decode("latin-1") if isinstance(frame, bytes) else frame
        if '"comm_msg"' in text:
            found = re.search(r'"comm_id": ?"(\w+)"', text)
            if found:
                self.messages.append(found[1])
