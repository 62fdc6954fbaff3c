"""Sketches by products of projected sides, against explicit matrices."""

from __future__ import annotations

import unittest

import torch

from tive_torch.engine import Engine
from tive_torch.errors import EngineError
from tive_torch.kron import Kron, factors_of, signs_of
from tive_torch.philox import philox4x32
from tive_torch.projection import Segment, make_count_sketch, projection_key

from .support import Rows, adapter_of, coordinates_of, dialogues, family_folder

CPU = torch.device("cpu")
SHAPES = {"q.A": (4, 96), "q.B": (64, 4), "v.A": (4, 96), "v.B": (5, 4)}
SKETCH = 32
# With these, two examples of the first length are read token by token, those of the second as gradients.
FEW, MANY = 1, 40


def tokens(count: int, seed: int, examples: int = 2) -> dict[str, tuple[torch.Tensor, torch.Tensor]]:
    """Inputs and gradients of outputs by factor, `[example · token, in]` and `[example · token, out]`."""
    generator = torch.Generator().manual_seed(seed)
    return {
        name: (
            torch.randn(examples * count, shape[1], generator=generator),
            torch.randn(examples * count, shape[0], generator=generator),
        )
        for name, shape in SHAPES.items()
    }


def gradients(found: dict[str, tuple[torch.Tensor, torch.Tensor]], examples: int = 2) -> dict[str, torch.Tensor]:
    """`[example, out, in]` by factor, float64."""
    return {
        name: torch.einsum(
            "eto,eti->eoi", *(value.double().reshape(examples, -1, value.shape[1]) for value in (dy, x))
        )
        for name, (x, dy) in found.items()
    }


def read(
    found: dict[str, tuple[torch.Tensor, torch.Tensor]], seed: int, examples: int = 2
) -> tuple[torch.Tensor, torch.Tensor]:
    """Squared norm `[example]` and sketch `[example, sketch]` of all factors."""
    kron = Kron(SHAPES, SKETCH, seed, CPU)
    parts = [kron.read(name, *found[name], examples) for name in SHAPES]
    return sum(square for square, _ in parts), sum(part for _, part in parts)  # type: ignore[return-value]


