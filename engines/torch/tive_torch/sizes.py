"""Pictures of several sizes for towers that take those of one size in a call."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import nn

# transformers 5.17 merges the patches of all pictures of a call as if they had the first one's size.
_OF_ONE_SIZE = {"MiniCPMV4_6Model"}


def see_sizes_apart(model: nn.Module) -> None:
    """Lets MiniCPM-V's tower see pictures, and slices of one, of one size after those of another."""
    for module in model.modules():
        if type(module).__name__ in _OF_ONE_SIZE:
            owner: Any = module
            owner.get_image_features = partial(_by_size, owner.get_image_features)


def _by_size(
    see: Callable[..., Any], pixel_values: torch.Tensor, target_sizes: torch.Tensor, **options: Any
) -> Any:
    """`pixel_values` `[1, channel, patch side, patch · patch side]` of all pictures one behind the other, their
    `target_sizes` `[picture, 2]` in patches. Returns what `see` does, its `pooler_output` in the pictures' order."""
    patches = target_sizes.prod(1)
    side = pixel_values.shape[-1] // int(patches.sum())
    pictures = torch.split(pixel_values, (patches * side).tolist(), dim=-1)
    sizes = [tuple(size) for size in target_sizes.tolist()]
    seen: dict[int, torch.Tensor] = {}
    found: Any = None
    for size in dict.fromkeys(sizes):
        places = [place for place, other in enumerate(sizes) if other == size]
        found = see(torch.cat([pictures[place] for place in places], dim=-1), target_sizes[places], **options)
        seen.update(zip(places, found.pooler_output, strict=True))
    found.pooler_output = [seen[place] for place in range(len(sizes))]
    return found
