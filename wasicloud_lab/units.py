"""Bytes and seconds for people, the same words everywhere in the lab."""

from __future__ import annotations


def size_text(size: int) -> str:
    """A number of bytes for people: "1 byte", "812 bytes", "64 KiB", "1.5 MiB"."""
    if size < 1024:
        return "1 byte" if size == 1 else f"{size} bytes"
    value = float(size)
    for unit in ("KiB", "MiB", "GiB", "TiB"):
        value /= 1024
        if value < 1023.95 or unit == "TiB":
            break
    return f"{value:.1f}".removesuffix(".0") + f" {unit}"


def seconds_text(seconds: float) -> str:
    """A duration for people: "0.4 ms", "1.25 s"."""
    return f"{seconds * 1000:.2g} ms" if seconds < 0.0995 else f"{seconds:.2f} s"


def fine_text(seconds: float) -> str:
    """A duration where microseconds count: "17 µs", "1.23 ms"."""
    if seconds < 0.0009995:
        return f"{seconds * 1e6:.0f} µs"
    if seconds < 0.9995:
        return f"{seconds * 1e3:.3g} ms"
    return f"{seconds:.3g} s" if seconds < 999.5 else f"{seconds:.0f} s"
