"""Projections of per-example gradients to sketches: count-sketch, dense signs, or none.

The buckets and signs are those of the product's other engine: a function of kind, sketch, seed and coordinate alone.
Sums are made in float64 and in one order on any device: by ascending coordinate on the host, as one row of a padded
table for each bucket elsewhere. No atomic adds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

import torch

from .errors import config_error
from .philox import philox4x32, philox_key
from .small_sketch import SmallCountSketch, fits

Kind = Literal["sparse", "rademacher", "none"]

_BLOCK = 65536
_COUNTERS_AT_ONCE = 2**18
_SIGNS_AT_ONCE = 2**22


@dataclass(frozen=True)
class Segment:
    """Coordinates [start, start + count) of the gradient vector: one parameter, row-major."""

    start: int
    count: int


class Projector(Protocol):
    """A fixed linear map from [parameter] to [sketch], applied parameter by parameter."""

    sketch: int

    def project(self, segment: Segment, values: torch.Tensor) -> torch.Tensor:
        """The part of z that a segment's values [example, coordinate] make: [example, sketch], float64.

        The values are float32, or the same numbers as float64.
        """
        ...


def make_projector(
    kind: Kind, sketch: int, seed: int, segments: list[Segment], parameter_count: int, device: torch.device
) -> Projector:
    """The projector of a gradient vector whose parameters lie at `segments`."""
    check_segments(segments, parameter_count, seed)
    if kind == "none":
        return WholeGradient(parameter_count)
    if sketch < 1:
        raise config_error(f"projection.sketch: must be at least 1, got {sketch}")
    if kind == "rademacher":
        return DenseSigns(sketch, seed)
    return make_count_sketch(sketch, seed, segments, device)


def check_segments(segments: list[Segment], parameter_count: int, seed: int) -> None:
    """@raises EngineError of kind config for a seed or segments that cannot be."""
    if not 0 <= seed < 2**53:
        raise config_error(f"projection.seed: must be an integer in [0, 2^53), got {seed}")
    for segment in segments:
        if segment.start < 0 or segment.start + segment.count > parameter_count:
            got = f"[{segment.start}, {segment.start + segment.count})"
            raise config_error(f"coordinates: must lie in [0, {parameter_count}), got {got}")


def make_count_sketch(sketch: int, seed: int, segments: list[Segment], device: torch.device) -> Projector:
    """The count-sketch of a vector of these segments."""
    if sketch < 1 or sketch & (sketch - 1) != 0 or sketch > 2**30:
        raise config_error(f"projection.sketch: must be a power of two up to 2^30 for buckets, got {sketch}")
    if device.type == "cpu":
        tables = {segment: packed_buckets(segment, sketch, seed, device) for segment in segments}
        small = fits(sum(segment.count for segment in segments))
        return SmallCountSketch(sketch, tables) if small else HostCountSketch(sketch, tables)
    return DeviceCountSketch(sketch, seed, segments, device)


class WholeGradient:
    """z = g."""

    def __init__(self, parameter_count: int) -> None:
        self.sketch = parameter_count

    def project(self, segment: Segment, values: torch.Tensor) -> torch.Tensor:
        part = values.new_zeros((values.shape[0], self.sketch), dtype=torch.float64)
        part[:, segment.start : segment.start + segment.count] = values
        return part


def projection_key(seed: int) -> tuple[int, int]:
    return philox_key(b"tive-proj/v1\0", seed)


def packed_buckets(segment: Segment, sketch: int, seed: int, device: torch.device) -> torch.Tensor:
    """[coordinate] 2 · bucket + (1 for +): the low log2(2k) bits of word c mod 4 of counter ⌊c/4⌋.

    int16 where that holds them, else int32.
    """
    key = projection_key(seed)
    dtype = torch.int16 if 2 * sketch <= 2**15 else torch.int32
    first, last = segment.start // 4, (segment.start + segment.count + 3) // 4
    packed = torch.empty(4 * (last - first), dtype=dtype, device=device)
    for start in range(first, last, _COUNTERS_AT_ONCE):
        counter = torch.arange(start, min(start + _COUNTERS_AT_ONCE, last), device=device)
        zero = torch.zeros_like(counter)
        words = torch.stack(philox4x32((counter, zero, zero, zero), key), dim=1)
        packed[4 * (start - first) : 4 * (start - first) + words.numel()] = (words & (2 * sketch - 1)).reshape(-1)
    skipped = segment.start - 4 * first
    return packed[skipped : skipped + segment.count].clone()


class HostCountSketch:
    """z[h(c)] += ε(c) g_c on the host: 2 bytes a coordinate (4 above k = 16,384), about 3 ns a coordinate."""

    def __init__(self, sketch: int, tables: Mapping[Segment, torch.Tensor]) -> None:
        """`tables` are the packed buckets of each segment."""
        self.sketch = sketch
        self._tables = tables

    def project(self, segment: Segment, values: torch.Tensor) -> torch.Tensor:
        # A bin for each bucket and sign spares the product by the sign. In blocks that stay in the cache: parts of one
        # example's values, or several whole examples, whose bins lie one behind the other.
        table = self._tables[segment]
        examples, width = values.shape[0], 2 * self.sketch
        bins = torch.zeros((examples, width), dtype=torch.float64)
        at_once = max(1, _BLOCK // segment.count)
        for first in range(0, examples, at_once):
            last = min(first + at_once, examples)
            places = torch.arange(last - first, dtype=torch.int32).unsqueeze(1) * width
            for start in range(0, segment.count, _BLOCK):
                index = table[start : start + _BLOCK].int() + places
                block = values[first:last, start : start + _BLOCK].double()
                bins[first:last].view(-1).index_add_(0, index.view(-1), block.view(-1))
        return bins[:, 1::2] - bins[:, 0::2]


class DeviceCountSketch:
    """The same on a device: every bucket's coordinates stand in one row of a table, padded by an index of a zero."""

    def __init__(self, sketch: int, seed: int, segments: list[Segment], device: torch.device) -> None:
        self.sketch = sketch
        self._tables: dict[Segment, tuple[torch.Tensor, torch.Tensor]] = {}
        for segment in segments:
            packed = packed_buckets(segment, sketch, seed, device).int()
            self._tables[segment] = (rows_of_buckets(packed >> 1, sketch), (2 * (packed & 1) - 1).to(torch.int8))

    def project(self, segment: Segment, values: torch.Tensor) -> torch.Tensor:
        rows, signs = self._tables[segment]
        signed = torch.nn.functional.pad(values * signs, (0, 1))
        width = rows.shape[1]
        gathered = signed.index_select(1, rows.reshape(-1)).view(values.shape[0], self.sketch, width)
        return gathered.sum(2, dtype=torch.float64)


