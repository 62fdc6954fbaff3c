"""The last layer's feed-forward part, computed where its output is read: at the tokens that predict an answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn


@dataclass(frozen=True)
class ReadPlaces:
    """Tokens of a batch whose last hidden states are read."""

    places: torch.Tensor
    """`[answer]` int64, among all tokens of the batch, example by example, on the device."""
    token_count: int
    """Of all tokens of the batch, padding included."""

    @staticmethod
    def of(read: torch.Tensor, device: torch.device) -> ReadPlaces:
        """`read` is `[example, token]`, whether a token's is read, on the host."""
        return ReadPlaces(read.reshape(-1).nonzero()[:, 0].to(device), read.numel())


class LastFeedForward:
    """Takes the place of a last layer's feed-forward part: zeros where nothing is read.

    Such a part has no cache and in generation is given one token at a time, so it computes each token by itself, and so
    does all that follows it. Nine in ten tokens are of pictures and questions.
    """

    def __init__(self, part: nn.Module) -> None:
        self._part = part
        self._whole = part.forward
        self.read: ReadPlaces | None = None
        """None where every token's output is wanted."""
        part.forward = self._forward

    @staticmethod
    def of(decoder: nn.Module) -> LastFeedForward | None:
        """None for a decoder without such a part: one of experts, for instance, or one that several layers share."""
        layers = getattr(decoder, "layers", None)
        parts = [getattr(layer, "mlp", None) for layer in layers] if isinstance(layers, nn.ModuleList) else []
        if not parts or not isinstance(parts[-1], nn.Module) or any(part is parts[-1] for part in parts[:-1]):
            return None
        return LastFeedForward(parts[-1]) if _is_plain(parts[-1]) else None

    def _forward(self, x: torch.Tensor, *others: Any, **named: Any) -> Any:
        read = self.read
        if read is None or others or named or x.numel() // x.shape[-1] != read.token_count or self._is_adapted():
            return self._whole(x, *others, **named)
        tokens = x.reshape(-1, x.shape[-1])
        found = self._whole(tokens.index_select(0, read.places).unsqueeze(0)).squeeze(0)
        return torch.zeros_like(tokens).index_copy(0, read.places, found).view(x.shape)

    def _is_adapted(self) -> bool:
        """Whether gradients of matrices in it may be asked for, which are sums over the tokens as they lie."""
        from peft.tuners.lora import LoraLayer

        return any(isinstance(part, LoraLayer) and part.active_adapters for part in self._part.modules())


def _is_plain(part: nn.Module) -> bool:
    """Whether its parameters are those of linear layers, none of which is one of several experts."""
    linear = {id(own) for found in part.modules() if isinstance(found, nn.Linear) for own in found.parameters()}
    has_lists = any(isinstance(found, nn.ModuleList) for found in part.modules())
    return not has_lists and all(id(own) in linear for own in part.parameters())
