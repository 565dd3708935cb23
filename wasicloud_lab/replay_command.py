"""`wasicloud-lab replay`: its words. What it does is in `replay/command.py`, and loaded when it is asked for."""

from __future__ import annotations

import argparse

DESCRIPTION = "Replay the talk 'WASI Cloud with LLMs' step by step; every claim runs."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's words to its parser."""
    what = parser.add_mutually_exclusive_group()
    what.add_argument(
        "--auto", action="store_true", help="run all steps; exit status 0 only if each showed what it must"
    )
    what.add_argument("--list", action="store_true", help="list the steps")
    what.add_argument("--step", metavar="N", help="run this step alone, with what it needs set up: 0a, 0b, 0c, 1, … 10")
    parser.add_argument(
        "--json", action="store_true", help="events as JSON, one a line (without --step or --list: of all)"
    )
    parser.add_argument(
        "--quick",
        action=argparse.BooleanOptionalAction,
        help="leave out what takes long: fewer rounds, nothing built (with --resume: as before, unless told)",
    )
    parser.add_argument("--resume", action="store_true", help="go on where your last replay ended")
    parser.add_argument(
        "--port", type=_port, default=8080, help="where components are served (default 8080; another when it is busy)"
    )


def run(options: argparse.Namespace) -> int:
    """Runs the command; answers the exit status."""
    from .replay import command

    return command.run(options)


def _port(text: str) -> int:
    if not text.isdigit() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port")
    return int(text)
