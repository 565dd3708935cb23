"""Says where a value that does not fit its WIT type was met."""

from __future__ import annotations

from .scalars import ValueMismatch


def argument_misfit(label: str, name: str, error: ValueMismatch) -> ValueMismatch:
    """For an argument of an export."""
    return ValueMismatch(f"{label}: the argument {name!r} does not fit: {error}")


def returned_misfit(label: str, error: ValueMismatch) -> ValueMismatch:
    """For what a Python interface gave back to the guest."""
    return ValueMismatch(f"what was returned to the guest from {label} does not fit: {error}")
