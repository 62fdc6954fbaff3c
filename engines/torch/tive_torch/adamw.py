"""AdamW as torch's, on the device, after clipping by the global norm."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch


@dataclass(frozen=True)
class Settings:
    beta1: float
    beta2: float
    epsilon: float
    weight_decay: float
    max_gradient_norm: float

    @staticmethod
    def read(found: Mapping[str, Any]) -> Settings:
        return Settings(
            float(found["beta1"]),
            float(found["beta2"]),
            float(found["epsilon"]),
            float(found["weightDecay"]),
            float(found["maxGradientNorm"]),
        )


class AdamW:
    """m ← β₁m + (1−β₁)g, v ← β₂v + (1−β₂)g², p ← p(1 − ηλ) − η · m̂ / (√v̂ + ε), all float32 and in place."""

    def __init__(
        self,
        values: dict[str, torch.Tensor],
        first: dict[str, torch.Tensor],
        second: dict[str, torch.Tensor],
        step: int,
        settings: Settings,
    ) -> None:
        self.values = values
        self.first = first
        self.second = second
        self.step = step
        self._settings = settings

    @torch.no_grad()
    def update(self, gradients: Mapping[str, torch.Tensor | None], learning_rate: float) -> float:
        """One step; parameters without a gradient have one of zeros.

        @returns the global norm before clipping. Where it is not finite nothing changes.
        """
        norm = global_norm(gradients)
        if not math.isfinite(norm):
            return norm
        self.step += 1
        settings = self._settings
        factor = min(1.0, settings.max_gradient_norm / (norm + 1e-6))
        for name, value in self.values.items():
            gradient = gradients.get(name)
            self._update_one(name, torch.zeros_like(value) if gradient is None else gradient * factor, learning_rate)
        return norm

    def _update_one(self, name: str, gradient: torch.Tensor, learning_rate: float) -> None:
        settings = self._settings
        value, first, second = self.values[name], self.first[name], self.second[name]
        value.mul_(1 - learning_rate * settings.weight_decay)
        first.lerp_(gradient, 1 - settings.beta1)
        second.mul_(settings.beta2).addcmul_(gradient, gradient, value=1 - settings.beta2)
        correction = math.sqrt(1 - settings.beta2**self.step)
        scale = (second.sqrt() / correction).add_(settings.epsilon)
        value.addcdiv_(first, scale, value=-learning_rate / (1 - settings.beta1**self.step))


def global_norm(gradients: Mapping[str, torch.Tensor | None]) -> float:
    """√Σ g² over all tensors, summed in float64, in the order of the mapping."""
    norms = [
        torch.linalg.vector_norm(gradient, dtype=torch.float64)
        for gradient in gradients.values()
        if gradient is not None
    ]
    return float(torch.stack(norms).square().sum().sqrt()) if norms else 0.0
