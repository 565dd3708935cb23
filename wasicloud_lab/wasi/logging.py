"""wasi:logging: what guests log, into Python's `logging` and a list of the last records."""

from __future__ import annotations

import logging
import re
import time
from collections import deque
from typing import NamedTuple

from ..host.interface import interface

#: The logger that guests write to.
LOGGER = "wasicloud_lab.guest"
#: Characters of one message that are kept.
MESSAGE_LIMIT = 16 * 1024

LEVELS = {
    "trace": 5, "debug": logging.DEBUG, "info": logging.INFO,
    "warn": logging.WARNING, "error": logging.ERROR, "critical": logging.CRITICAL,
}  # fmt: skip

# Line breaks and terminal escapes in every disguise, and what makes text run backwards.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def escaped(text: str, limit: int = MESSAGE_LIMIT) -> str:
    """Text from a guest as one line that can't be taken for another, cut to `limit` characters."""
    if len(text) > limit:
        text = text[:limit] + "…"
    return _CONTROL.sub(lambda match: match[0].encode("unicode_escape").decode(), text)


class Record(NamedTuple):
    """One message of a guest.

    Attributes:
        time: when, as `time.time()` tells it.
        level: trace, debug, info, warn, error or critical.
        context: what groups the message with others; may be empty.
        message: the text, with control characters escaped.
    """

    time: float
    level: str
    context: str
    message: str

    def __str__(self) -> str:
        return f"{self.context}: {self.message}" if self.context else self.message


@interface("wasi:logging/logging@0.1.0-draft", "wasi:logging/logging")
class Logging:
    """The interface wasi:logging/logging.

    Args:
        capacity: how many records are kept.

    Attributes:
        records: the last records, oldest first.
    """

    def __init__(self, capacity: int = 1000) -> None:
        self.records: deque[Record] = deque(maxlen=capacity)
        self._logger = logging.getLogger(LOGGER)

    def log(self, level: str, context: str, message: str) -> None:
        record = Record(time.time(), level, escaped(context, 256), escaped(message))
        self.records.append(record)
        self._logger.log(LEVELS[level], "%s", record)
