"""Count-sketches of small adapters on the host, as products with a sparse matrix."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from .projection import Segment

# What 12 bytes a coordinate may come to, in coordinates: 25 MB.
LARGEST_COUNT = 2**21


def fits(count: int) -> bool:
    """Whether these products are there and their matrices small."""
    has_products: bool = torch.backends.mkl.is_available()  # type: ignore[no-untyped-call]
    return has_products and count <= LARGEST_COUNT


class SmallCountSketch:
    """z = S g in float64, a matrix [bucket, coordinate] of ±1 for each segment: 12 bytes a coordinate, 2 ns a coordinate.

    The sums of a bucket are made in ascending order of coordinates, as elsewhere.
    """

    def __init__(self, sketch: int, packed: Mapping[Segment, torch.Tensor]) -> None:
        """`packed` are 2 · bucket + (1 for +) of each coordinate."""
        self.sketch = sketch
        self._matrices = {segment: _matrix(table.int(), sketch) for segment, table in packed.items()}

    def project(self, segment: Segment, values: torch.Tensor) -> torch.Tensor:
        part = torch.zeros((values.shape[0], self.sketch), dtype=torch.float64)
        # Of transposed views, so that every example's values stay one behind the other.
        part.T.addmm_(self._matrices[segment], values.double().T)
        return part


def _matrix(packed: torch.Tensor, sketch: int) -> torch.Tensor:
    """`[bucket, coordinate]` ±1, compressed by rows."""
    ordered, order = torch.sort(packed >> 1, stable=True)
    starts = torch.searchsorted(ordered, torch.arange(sketch + 1, dtype=ordered.dtype)).int()
    signs = (2 * (packed & 1) - 1).double()
    with warnings.catch_warnings():
        # That such matrices may change in later releases is not news to the user.
        warnings.simplefilter("ignore", UserWarning)
        return torch.sparse_csr_tensor(starts, order.int(), signs[order], (sketch, packed.numel()))
