"""Sketches by products (LoGra, arXiv:2405.13954): the long side of each of LoRA's factors is projected by itself.

A factor's gradient is a sum over tokens, dW = Σ dy xᵀ `[out, in]`. With random signs Π `[width, long]` over √width

    dA Πᵀ = Σ dh (Π x)ᵀ   [rank, width]        Π dB = Σ (Π dy) hᵀ   [width, rank]

and a count-sketch takes these products of all factors, one behind the other, to the k numbers of the sketch. Both maps
are linear and unbiased for dot products and drawn apart, so what they make together is unbiased too. What is kept is
width bytes a unit of a long side, where the count-sketch of a whole gradient keeps 2 · rank.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch

from .per_example import by_example, per_example
from .philox import philox4x32
from .projection import Projector, Segment, make_count_sketch, projection_key

# All widths together, in sketches: of gradients that lie evenly on factors of rank one, Π then adds a quarter of the
# variance that the count-sketch has.
_SKETCHES = 4
_STEP = 8
# Third word of a counter; those of buckets and of dense signs are 0 and 1.
_PURPOSE = 2


@dataclass(frozen=True)
class Factor:
    """A matrix of the adapter, `[out, in]`, and where its products lie among all."""

    out: int
    input: int
    width: int
    """Of the projected side; the whole of it where it is no longer than that, and then it stays as it is."""
    segment: Segment

    @property
    def long(self) -> int:
        return max(self.out, self.input)

    @property
    def projects_input(self) -> bool:
        return self.input >= self.out


def factors_of(shapes: Sequence[tuple[int, int]], sketch: int) -> list[Factor]:
    """Factors in the order of the gradient vector. Widths: the least multiple of 8 that fills the sketch four times."""
    width = math.ceil(_SKETCHES * sketch / len(shapes) / _STEP) * _STEP
    start, factors = 0, []
    for out, input in shapes:
        taken = min(width, max(out, input))
        factors.append(Factor(out, input, taken, Segment(start, taken * min(out, input))))
        start += factors[-1].segment.count
    return factors


class Kron:
    """Norms and sketches of gradients of which one at a time is formed, and none where rows are short."""

    def __init__(self, shapes: Mapping[str, tuple[int, int]], sketch: int, seed: int, device: torch.device) -> None:
        """`shapes` are `[out, in]` of the factors, in the order of the gradient vector."""
        factors = factors_of(list(shapes.values()), sketch)
        self.factors = dict(zip(shapes, factors, strict=True))
        self._signs = {
            name: signs_of(number, factor, seed, device) for number, (name, factor) in enumerate(self.factors.items())
        }
        self._count_sketch: Projector = make_count_sketch(sketch, seed, [f.segment for f in factors], device)

    def read(self, name: str, x: torch.Tensor, dy: torch.Tensor, examples: int) -> tuple[torch.Tensor, torch.Tensor]:
        factor, signs = self.factors[name], self._signs[name]
        tokens = x.numel() // x.shape[-1] // examples
        # The exact norm costs a product of all pairs of tokens, or the gradient. Where that is formed, projecting it
        # costs less than projecting the tokens that it is the sum of.
        short = 2 * tokens * (factor.out + factor.input) < factor.out * factor.input
        squares, products = (_of_tokens if short else _of_gradient)(factor, signs, x, dy, examples)
        return squares, self._count_sketch.project(factor.segment, products.reshape(examples, -1))


def _of_gradient(
    factor: Factor, signs: torch.Tensor | None, x: torch.Tensor, dy: torch.Tensor, examples: int
) -> tuple[torch.Tensor, torch.Tensor]:
    gradient = per_example(x, dy, examples)
    squares = torch.linalg.vector_norm(gradient, dim=1, dtype=torch.float64).square()
    if signs is None:
        return squares, gradient
    gradient = gradient.view(examples, factor.out, factor.input)
    scaled = _scaled(signs, torch.float32)
    return squares, gradient @ scaled.T if factor.projects_input else scaled @ gradient


def _of_tokens(
    factor: Factor, signs: torch.Tensor | None, x: torch.Tensor, dy: torch.Tensor, examples: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """‖dyᵀ x‖² is the sum of ⟨x, x'⟩ ⟨dy, dy'⟩ over all pairs of tokens."""
    inputs, outputs = by_example(x, examples).double(), by_example(dy, examples).double()
    pairs = (inputs @ inputs.transpose(1, 2)) * (outputs @ outputs.transpose(1, 2))
    # Rounding may make a zero negative.
    squares = pairs.sum((1, 2)).clamp(min=0)
    if signs is not None:
        scaled = _scaled(signs, torch.float64)
        inputs, outputs = (inputs @ scaled.T, outputs) if factor.projects_input else (inputs, outputs @ scaled.T)
    return squares, outputs.transpose(1, 2) @ inputs


def signs_of(number: int, factor: Factor, seed: int, device: torch.device) -> torch.Tensor | None:
    """Π without its scale, int8 `[width, long]`; None where the side stays as it is.

    Row a, column c: + where word ⌊(a mod 128)/32⌋ of counter (⌊a/128⌋, c, 2, number) has bit a mod 32.
    """
    if factor.width == factor.long:
        return None
    shape = (factor.long, (factor.width + 127) // 128)
    column = torch.arange(factor.long, device=device).unsqueeze(1).expand(shape)
    block = torch.arange(shape[1], device=device).expand(shape)
    counter = (block, column, torch.full_like(block, _PURPOSE), torch.full_like(block, number))
    words = torch.stack(philox4x32(counter, projection_key(seed)), dim=2)
    bits = (words.unsqueeze(3) >> torch.arange(32, device=device)) & 1
    return (2 * bits - 1).to(torch.int8).reshape(factor.long, -1)[:, : factor.width].T.contiguous()


def _scaled(signs: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    return signs.to(dtype).mul_(float(signs.shape[0]) ** -0.5)
