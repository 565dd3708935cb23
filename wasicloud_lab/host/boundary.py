"""Which of the two ways across the boundary this process takes, decided once.

`fast` works on the C structures of the wasmtime it was written for; should their layout differ, or
`WASICLOUD_LAB_CODEC=portable` ask for it, `portable` goes through the public API.
"""

from __future__ import annotations

import os
import warnings

from . import capi, fast, portable


def choose() -> str | None:
    """Why the portable way is to be taken, or None; warns when it is because of the layout."""
    if os.environ.get("WASICLOUD_LAB_CODEC") == "portable":
        return "WASICLOUD_LAB_CODEC=portable"
    problem = capi.layout_problem()
    if problem is not None:
        warnings.warn(
            f"wasmtime {capi.wasmtime_version()} lays out its values in another way ({problem}): calls between guest "
            "and host go through its public API and are about ten times slower. An update of wasicloud-lab brings "
            "the speed back; so does `pip install 'wasmtime>=50,<51'`.",
            RuntimeWarning,
            stacklevel=2,
        )
    return problem


#: Why calls are slow, or None when they are not.
PORTABLE_BECAUSE = choose()

_way = fast if PORTABLE_BECAUSE is None else portable
add_function = _way.add_function
add_resource = _way.add_resource
Caller = _way.Caller


def codec_in_use() -> str:
    """For `wasicloud-lab doctor`."""
    return "fast" if PORTABLE_BECAUSE is None else f"portable ({PORTABLE_BECAUSE})"
