"""Gradients scaled by moments of Adam: against the formula in float64, on the tiny LLaVA."""

from __future__ import annotations

import unittest
from typing import Any, ClassVar

import torch

from tive_torch.engine import Engine
from tive_torch.errors import EngineError
from tive_torch.frames import Tensors
from tive_torch.projection import Segment, make_projector

from .support import Rows, adapter_of, coordinates_of, dialogues, family_folder

BETAS = {"beta1": 0.9, "beta2": 0.999}


def moments_of(tensors: Tensors, scale: float) -> Tensors:
    """Moments of any size beside gradients of about `scale`; every seventh coordinate has none yet."""
    generator = torch.Generator().manual_seed(5)
    moments: Tensors = {}
    for name, value in tensors.items():
        first = torch.randn(value.shape, generator=generator) * scale
        second = torch.rand(value.shape, generator=generator) * scale**2
        second.view(-1)[::7] = 0
        moments[f"first.{name}"], moments[f"second.{name}"] = first, second
    return moments


def scaled(gradient: torch.Tensor, tensors: Tensors, moments: Tensors) -> torch.Tensor:
    """The formula, slowly: `[example, parameter]` float64."""
    first = torch.cat([moments[f"first.{name}"].reshape(-1) for name in tensors]).double()
    second = torch.cat([moments[f"second.{name}"].reshape(-1) for name in tensors]).double()
    g = gradient.double()
    return (0.9 * first + 0.1 * g) / torch.sqrt(0.999 * second + 0.001 * g**2 + 1e-8)


class PreconditionerTest(unittest.TestCase):
    engine: ClassVar[Engine]
    rows: ClassVar[Rows]
    adapter: ClassVar[tuple[dict[str, Any], Tensors]]
    moments: ClassVar[Tensors]
    plain: ClassVar[Tensors]

    @classmethod
    def setUpClass(cls) -> None:
        cls.engine = Engine()
        facts, _ = cls.engine.answer({"call": "load", "folder": family_folder("llava"), "dtype": "float32"}, {})
        cls.rows = Rows(cls.engine, dialogues(True))
        cls.adapter = adapter_of(facts)
        tensors = cls.adapter[1]
        _, count = coordinates_of(tensors)
        cls.plain = cls.read({"kind": "none", "sketch": count, "seed": 0}, {})
        cls.moments = moments_of(tensors, float(cls.plain["sketch"].abs().mean()))

    @classmethod
    def open(cls, projection: dict[str, Any], moments: Tensors) -> int:
        described, tensors = cls.adapter
        coordinates, count = coordinates_of(tensors)
        request: dict[str, Any] = {
            "call": "open_gradients",
            "adapter": described,
            "coordinates": coordinates,
            "parameterCount": count,
            "cutoff": 4096,
            "projection": projection,
        }
        if moments:
            request["moments"] = BETAS
        return int(cls.engine.answer(request, {**tensors, **moments})[0]["handle"])

    @classmethod
    def read(cls, projection: dict[str, Any], moments: Tensors) -> Tensors:
        handle = cls.open(projection, moments)
        found = cls.engine.answer(
            {"call": "gradients", "handle": handle, "rows": cls.rows.described}, cls.rows.tensors
        )[1]
        cls.engine.answer({"call": "close", "handle": handle}, {})
        return found

    def test_each_coordinate_is_what_the_formula_says_and_all_else_is_plain(self) -> None:
        tensors = self.adapter[1]
        _, count = coordinates_of(tensors)
        found = self.read({"kind": "none", "sketch": count, "seed": 0}, self.moments)
        wanted = scaled(self.plain["sketch"], tensors, self.moments)
        self.assertLess(float((found["sketch"] - wanted).abs().max()), 1e-6 * float(wanted.abs().max()))
        for name in ("loss", "count", "norm", "el2n"):
            self.assertTrue(torch.equal(found[name], self.plain[name]), name)

    def test_what_is_projected_is_the_scaled_gradient(self) -> None:
        tensors = self.adapter[1]
        coordinates, count = coordinates_of(tensors)
        segments = [Segment(int(c["start"]), tensors[c["name"]].numel()) for c in coordinates]
        wanted = scaled(self.plain["sketch"], tensors, self.moments)
        for kind in ("sparse", "rademacher"):
            found = self.read({"kind": kind, "sketch": 64, "seed": 3}, self.moments)["sketch"]
            projector = make_projector(kind, 64, 3, segments, count, torch.device("cpu"))
            sums = torch.zeros((wanted.shape[0], 64), dtype=torch.float64)
            for segment in segments:
                sums += projector.project(segment, wanted[:, segment.start : segment.start + segment.count])
            self.assertLess(float((found - sums).abs().max()), 1e-6 * float(sums.norm(dim=1).max()), kind)

    def test_moments_that_are_not_there_or_of_other_shapes_are_refused(self) -> None:
        projection = {"kind": "sparse", "sketch": 64, "seed": 0}
        name = next(name for name in self.moments if name.startswith("second."))
        for broken in ({}, {name: self.moments[name].T.contiguous()}, {name: self.moments[name].double()}):
            others = {key: value for key, value in self.moments.items() if key != name}
            with self.assertRaisesRegex(EngineError, f"{name}: must be float32"):
                self.open(projection, {**others, **broken})

    def test_products_of_factors_cannot_be_scaled(self) -> None:
        with self.assertRaisesRegex(EngineError, "moments: must not be given with projection kron"):
            self.open({"kind": "kron", "sketch": 64, "seed": 0}, self.moments)


if __name__ == "__main__":
    unittest.main()