def rows_of_buckets(buckets: torch.Tensor, sketch: int) -> torch.Tensor:
    """[bucket, place] int32: coordinates of each bucket in ascending order, padded with their count."""
    count = buckets.numel()
    ordered, order = torch.sort(buckets, stable=True)
    starts = torch.searchsorted(ordered, torch.arange(sketch + 1, device=buckets.device, dtype=buckets.dtype))
    width = int((starts[1:] - starts[:-1]).max())
    place = torch.arange(count, device=buckets.device) - starts[ordered.long()]
    rows = torch.full((sketch * width,), count, dtype=torch.int32, device=buckets.device)
    rows[ordered.long() * width + place] = order.int()
    return rows.view(sketch, width)


class DenseSigns:
    """z_a = k^-½ Σ_c ε_ac g_c: word ⌊(a mod 128)/32⌋, bit a mod 32 of counter (⌊a/128⌋, c, 1, 0). P · k adds a row."""

    def __init__(self, sketch: int, seed: int) -> None:
        self.sketch = sketch
        self._key = projection_key(seed)

    def project(self, segment: Segment, values: torch.Tensor) -> torch.Tensor:
        part = values.new_zeros((values.shape[0], self.sketch), dtype=torch.float64)
        at_once = max(1, _SIGNS_AT_ONCE // self.sketch)
        for start in range(0, segment.count, at_once):
            block = values[:, start : start + at_once].double()
            part += block @ self._signs(segment.start + start, block.shape[1], values.device)
        return part.mul_(float(self.sketch) ** -0.5)

    def _signs(self, first: int, count: int, device: torch.device) -> torch.Tensor:
        """[coordinate, sketch] of ±1, float64."""
        shape = (count, (self.sketch + 127) // 128)
        coordinate = torch.arange(first, first + count, device=device).unsqueeze(1).expand(shape)
        output = torch.arange(shape[1], device=device).expand(shape)
        zero = torch.zeros_like(coordinate)
        words = torch.stack(philox4x32((output, coordinate, zero + 1, zero), self._key), dim=2)
        bits = (words.unsqueeze(3) >> torch.arange(32, device=device)) & 1
        return (2 * bits - 1).reshape(count, -1)[:, : self.sketch].double()
