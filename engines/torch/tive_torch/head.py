"""The model's head at the answers alone: logits, losses, EL2N and whether each token is guessed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from .errors import EngineError
from .folder import Model
from .last_layer import ReadPlaces
from .rows import IGNORED_LABEL, Batch


@dataclass(frozen=True)
class Answers:
    """Logits at the positions whose next token is an answer's, in order of example and token."""

    logits: torch.Tensor
    """`[answer, vocabulary]`, in the model's dtype, after all that the model does to them."""
    targets: torch.Tensor
    """`[answer]` int64, on the device."""
    examples: list[int]
    """Example of each answer."""
    counts: list[int]
    """`[example]` answers of each example."""


def answers(model: Model, batch: Batch) -> Answers:
    """One forward pass; only hidden states that predict an answer go through the head."""
    wanted = batch.labels[:, 1:] != IGNORED_LABEL
    selected = wanted.to(model.device)
    read = ReadPlaces.of(torch.nn.functional.pad(wanted, (0, 1)), model.device)
    head = model.module.get_output_embeddings()
    if head is None:
        raise EngineError("config", f"model: {type(model.module).__name__} must have a head for text, got none")

    def select(_: Any, arguments: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
        hidden, *others = arguments
        return hidden[:, :-1][selected].unsqueeze(0), *others

    hook = head.register_forward_pre_hook(select)
    try:
        logits = model.forward(batch.inputs, read).logits
    finally:
        hook.remove()
    logits = logits.reshape(-1, logits.shape[-1])
    targets = batch.labels[:, 1:][wanted].to(model.device)
    if logits.shape[0] != targets.shape[0]:
        raise EngineError("internal", f"head: must give {targets.shape[0]} logits, got {logits.shape[0]}")
    return Answers(logits, targets, wanted.nonzero()[:, 0].tolist(), wanted.sum(1).tolist())


def cross_entropies(found: Answers) -> torch.Tensor:
    """`[answer]` nats, float32, with a gradient where there is one."""
    return torch.nn.functional.cross_entropy(found.logits.float(), found.targets, reduction="none")


@torch.no_grad()
def errors_l2(found: Answers) -> torch.Tensor:
    """`[answer]` ‖softmax − onehot‖₂, float32."""
    errors = found.logits.detach().float().softmax(1)
    errors[torch.arange(errors.shape[0], device=errors.device), found.targets] -= 1
    norms: torch.Tensor = torch.linalg.vector_norm(errors, dim=1)
    return norms


@torch.no_grad()
def guessed(found: Answers) -> torch.Tensor:
    """`[answer]` whether the likeliest token is the right one."""
    return found.logits.argmax(1) == found.targets


def sums_by_example(values: torch.Tensor, found: Answers) -> torch.Tensor:
    """`[example]` float64 sums of a value for each answer, on the host in order."""
    sums = torch.zeros(len(found.counts), dtype=torch.float64)
    return sums.index_add_(0, torch.tensor(found.examples), values.detach().double().cpu())
