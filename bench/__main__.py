"""`python -m bench [--quick] [--json FILE] [--picture FILE] [--importtime] [GROUP …]`, from the repository's root."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import time
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any

from . import (
    blobs,
    bodies,
    hostcall,
    inprocess,
    instances,
    measure,
    memory,
    parts,
    peers,
    report,
    served,
    sidecars,
    startup,
    stores,
    swaps,
)

GROUPS: dict[str, ModuleType] = {
    module.NAME: module
    for module in (
        hostcall,
        inprocess,
        parts,
        served,
        bodies,
        memory,
        startup,
        instances,
        stores,
        swaps,
        blobs,
        sidecars,
    )
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures, prints; answers 0 when every measured target is met, 1 otherwise, 2 for wrong words."""
    options = _parser().parse_args(arguments)
    unknown = [name for name in options.names if name not in GROUPS]
    if unknown:
        print(f"bench: no group {unknown[0]!r}; there are {', '.join(GROUPS)}", file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, _terminated)
    run = measure.Run(options.quick, options.importtime)
    started = time.perf_counter()
    noise = measure.Noise()
    groups = []
    for name in options.names or GROUPS:
        print(f"measuring {name} …", file=sys.stderr, flush=True)
        groups.append(_measured(GROUPS[name], run))
        noise.look()
    about: dict[str, Any] = {
        "date": datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "quick": run.quick,
        "seconds": round(time.perf_counter() - started, 1),
        "machine": measure.machine(),
        "versions": {**measure.versions(), **peers.tool_versions()},
        "noise": noise.as_json(),
    }
    text = json.dumps(report.as_json(about, groups), indent=2, ensure_ascii=False)
    if options.json is None:
        print(text, flush=True)
    else:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(text + "\n", encoding="utf-8")
    print(report.table(about, groups), file=sys.stdout if options.json else sys.stderr)
    if options.picture is not None:
        _draw(options.picture, about, groups)
    return 0 if report.all_met(groups) else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure the lab side by side with its peers.")
    parser.add_argument("names", nargs="*", metavar="GROUP", help=f"only these: {', '.join(GROUPS)}")
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds: two minutes")
    parser.add_argument(
        "--json", type=Path, metavar="FILE",
        help="JSON goes there, the table to standard output (without it: JSON to standard output, the table to "
        "standard error)",
    )  # fmt: skip
    parser.add_argument("--picture", type=Path, metavar="FILE", help="draw a PNG (needs matplotlib)")
    parser.add_argument("--importtime", action="store_true", help="list what `import wasicloud_lab` spends its time on")
    return parser


def _measured(module: ModuleType, run: measure.Run) -> report.Group:
    """One group; what goes wrong in it is part of the result, so that the others are measured all the same."""
    try:
        group: report.Group = module.run(run)
        return group
    except Exception as error:
        return report.Group(module.NAME, module.TITLE, failed=f"{type(error).__name__}: {error}")


def _draw(path: Path, about: dict[str, Any], groups: Sequence[report.Group]) -> None:
    try:
        from .picture import draw
    except ImportError:
        print("bench: no picture: it needs matplotlib (the dependency group `bench`)", file=sys.stderr)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    draw(path, about, groups)


def _terminated(_number: int, _frame: FrameType | None) -> None:
    """SIGTERM ends the run in the ordinary way, so that the servers it started are stopped."""
    raise SystemExit(143)


if __name__ == "__main__":
    sys.exit(main())
