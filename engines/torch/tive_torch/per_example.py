"""The gradient of a linear layer's weight, example by example."""

from __future__ import annotations

import torch

from .errors import EngineError


def per_example(x: torch.Tensor, dy: torch.Tensor, example_count: int) -> torch.Tensor:
    """`[example, out · in]` float32: dy_jᵀ x_j of x [example · token, in] and dy [example · token, out]."""
    inputs, outputs = by_example(x, example_count), by_example(dy, example_count)
    if inputs.shape[1] != outputs.shape[1]:
        raise EngineError("internal", f"tap: tokens must agree, got {inputs.shape[1]} and {outputs.shape[1]}")
    if x.is_cuda and x.dtype == dy.dtype == torch.bfloat16:
        # Products of bfloat16 are exact in float32: the same numbers as those of float32 copies, and faster.
        products = torch.bmm(outputs.transpose(1, 2), inputs, out_dtype=torch.float32)
    else:
        products = torch.bmm(outputs.float().transpose(1, 2), inputs.float())
    return products.reshape(example_count, -1)


def by_example(values: torch.Tensor, example_count: int) -> torch.Tensor:
    """`[example, token, width]` of `[example · token, width]`."""
    return values.reshape(example_count, -1, values.shape[-1])
