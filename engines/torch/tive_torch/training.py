"""Training of an adapter: gradients of micro-batches added up, a clipped AdamW step, the state in and out."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch

from .adamw import AdamW, Settings, global_norm
from .adapter import Adapter
from .errors import data_error
from .head import answers, cross_entropies, sums_by_example
from .per_example import per_example
from .rows import Batch


class Trainer:
    """Float32 values, moments and gradient of an adapter, on the device; the model has a copy in its dtype."""

    def __init__(self, adapter: Adapter, request: Mapping[str, Any], tensors: Mapping[str, torch.Tensor]) -> None:
        self.adapter = adapter
        self.cutoff = int(request["cutoff"])
        device = adapter.model.device
        self._values = {name: adapter.values[name].to(device).clone() for name in adapter.names}
        settings = Settings.read(request["optimizer"])
        step = int(request["step"])
        moments = {
            kind: {
                name: _moment(f"{kind}.{name}", adapter.values[name], tensors, step).to(device)
                for name in adapter.names
            }
            for kind in ("first", "second")
        }
        self._optimizer = AdamW(self._values, moments["first"], moments["second"], step, settings)
        self._gradient: dict[str, torch.Tensor] = {}

    def add_micro_batch(self, batch: Batch, weight: float) -> float:
        """weight · Σ cross-entropies over all answer tokens; its gradient is added to the step's."""
        made: dict[str, torch.Tensor] = {}
        self.adapter.activate({name: _gradient_into(made) for name in self.adapter.names})
        found = answers(self.adapter.model, batch)
        losses = cross_entropies(found)
        (losses.sum() * weight).backward()  # type: ignore[no-untyped-call]
        for name, gradient in made.items():
            held = self._gradient.get(name)
            self._gradient[name] = gradient if held is None else held.add_(gradient)
        return float(sums_by_example(losses, found).sum()) * weight

    def update(self, learning_rate: float) -> tuple[float, int]:
        """One step with the gradient so far: its global norm before clipping, and the steps done.

        Where the norm is not finite nothing is updated. The gradient is dropped either way.
        """
        norm = self._optimizer.update(self._taken(), learning_rate)
        if math.isfinite(norm):
            self.adapter.set_weights(self._values)
        return norm, self._optimizer.step

    def drop(self) -> float:
        """Forgets the gradient so far: its global norm."""
        return global_norm(self._taken())

    def _taken(self) -> dict[str, torch.Tensor | None]:
        gradient = {name: self._gradient.get(name) for name in self.adapter.names}
        self._gradient = {}
        return gradient

    def state(self) -> tuple[int, dict[str, torch.Tensor]]:
        """Steps done and all float32 tensors: parameters by name, `first.{name}`, `second.{name}`."""
        tensors = dict(self._values)
        for name in self.adapter.names:
            tensors[f"first.{name}"] = self._optimizer.first[name]
            tensors[f"second.{name}"] = self._optimizer.second[name]
        return self._optimizer.step, tensors

    def close(self) -> None:
        self.adapter.remove()


def _gradient_into(made: dict[str, torch.Tensor]) -> Any:
    @torch.no_grad()
    def tap(name: str, x: torch.Tensor, dy: torch.Tensor) -> None:
        gradient = per_example(x, dy, 1).reshape(dy.shape[-1], x.shape[-1])
        made[name] = made[name].add_(gradient) if name in made else gradient

    return tap


def _moment(name: str, like: torch.Tensor, tensors: Mapping[str, torch.Tensor], step: int) -> torch.Tensor:
    if step == 0:
        return torch.zeros_like(like)
    found = tensors.get(name)
    if found is None or found.dtype != torch.float32 or found.shape != like.shape:
        got = "none" if found is None else f"{found.dtype} {list(found.shape)}"
        raise data_error(f"{name}: must be float32 {list(like.shape)} where step is {step}, got {got}")
    return found.clone()
