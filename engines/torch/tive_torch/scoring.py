"""Losses, guesses and generated answers of rows, with an adapter or of the base model alone."""

from __future__ import annotations

import torch

from .adapter import Adapter, activate_only
from .folder import Model
from .generation import Generated, generate
from .head import answers, cross_entropies, guessed, sums_by_example
from .rows import IGNORED_LABEL, Batch


class Scorer:
    """A model that is asked, not changed."""

    def __init__(self, model: Model, adapter: Adapter | None, cutoff: int) -> None:
        self.model = model
        self.adapter = adapter
        self.cutoff = cutoff

    @torch.no_grad()
    def score(self, batch: Batch) -> dict[str, torch.Tensor]:
        """`loss` float64 (mean over answer tokens), `correct` uint8 (every answer token is the likeliest one), `last` int32
        (tokens of the last answer)."""
        self._activate()
        found = answers(self.model, batch)
        counts = torch.tensor(found.counts, dtype=torch.float64)
        right = sums_by_example(guessed(found), found)
        return {
            "loss": sums_by_example(cross_entropies(found), found) / counts,
            "correct": (right == counts).to(torch.uint8),
            "last": torch.tensor([_last_count(labels) for labels in batch.labels.tolist()], dtype=torch.int32),
        }

    def generate(self, batch: Batch, most_tokens: int, stops_at_end: bool) -> list[Generated]:
        """The last answer of each row, given everything before it."""
        self._activate()
        return generate(self.model, batch, most_tokens, stops_at_end)

    def _activate(self) -> None:
        if self.adapter is None:
            activate_only(self.model, None)
        else:
            self.adapter.activate({})

    def close(self) -> None:
        if self.adapter is not None:
            self.adapter.remove()


def _last_count(labels: list[int]) -> int:
    """Tokens of the last answer."""
    count = 0
    for label in reversed(labels):
        if label != IGNORED_LABEL:
            count += 1
        elif count > 0:
            break
    return count
