"""What came of the checks: as text for a terminal, HTML for a notebook, JSON for a script."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from html import escape
from typing import Any

OK, FAILED, NOT_APPLICABLE = "ok", "failed", "not applicable"

_MARKS = {OK: "✓", FAILED: "✗", NOT_APPLICABLE: "–"}


@dataclass(frozen=True)
class Outcome:
    """What came of one check.

    Attributes:
        kind: "keyvalue" or "blobstore".
        name: as `--only` takes it.
        promise: what the check holds a provider to, in a line.
        state: "ok", "failed" or "not applicable".
        seconds: how long it took.
        expected, came: of a failure, shortened; empty otherwise.
        note: why it is not applicable, or what was left out or left behind.
    """

    kind: str
    name: str
    promise: str
    state: str
    seconds: float = 0.0
    expected: str = ""
    came: str = ""
    note: str = ""

    def __str__(self) -> str:
        return "\n".join(self.lines(len(self.name)))

    def lines(self, width: int) -> list[str]:
        """The outcome in text; `width` is that of the column of names."""
        took = f"{self.seconds:7.2f} s" if self.state != NOT_APPLICABLE else " " * 9
        lines = [f"{_MARKS[self.state]} {self.name:<{width}} {took}  {self.promise}"]
        stem = " " * (width + 14)
        if self.state == FAILED:
            lines += [f"{stem}expected: {self.expected}", f"{stem}came:     {self.came}"]
        if self.note:
            lines.append(f"{stem}({self.note})")
        return lines


@dataclass(frozen=True)
class Report:
    """What came of all checks on one provider. It draws itself, in a terminal and in a notebook.

    Attributes:
        stores: the provider's own line about itself, by kind.
        outcomes: in the order in which they ran.
    """

    stores: Mapping[str, str]
    outcomes: Sequence[Outcome]

    @property
    def ok(self) -> bool:
        """Whether nothing failed."""
        return not self.failed

    @property
    def failed(self) -> list[Outcome]:
        """The checks that failed."""
        return [outcome for outcome in self.outcomes if outcome.state == FAILED]

    def __getitem__(self, name: str) -> Outcome:
        """The outcome of the check of that name, the first where both kinds have one."""
        for outcome in self.outcomes:
            if outcome.name == name:
                return outcome
        raise KeyError(name)

    def headline(self, kind: str) -> str:
        """How one kind did, in a line."""
        own = [outcome for outcome in self.outcomes if outcome.kind == kind]
        counts = {state: sum(outcome.state == state for outcome in own) for state in _MARKS}
        parts = [f"{counts[OK]} of {counts[OK] + counts[FAILED]} checks passed"]
        if counts[NOT_APPLICABLE]:
            parts.append(f"{counts[NOT_APPLICABLE]} not applicable")
        took = sum(outcome.seconds for outcome in own)
        return f"{self.stores[kind]} ({kind}): {', '.join(parts)}, {took:.1f} s"

    def __str__(self) -> str:
        width = max((len(outcome.name) for outcome in self.outcomes), default=0)
        lines: list[str] = []
        for kind in self.stores:
            lines.append(self.headline(kind))
            for outcome in self.outcomes:
                if outcome.kind == kind:
                    lines += ["  " + line for line in outcome.lines(width)]
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"<{'; '.join(map(self.headline, self.stores))}>"

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """In IPython without a browser: the table, not the line."""
        printer.text(str(self))

    def _repr_html_(self) -> str:
        parts = [_STYLE]
        for kind in self.stores:
            rows = "".join(_row(outcome) for outcome in self.outcomes if outcome.kind == kind)
            parts.append(f"<table><caption>{escape(self.headline(kind))}</caption><tbody>{rows}</tbody></table>")
        return f'<div class="wl-report">{"".join(parts)}</div>'

    def to_dict(self) -> dict[str, Any]:
        """As plain values, for a script."""
        return {"ok": self.ok, "stores": dict(self.stores), "checks": [asdict(outcome) for outcome in self.outcomes]}

    def to_json(self) -> str:
        """The same as JSON."""
        return json.dumps(self.to_dict(), indent=2, ensure_ascii=False)


def _row(outcome: Outcome) -> str:
    more = ""
    if outcome.state == FAILED:
        more = f"<br>expected: {escape(outcome.expected)}<br>came: {escape(outcome.came)}"
    if outcome.note:
        more += f"<br><i>{escape(outcome.note)}</i>"
    took = f"{outcome.seconds:.2f} s" if outcome.state != NOT_APPLICABLE else ""
    return (
        f'<tr class="{outcome.state.replace(" ", "-")}"><td class="mark" title="{outcome.state}">'
        f"{_MARKS[outcome.state]}</td><td><code>{escape(outcome.name)}</code></td>"
        f'<td class="promise">{escape(outcome.promise)}{more}</td><td>{took}</td></tr>'
    )


# Colours that stand on a light and on a dark page alike; the text follows the page's own colour.
_STYLE = """<style>
.wl-report table{border-collapse:collapse;margin:0 0 1em}
.wl-report caption{text-align:left;font-weight:600;padding:4px 0}
.wl-report td{text-align:left;vertical-align:top;padding:2px 8px}.wl-report .promise{overflow-wrap:anywhere}
.wl-report .ok .mark{color:#2a9d6f}.wl-report .failed .mark{color:#d0402b}.wl-report .failed td{background:#d0402b1c}
</style>"""
