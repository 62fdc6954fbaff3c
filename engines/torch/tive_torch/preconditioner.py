"""Gradients of single examples as Adam would scale them, before any projection (LESS, arXiv:2402.04333)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from .errors import data_error

# Under the root, and so no epsilon of AdamW, which stands beside it.
_EPSILON = 1e-8


class AdamPreconditioner:
    """(β₁m + (1−β₁)g) / √(β₂v + (1−β₂)g² + 1e-8), coordinate by coordinate, with the moments of a finished training."""

    def __init__(
        self,
        betas: Mapping[str, Any],
        shapes: Mapping[str, torch.Size],
        tensors: Mapping[str, torch.Tensor],
        device: torch.device,
    ) -> None:
        """`tensors` hold `first.{name}` and `second.{name}`, float32 of each parameter's shape."""
        self._beta1, self._beta2 = float(betas["beta1"]), float(betas["beta2"])
        self._first = {name: _moment(f"first.{name}", shape, tensors).to(device) for name, shape in shapes.items()}
        self._second = {name: _moment(f"second.{name}", shape, tensors).to(device) for name, shape in shapes.items()}

    def scale(self, name: str, gradient: torch.Tensor) -> torch.Tensor:
        """A parameter's gradients `[example, coordinate]`, scaled: of their own dtype, on their device."""
        first = self._first[name].to(gradient.dtype).mul(self._beta1)
        second = self._second[name].to(gradient.dtype).mul(self._beta2)
        squares = gradient.square().mul_(1 - self._beta2).add_(second).add_(_EPSILON)
        return gradient.mul(1 - self._beta1).add_(first).div_(squares.sqrt_())


def _moment(name: str, shape: torch.Size, tensors: Mapping[str, torch.Tensor]) -> torch.Tensor:
    """`[coordinate]`, row-major."""
    found = tensors.get(name)
    if found is None or found.dtype != torch.float32 or found.shape != shape:
        got = "none" if found is None else f"{found.dtype} {list(found.shape)}"
        raise data_error(f"{name}: must be float32 {list(shape)} in the request's body, got {got}")
    return found.reshape(-1)
