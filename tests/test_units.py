"""Bytes and seconds for people."""

from __future__ import annotations

import pytest

from wasicloud_lab.units import fine_text, seconds_text, size_text


@pytest.mark.parametrize(
    ("size", "said"),
    [
        (0, "0 bytes"), (1, "1 byte"), (1023, "1023 bytes"), (1024, "1 KiB"), (1536, "1.5 KiB"), (1_234_567, "1.2 MiB"),
        ((1 << 20) - 52, "1023.9 KiB"), ((1 << 20) - 1, "1 MiB"), (1 << 20, "1 MiB"), (5 << 30, "5 GiB"),
        (3000 << 40, "3000 TiB"),
    ],
)  # fmt: skip
def test_sizes(size: int, said: str) -> None:
    assert size_text(size) == said


@pytest.mark.parametrize(
    ("seconds", "said", "finely"),
    [
        (0.0, "0 ms", "0 µs"), (0.000017, "0.017 ms", "17 µs"), (0.0009994, "1 ms", "999 µs"),
        (0.00123, "1.2 ms", "1.23 ms"), (0.0994, "99 ms", "99.4 ms"), (0.2, "0.20 s", "200 ms"),
        (0.9999, "1.00 s", "1 s"), (1.254, "1.25 s", "1.25 s"), (1234.5, "1234.50 s", "1234 s"),
    ],
)  # fmt: skip
def test_durations(seconds: float, said: str, finely: str) -> None:
    assert (seconds_text(seconds), fine_text(seconds)) == (said, finely)