class KronTest(unittest.TestCase):
    def test_widths_fill_the_sketch_four_times_and_no_side_grows(self) -> None:
        factors = factors_of(list(SHAPES.values()), SKETCH)
        self.assertEqual([factor.width for factor in factors], [32, 32, 32, 5])
        self.assertEqual(
            [factor.segment for factor in factors],
            [Segment(0, 128), Segment(128, 128), Segment(256, 128), Segment(384, 20)],
        )
        seven = factors_of([(128, 4096), (4096, 128)] * 128, 8192)
        self.assertEqual({factor.width for factor in seven}, {128})

    def test_signs_are_philoxs_by_column_and_factor(self) -> None:
        factor = factors_of([(4, 300)], 64)[0]
        self.assertEqual(factor.width, 256)
        signs = signs_of(7, factor, 3, CPU)
        assert signs is not None
        self.assertEqual(tuple(signs.shape), (256, 300))
        for row, column in ((0, 0), (5, 299), (33, 17), (128, 2), (255, 131)):
            counter = tuple(torch.tensor([word]) for word in (row // 128, column, 2, 7))
            words = philox4x32(counter, projection_key(3))  # type: ignore[arg-type]
            bit = int(words[row % 128 // 32]) >> (row % 32) & 1
            self.assertEqual(int(signs[row, column]), 2 * bit - 1)

    def test_a_sketch_is_the_product_with_explicit_matrices(self) -> None:
        factors = factors_of(list(SHAPES.values()), SKETCH)
        for count in (FEW, MANY):
            found = tokens(count, 1)
            products = []
            for number, (factor, gradient) in enumerate(zip(factors, gradients(found).values(), strict=True)):
                signs = signs_of(number, factor, 5, CPU)
                if signs is not None:
                    matrix = signs.double() / factor.width**0.5
                    gradient = gradient @ matrix.T if factor.projects_input else matrix @ gradient
                products.append(gradient.reshape(2, -1))
            whole = Segment(0, sum(factor.segment.count for factor in factors))
            wanted = make_count_sketch(SKETCH, 5, [whole], CPU).project(whole, torch.cat(products, 1))
            self.assertLess(float((read(found, 5)[1] - wanted).norm() / wanted.norm()), 1e-6)

    def test_norms_are_those_of_whole_gradients(self) -> None:
        for count in (FEW, MANY):
            found = tokens(count, 2)
            wanted = sum(gradient.square().sum((1, 2)) for gradient in gradients(found).values())
            self.assertTrue(torch.allclose(read(found, 0)[0], wanted, rtol=1e-6, atol=0))  # type: ignore[arg-type]

    def test_examples_of_a_batch_are_read_as_alone_with_padding_beside_them(self) -> None:
        for count in (FEW, MANY):
            found = tokens(count, 3)
            squares, sketch = read(found, 0)
            for example in range(2):
                own = slice(example * count, (example + 1) * count)
                alone = {
                    name: tuple(torch.cat([value[own], torch.zeros(3, value.shape[1])]) for value in pair)
                    for name, pair in found.items()
                }
                square, row = read(alone, 0, examples=1)  # type: ignore[arg-type]
                self.assertLess(float((row[0] - sketch[example]).norm() / sketch[example].norm()), 1e-6)
                self.assertAlmostEqual(float(square[0] / squares[example]), 1, delta=1e-6)

    def test_a_sketch_is_linear(self) -> None:
        found = tokens(MANY, 4, examples=1)
        twice = {name: (torch.cat([x, x]), torch.cat([dy, -3 * dy])) for name, (x, dy) in found.items()}
        once, sum_of_both = read(found, 0, 1)[1], read(twice, 0, 1)[1]
        self.assertLess(float((sum_of_both + 2 * once).norm() / once.norm()), 1e-6)

    def test_dot_products_and_norms_are_kept_on_average(self) -> None:
        found = tokens(FEW, 5)
        vectors = torch.cat([gradient.reshape(2, -1) for gradient in gradients(found).values()], 1)
        wanted = vectors @ vectors.T
        dots = []
        for seed in range(400):
            sketch = read(found, seed)[1]
            dots.append(sketch @ sketch.T)
        stacked = torch.stack(dots)
        # Four standard errors of the mean.
        error = 4 * stacked.std(0) / len(dots) ** 0.5
        self.assertTrue(bool(((stacked.mean(0) - wanted).abs() < error).all()), f"{stacked.mean(0)} {wanted} {error}")
        self.assertLess(float(error.max() / wanted.max()), 0.1)

    def test_a_models_rows_have_the_same_sketch_alone_and_the_norm_of_the_whole_gradient(self) -> None:
        engine = Engine()
        facts = engine.answer({"call": "load", "folder": family_folder("qwen3"), "dtype": "float32"}, {})[0]
        described, tensors = adapter_of(facts)
        coordinates, count = coordinates_of(tensors)
        rows = Rows(engine, dialogues(with_pictures=False))

        def gradients(kind: str, numbers: list[int]) -> dict[str, torch.Tensor]:
            request = {"call": "open_gradients", "adapter": described, "cutoff": 4096}
            request |= {"coordinates": coordinates, "parameterCount": count}
            request["projection"] = {"kind": kind, "sketch": 64, "seed": 0}
            handle = engine.answer(request, tensors)[0]["handle"]
            given = [rows.described[number] for number in numbers]
            found = engine.answer({"call": "gradients", "handle": handle, "rows": given}, {})[1]
            engine.answer({"call": "close", "handle": handle}, {})
            return found

        together, whole = gradients("kron", [0, 1, 2, 3]), gradients("none", [0, 1, 2, 3])
        self.assertTrue(torch.allclose(together["norm"], whole["norm"], rtol=1e-6, atol=0))
        for number in range(4):
            alone = gradients("kron", [number])["sketch"][0]
            self.assertLess(float((alone - together["sketch"][number]).norm() / alone.norm()), 1e-4)

    def test_a_sketch_that_is_no_power_of_two_is_refused(self) -> None:
        with self.assertRaises(EngineError) as caught:
            Kron(SHAPES, 48, 0, CPU)
        self.assertEqual(caught.exception.kind, "config")


if __name__ == "__main__":
    unittest.main()
