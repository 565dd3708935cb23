"""A notebook in a page of JupyterLab: run its cells, ask its kernel, find its panel."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import Any

from playwright.sync_api import BrowserContext, ConsoleMessage, Locator, expect

from .jupyter import Jupyter

#: What the browser says by itself, about itself or about JupyterLab's own start, and is no error of a notebook.
_NOT_OURS = re.compile(r"GPU|WebGL|ResizeObserver loop|favicon|GroupMarkerNotSet")

# What kernels send is looked at in the page, where it comes in: for `frames` and `listen_for`.
_LISTEN = r"""
window.heard = {updates: null, word: null, count: 0};
const hear = ({data}) => {
    if (!heard.updates && !heard.word) return;
    const text = typeof data === "string" ? data : new TextDecoder("latin1").decode(data);
    if (heard.word && text.includes(heard.word)) heard.count += 1;
    // A trait that is set to null again is plotly's way to end an update, not another one.
    const trait = text.match(/"method": ?"update", ?"state": ?\{"(\w+)": ?(?!null)/);
    const widget = text.match(/"comm_id": ?"(\w+)"/);
    if (heard.updates && trait && widget) {
        const at = Date.parse(text.match(/"date": ?"([^"]+)"/)[1]) / 1000;
        heard.updates.push([`${widget[1]} ${trait[1]}`, at]);
    }
};
window.WebSocket = class extends WebSocket {
    constructor(...rest) {
        super(...rest);
        this.addEventListener("message", hear);
    }
};
"""

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
    """

    def __init__(self, context: BrowserContext, jupyter: Jupyter, path: Path, patience: float) -> None:
        self._patience = patience
        self.path = path
        self.errors: list[str] = []
        self.page = context.new_page()
        self.page.on("console", self._said)
        self.page.on("pageerror", lambda error: self.errors.append(error.stack or str(error)))
        self.page.add_init_script(_LISTEN)
        self.page.goto(jupyter.page(path))
        self._wait_for_kernel()

    def close(self) -> None:
        """Ends the kernel, and the page."""
        self.page.evaluate("() => jupyterapp.shell.currentWidget.sessionContext.shutdown()")
        self.page.close()

    def reload(self) -> None:
        """Saves the notebook, and loads the page again; the kernel goes on."""
        self.saved()
        self.page.reload()
        self._wait_for_kernel()

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

    def append(self, source: str) -> None:
        """Adds a cell at the end, and runs it."""
        number = self.page.evaluate(
            """source => {
                const { model } = jupyterapp.shell.currentWidget.content;
                model.sharedModel.addCell({cell_type: "code", source});
                return model.cells.length - 1;
            }""",
            source,
        )
        self.run(number)

    def outputs(self) -> list[dict[str, Any]]:
        """All outputs of all cells, as the file has them."""
        cells = self.page.evaluate("() => jupyterapp.shell.currentWidget.content.model.toJSON().cells")
        return [output for cell in cells for output in cell.get("outputs", [])]

    def saved(self) -> str:
        """Saves the notebook; answers the file."""
        self.page.evaluate("() => jupyterapp.shell.currentWidget.context.save()")
        return self.path.read_text(encoding="utf-8")

    def narrow(self, width: int | None) -> None:
        """Makes the window so many pixels wide, without side bars; None makes it as it was."""
        self.page.set_viewport_size({"width": width or 1360, "height": 1500})
        hidden = self.page.evaluate("() => jupyterapp.shell.leftCollapsed")
        if hidden != bool(width):
            self.page.evaluate("() => jupyterapp.commands.execute('application:toggle-left-area')")

    def theme(self, name: str) -> None:
        """Makes JupyterLab "Light" or "Dark", and waits until its splash screen is gone: two of them are too many."""
        self.page.evaluate(
            "theme => jupyterapp.commands.execute('apputils:change-theme', {theme})", f"JupyterLab {name}"
        )
        light = str(name == "Light").lower()
        self.page.wait_for_function("light => document.body.dataset.jpThemeLight === light", arg=light)
        expect(self.page.locator("#jupyterlab-splash")).to_have_count(0)

    def frames(self, seconds: float) -> tuple[int, float, list[tuple[str, float]]]:
        """Watches for so many seconds: pictures that the page drew, seconds that went by, updates of widgets.

        An update is a message of the kernel that changes a widget's state; it is named by widget and trait, and comes
        with the second at which the kernel sent it: a busy page may hear several at once.
        """
        count, passed, updates = self.page.evaluate(
            """seconds => new Promise(done => {
                const began = performance.now();
                let count = 0;
                heard.updates = [];
                const step = () => {
                    count += 1;
                    const passed = (performance.now() - began) / 1000;
                    if (passed < seconds) requestAnimationFrame(step);
                    else {
                        done([count, passed, heard.updates]);
                        heard.updates = null;
                    }
                };
                requestAnimationFrame(step);
            })""",
            seconds,
        )
        return count, passed, [(name, at) for name, at in updates]

    def listen_for(self, word: str) -> None:
        """From now on counts the messages of the kernel that have a word in them; see `heard`."""
        self.page.evaluate("word => { heard.word = word; heard.count = 0; }", word)

    def heard(self) -> int:
        """How many there were; no more are counted."""
        return int(self.page.evaluate("() => { heard.word = null; return heard.count; }"))

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
        """Waits until a Python expression is true in the kernel. The kernel stays free meanwhile."""
        end = time.monotonic() + self._patience
        while self.python(f"print(bool({expression}))").strip() != "True":
            assert time.monotonic() < end, f"{expression} does not come true"
            self.page.wait_for_timeout(50)

    def restart(self) -> None:
        """Restarts the kernel by the menu's command, and says yes."""
        self.page.evaluate("() => void jupyterapp.commands.execute('kernelmenu:restart')")
        self.page.locator(".jp-Dialog").get_by_role("button", name="Confirm Kernel Restart").click()
        self._wait_for_kernel()

    def _wait_for_kernel(self) -> None:
        self.page.wait_for_function(
            """() => window.jupyterapp?.shell?.currentWidget?.sessionContext?.session?.kernel?.status === "idle" """
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
