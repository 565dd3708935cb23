"""The steps of the talk, in its order."""

from __future__ import annotations

from ..step import Step, ToCome
from .blobby import Blobby, Compose
from .close import Close
from .cloud import Cloud
from .gopher import LoadData, LocalDev
from .hello import Basics
from .locality import Locality
from .problems import Coupled, Portable, Sidecars
from .swap import Swap
from .worlds import Worlds

STEPS: tuple[Step, ...] = (
    Portable(), Coupled(), Sidecars(), Worlds(), Basics(), LocalDev(), LoadData(), Swap(), Blobby(), Compose(), Cloud(),
    Locality(), Close(),
)  # fmt: skip

TO_COME = (
    ToCome(
        "11",
        "WASI Cloud with LLMs",
        "The title",
        "the lab has no interface to a language model yet; then the model will be a provider, swapped like any other",
    ),
)
