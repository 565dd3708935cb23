"""`wasicloud-lab check-provider URL`: whether a store keeps what the lab, and so every guest, relies on."""

from __future__ import annotations

import argparse
import sys

from .errors import Denied, ProviderError, Unavailable
from .providers import conformance

DESCRIPTION = "Run the conformance suite on a key-value or blob store; what it makes there it removes."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's words to its parser."""
    parser.add_argument("url", metavar="URL", help="redis://localhost:6379, sqlite:///file.db, file:///folder, …")
    parser.add_argument(
        "--kind", choices=conformance.KINDS, help="where a URL may be either (memory://, nats://); default: both"
    )
    parser.add_argument("--quick", action="store_true", help="with smaller values and fewer keys and objects")
    parser.add_argument(
        "--only", action="append", default=[], metavar="NAME", help="this check only; may be there several times"
    )
    parser.add_argument("--json", action="store_true", help="for a script")


def run(options: argparse.Namespace) -> int:
    """Runs the suite and prints what came of it, each check as it ends.

    Returns:
        0: all is well; 1: a check failed; 2: the words were wrong.

    Raises:
        LabError: the store does not answer or let us in, or a package is missing: for the caller to print.
    """
    width = max(len(name) for kind in conformance.KINDS for name in conformance.names(kind))

    def tell(outcome: conformance.Outcome) -> None:
        for line in outcome.lines(width):
            print(line, flush=True)

    try:
        report = conformance.check(
            options.url,
            options.kind,
            quick=options.quick,
            only=options.only,
            progress=(lambda outcome: None) if options.json else tell,
        )
    except (Unavailable, Denied):
        raise
    except ProviderError as error:
        print(f"wasicloud-lab: {error}", file=sys.stderr)
        return 2
    if options.json:
        print(report.to_json())
    else:
        for kind in report.stores:
            print(report.headline(kind))
    return 0 if report.ok else 1
