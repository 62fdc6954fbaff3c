"""Losses and guesses of rows, with an adapter or of the base model alone."""

from __future__ import annotations

import torch

from .adapter import Adapter, activate_only
from .folder import Model
from .head import answers, cross_entropies, guessed, sums_by_example
from .rows import Batch


class Scorer:
    """A model that is asked, not changed."""

    def __init__(self, model: Model, adapter: Adapter | None, cutoff: int) -> None:
        self.model = model
        self.adapter = adapter
        self.cutoff = cutoff

    @torch.no_grad()
    def score(self, batch: Batch) -> dict[str, torch.Tensor]:
        """`loss` float64 (mean over answer tokens) and `correct` uint8 (every answer token is the likeliest one)."""
        if self.adapter is None:
            activate_only(self.model, None)
        else:
            self.adapter.activate({})
        found = answers(self.model, batch)
        counts = torch.tensor(found.counts, dtype=torch.float64)
        right = sums_by_example(guessed(found), found)
        return {
            "loss": sums_by_example(cross_entropies(found), found) / counts,
            "correct": (right == counts).to(torch.uint8),
        }

    def close(self) -> None:
        if self.adapter is not None:
            self.adapter.remove()
