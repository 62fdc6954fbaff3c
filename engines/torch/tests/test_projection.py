"""Sketches: the numbers of the product's other engine, and the device's way of summing."""

from __future__ import annotations

import unittest

import torch

from tive_torch.errors import EngineError
from tive_torch.philox import philox4x32
from tive_torch.projection import DeviceCountSketch, HostCountSketch, Segment, make_projector, packed_buckets
from tive_torch.small_sketch import SmallCountSketch

CPU = torch.device("cpu")
SEED = 2**53 - 1
SEGMENTS = [Segment(0, 334), Segment(334, 1), Segment(335, 665)]

# Made by algorithms/projection.ts with this seed, 1000 values ((37 i mod 101) - 50) / 16, i = 0, 1, …
SPARSE_8 = [-0.0625, 8.6875, 4.1875, -30.0625, 20.0625, -29.6875, 8.875, 20.875]
SPARSE_65536 = {
    102: 3.0625,
    333: 0.3125,
    375: -0.4375,
    390: 2.3125,
    393: -2.9375,
    403: 0.375,
    411: -0.8125,
    440: -0.0625,
}
RADEMACHER_136 = {
    0: -0.21437323142813536,
    17: -3.3978157181359565,
    34: -0.878930248855355,
    51: 5.659453309702793,
    68: -1.5756432509968032,
    85: -3.4514090259929935,
    102: -0.8038996178555118,
    119: -5.273581493132137,
}


def values() -> torch.Tensor:
    return (((torch.arange(1000) * 37) % 101 - 50) / 16).float()


def sketch(kind: str, width: int) -> torch.Tensor:
    """Of the values and of twice the values, [2, sketch]."""
    projector = make_projector(kind, width, SEED, SEGMENTS, 1000, CPU)  # type: ignore[arg-type]
    rows = torch.stack([values(), 2 * values()])
    parts = [projector.project(s, rows[:, s.start : s.start + s.count]) for s in SEGMENTS]
    return torch.stack(parts).sum(0)


class ProjectionTest(unittest.TestCase):
    def test_philox_gives_the_published_words_of_zeros(self) -> None:
        zero = torch.zeros(1, dtype=torch.int64)
        words = [int(word) for word in philox4x32((zero, zero, zero, zero), (0, 0))]
        self.assertEqual(words, [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8])

    def test_philox_gives_the_published_words_of_ones(self) -> None:
        ones = torch.full((1,), 2**32 - 1, dtype=torch.int64)
        words = [int(word) for word in philox4x32((ones, ones, ones, ones), (2**32 - 1, 2**32 - 1))]
        self.assertEqual(words, [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD])

    def test_a_count_sketch_is_that_of_typescript(self) -> None:
        found = sketch("sparse", 8)
        self.assertEqual(found[0].tolist(), SPARSE_8)
        self.assertEqual(found[1].tolist(), [2 * value for value in SPARSE_8])

    def test_a_wide_count_sketch_is_that_of_typescript(self) -> None:
        found = sketch("sparse", 65536)[0]
        self.assertEqual({place: float(found[place]) for place in SPARSE_65536}, SPARSE_65536)

    def test_dense_signs_are_those_of_typescript(self) -> None:
        found = sketch("rademacher", 136)[0]
        for place, value in RADEMACHER_136.items():
            self.assertAlmostEqual(float(found[place]), value, delta=1e-12)

    def test_no_projection_is_the_gradient(self) -> None:
        self.assertTrue(torch.equal(sketch("none", 1000)[0].float(), values()))

    def test_rows_of_buckets_give_what_the_host_gives(self) -> None:
        segment = Segment(5, 4096)
        rows = torch.randn(3, 4096, generator=torch.Generator().manual_seed(0))
        for width in (64, 32768):
            host = make_projector("sparse", width, 1, [segment], 5000, CPU)
            device = DeviceCountSketch(width, 1, [segment], CPU)
            difference = host.project(segment, rows) - device.project(segment, rows)
            self.assertLess(float(difference.abs().max()), 1e-12)

    def test_small_sketches_are_those_of_large_adapters_to_the_last_bit(self) -> None:
        segment = Segment(5, 4096)
        rows = torch.randn(3, 4096, generator=torch.Generator().manual_seed(0))
        for width in (64, 32768):
            tables = {segment: packed_buckets(segment, width, 1, CPU)}
            large = HostCountSketch(width, tables).project(segment, rows)
            for given in (rows, rows.double()):
                self.assertTrue(torch.equal(SmallCountSketch(width, tables).project(segment, given), large))

    def test_a_sketch_keeps_dot_products_on_average(self) -> None:
        rows = torch.randn(2, 4096, generator=torch.Generator().manual_seed(1))
        segment = Segment(0, 4096)
        dots = []
        for seed in range(60):
            z = make_projector("sparse", 256, seed, [segment], 4096, CPU).project(segment, rows)
            dots.append(float(z[0] @ z[0] / rows[0].double().square().sum()))
        self.assertAlmostEqual(sum(dots) / len(dots), 1, delta=0.05)

    def test_arguments_that_make_no_projection_are_refused(self) -> None:
        for kind, width, seed in (("sparse", 12, 0), ("rademacher", 0, 0), ("sparse", 8, -1), ("sparse", 8, 2**53)):
            with self.assertRaises(EngineError) as caught:
                make_projector(kind, width, seed, SEGMENTS, 1000, CPU)  # type: ignore[arg-type]
            self.assertEqual(caught.exception.kind, "config")
        with self.assertRaisesRegex(EngineError, r"must lie in \[0, 999\)"):
            make_projector("sparse", 8, 0, SEGMENTS, 999, CPU)


if __name__ == "__main__":
    unittest.main()
