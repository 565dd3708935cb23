"""Wiring: the running lab as a picture. Apps left, providers right, a wire for each import, and what passes on it.

`Picture` reads the lab and makes the data; `Wiring` carries it to `wiring.js`, which draws it. The whole
contract is the trait `state`, and the messages "alive": from the front end while somebody looks, and to it,
so that it can tell a kernel that is gone from one with nothing to say.
"""

from __future__ import annotations

import re
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import anywidget
import traitlets

from ..kinds import HANDLERS
from ..units import seconds_text, size_text
from .board import Board, Health, wires_of
from .parts import joined
from .style import CSS

if TYPE_CHECKING:
    from ..app import App
    from ..lab import Lab
    from ..links import Link

#: Seconds over which calls per second are measured.
SPAN = 1.0
#: Seconds for which a call that failed is told in red.
RECENT = 5.0
#: A path with a folder in it, at the end of a provider's name.
_PATH = re.compile(r"(?<=\S )(?:[A-Za-z]:)?[/\\].*[/\\](?=[^/\\]+$)")


class Wiring(anywidget.AnyWidget):
    """Draws a `Picture`.

    Attributes:
        state: what `Picture.now` answers.
    """

    _esm = joined("elements.js", "wiring_drawing.js", "wiring.js")
    _css = CSS
    state = traitlets.Dict().tag(sync=True)

    def __init__(self, state: dict[str, Any], looked_at: Callable[[], None]) -> None:
        """
        Args:
            state: the first picture.
            looked_at: called each second while a front end shows it.
        """
        super().__init__(state=state)
        self.on_msg(lambda _widget, content, _buffers: looked_at() if content == {"type": "alive"} else None)

    def alive(self) -> None:
        """Tells the front end that there is a kernel behind it."""
        self.send({"type": "alive"})


class Picture:
    """Reads a lab. One for each panel: it measures calls per second between its own looks."""

    def __init__(self, lab: Lab, board: Board) -> None:
        self._lab = lab
        self._board = board
        self._seen: dict[str, deque[tuple[float, int]]] = {}
        self._failed: dict[str, tuple[int, float]] = {}

    def now(self) -> dict[str, Any]:
        """The lab at this moment, as JSON.

        {"apps": [{"name", "size", "digest", "exports": […], "served", "wires": [
            {"key", "app" | "provider": whereto, "label", "calls", "errors", "failing", "rate", "waiting",
            "moving"}]}],
         "providers": [{"key", "kind", "summary", "name", "rest", "health", "trip", "words"}],
         "words": the same for a screen reader, "errors": calls that failed}
        """
        served = {app.name: server.url for app, server in list(self._lab.served)}
        wires = wires_of(self._lab)
        apps: dict[str, dict[str, Any]] = {}
        providers: dict[str, dict[str, Any]] = {}
        for app, link in wires:
            card = apps.setdefault(app.name, _card(app, served.get(app.name)))
            wire = self._wire(app, link)
            card["wires"].append(wire)
            if "provider" in wire and wire["provider"] not in providers:
                providers[wire["provider"]] = _provider(link, self._board.health(link))
        for app in list(self._lab.apps.values()):
            apps.setdefault(app.name, _card(app, served.get(app.name)))
        keys = {_key(*wire) for wire in wires}
        self._seen = {key: seen for key, seen in self._seen.items() if key in keys}
        self._failed = {key: failed for key, failed in self._failed.items() if key in keys}
        state: dict[str, Any] = {"apps": list(apps.values()), "providers": list(providers.values())}
        state["errors"] = sum(wire["errors"] for card in state["apps"] for wire in card["wires"])
        state["words"] = in_words(state)
        return state

    def _wire(self, app: App, link: Link) -> dict[str, Any]:
        counts = link.meter.counts(app.name)
        moved = link.moved
        job = self._board.job(link)
        wire: dict[str, Any] = {
            "key": _key(app, link),
            "label": link.kind.slot,
            "kind": link.kind.name,
            "calls": counts.calls,
            "errors": counts.errors,
            "failing": self._failing(_key(app, link), counts.errors),
            "rate": self._rate(_key(app, link), counts.calls),
            "waiting": link.waiting,
            "moving": f"{moved.items:,} {moved.unit}, {size_text(moved.size)}" if moved is not None else None,
            "swapping": job is not None,
        }
        target = link.provider
        if link.kind is HANDLERS:
            wire["app"] = target.name
        else:
            wire["provider"] = link.name
        return wire

    def _rate(self, key: str, calls: int) -> float:
        """Calls per second, to two digits, so that it rests when the calls come evenly."""
        now = time.monotonic()
        seen = self._seen.setdefault(key, deque())
        if seen and calls < seen[-1][1]:  # counted anew
            seen.clear()
        seen.append((now, calls))
        while len(seen) > 2 and now - seen[1][0] >= SPAN:
            seen.popleft()
        passed = now - seen[0][0]
        return float(f"{(calls - seen[0][1]) / max(passed, SPAN):.2g}")

    def _failing(self, key: str, errors: int) -> bool:
        """Whether a call has failed in the last seconds; what has before the first look is not told as new."""
        now = time.monotonic()
        before, at = self._failed.get(key, (errors, -RECENT))
        if errors != before:
            at = now if errors > before else -RECENT
        self._failed[key] = errors, at
        return now - at < RECENT


def _key(app: App, link: Link) -> str:
    return f"{app.name} {link.kind.slot}"


def _card(app: App, url: str | None) -> dict[str, Any]:
    return {
        "name": app.name,
        "size": size_text(app.size),
        "digest": app.digest[:12],
        "exports": list(app.world.exports),
        "served": url,
        "wires": [],
    }


def _provider(link: Link, health: Health) -> dict[str, Any]:
    name, rest = short(link.summary())
    return {
        "key": link.name,
        "kind": link.kind.name,
        "summary": link.summary(),
        "name": name,
        "rest": rest,
        "health": health.state,
        "trip": trip_text(health.seconds),
        "words": health.words,
    }


def short(summary: str) -> tuple[str, str]:
    """A provider's summary as its name, with the last part of a path only, and what it says beyond the name.

    short("embedded Redis, hashes")     # "embedded Redis", "hashes"
    short("folder /tmp/lab/blobs")      # "folder blobs", ""
    """
    name, _, rest = summary.partition(", ")
    return _PATH.sub("", name), rest


def trip_text(seconds: float | None) -> str:
    """A round trip for people. What is faster than anyone can care about is not told apart."""
    if seconds is None:
        return ""
    return "< 0.1 ms" if seconds < 0.0001 else seconds_text(seconds)


def in_words(state: dict[str, Any]) -> str:
    """A picture in words."""
    if not state["apps"]:
        return "No app is loaded."
    said = []
    by_key = {provider["key"]: provider for provider in state["providers"]}
    for app in state["apps"]:
        if not app["wires"]:
            said.append(f"{app['name']} imports nothing that is linked.")
        for wire in app["wires"]:
            errors = f", {wire['errors']:,} failed" if wire["errors"] else ""
            moving = f", moving {wire['moving']}, {wire['waiting']:,} waiting" if wire["moving"] else ""
            if "app" in wire:
                whereto = f"app {wire['app']}"
            else:
                provider = by_key[wire["provider"]]
                answer = {"ok": f"answers in {provider['trip']}", "failed": "does not answer"}.get(provider["health"])
                whereto = provider["summary"] + (f", which {answer}" if answer else "")
            said.append(
                f"{app['name']}: {wire['label']} is wired to {whereto}; {wire['calls']:,} calls{errors}{moving}."
            )
    return " ".join(said)
