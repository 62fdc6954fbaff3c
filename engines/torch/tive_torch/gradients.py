"""Gradients of single examples, all rows of a call in one forward and one backward pass.

For y = x Wᵀ the gradient of example j is dW_j = dy_jᵀ x_j, a sum over its tokens. Each is measured, projected and
dropped where the backward pass meets its matrix; what is left is [example, sketch].
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import torch

from .adapter import Adapter
from .errors import EngineError, config_error
from .head import answers, cross_entropies, errors_l2, sums_by_example
from .kron import Kron
from .per_example import per_example
from .preconditioner import AdamPreconditioner
from .projection import Projector, Segment, check_segments, make_projector
from .rows import Batch

# Values of a parameter's gradients that are copied as a whole to a wider type: 32 MB.
_LARGEST_COPY = 2**22


class GradientReader:
    """An adapter whose gradient vector is read, and its projection."""

    def __init__(
        self, adapter: Adapter, request: Mapping[str, Any], tensors: Mapping[str, torch.Tensor] | None = None
    ) -> None:
        """`tensors` hold the moments that gradients are scaled by, where the request has `moments`."""
        self.adapter = adapter
        self.cutoff = int(request["cutoff"])
        self.segments = _segments(adapter, request["coordinates"])
        self.sketcher = _sketcher(adapter, self.segments, request, tensors or {})

    def read(self, batch: Batch) -> dict[str, torch.Tensor]:
        """`loss`, `norm`, `el2n` float64, `count` int32 `[example]`, and `sketch` float32 `[example, sketch]`.

        Losses are means over an example's answer tokens, and the gradient is that of this mean. Where it is scaled
        by moments the sketch is of the scaled one, and the norm is that of the plain one all the same.
        """
        sums = _Sums(list(self.segments), self.sketcher, batch.labels.shape)
        self.adapter.activate({name: sums.tap for name in self.segments})
        found = answers(self.adapter.model, batch)
        losses = cross_entropies(found)
        counts = torch.tensor(found.counts, dtype=torch.float64)
        shares = torch.tensor([1 / found.counts[example] for example in found.examples], dtype=torch.float32)
        (losses * shares.to(losses.device)).sum().backward()  # type: ignore[no-untyped-call]
        norm, sketch = sums.finish()
        return {
            "loss": sums_by_example(losses, found) / counts,
            "count": counts.int(),
            "norm": norm,
            "el2n": sums_by_example(errors_l2(found), found) / counts,
            "sketch": sketch,
        }

    def close(self) -> None:
        self.adapter.remove()


def _segments(adapter: Adapter, coordinates: list[Mapping[str, Any]]) -> dict[str, Segment]:
    """Coordinates of each parameter, in ascending order."""
    segments: dict[str, Segment] = {}
    for coordinate in sorted(coordinates, key=lambda found: int(found["start"])):
        name = coordinate["name"]
        if name not in adapter.modules or name in segments:
            raise config_error(f"coordinates: must name parameters of the adapter, each once, got {name}")
        segments[name] = Segment(int(coordinate["start"]), adapter.modules[name].weight.numel())
    if not segments:
        raise config_error("coordinates: must name at least one parameter, got none")
    return segments


class Sketcher(Protocol):
    """What is kept of a parameter's gradients."""

    def read(self, name: str, x: torch.Tensor, dy: torch.Tensor, examples: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Squared norm `[example]` and part of the sketch `[example, sketch]`, float64.

        Of the parameter's input x `[example · token, in]` and the gradient dy `[example · token, out]` of its output.
        """
        ...


class _Whole:
    """Each parameter's gradients are made, and projected as they are."""

    def __init__(
        self, segments: Mapping[str, Segment], projector: Projector, preconditioner: AdamPreconditioner | None
    ) -> None:
        self._segments = segments
        self._projector = projector
        self._preconditioner = preconditioner

    def read(self, name: str, x: torch.Tensor, dy: torch.Tensor, examples: int) -> tuple[torch.Tensor, torch.Tensor]:
        gradient = per_example(x, dy, examples)
        if gradient.numel() <= _LARGEST_COPY and not gradient.is_cuda:
            # Both sums are made in float64: one copy serves both.
            gradient = gradient.double()
        squares = torch.linalg.vector_norm(gradient, dim=1, dtype=torch.float64).square()
        if self._preconditioner is not None:
            gradient = self._preconditioner.scale(name, gradient)
        return squares, self._projector.project(self._segments[name], gradient)


def _sketcher(
    adapter: Adapter,
    segments: Mapping[str, Segment],
    request: Mapping[str, Any],
    tensors: Mapping[str, torch.Tensor],
) -> Sketcher:
    projection, count, device = request["projection"], int(request["parameterCount"]), adapter.model.device
    kind, sketch, seed = projection["kind"], int(projection["sketch"]), int(projection["seed"])
    check_segments(list(segments.values()), count, seed)
    shapes = {name: adapter.modules[name].weight.shape for name in segments}
    moments = request.get("moments")
    if kind == "kron":
        if moments is not None:
            raise config_error("moments: must not be given with projection kron, which never forms whole gradients")
        return Kron({name: tuple(shape) for name, shape in shapes.items()}, sketch, seed, device)
    preconditioner = None if moments is None else AdamPreconditioner(moments, shapes, tensors, device)
    projector = make_projector(kind, sketch, seed, list(segments.values()), count, device)
    return _Whole(segments, projector, preconditioner)


class _Sums:
    """Squared norms and parts of sketches as they come, added in one order whatever the order of coming."""

    def __init__(self, names: list[str], sketcher: Sketcher, shape: torch.Size) -> None:
        """`shape` is `[example, token]`."""
        self._sketcher = sketcher
        self._shape = shape
        # The backward pass meets the last parameter first.
        self._order = names[::-1]
        self._next = 0
        self._parts: dict[str, torch.Tensor] = {}
        self._squares: dict[str, torch.Tensor] = {}
        self._sketch: torch.Tensor | None = None

    @torch.no_grad()
    def tap(self, name: str, x: torch.Tensor, dy: torch.Tensor) -> None:
        if name in self._squares:
            raise EngineError("config", f"adapter: {name} must be used once in a forward pass, got twice; leave it out")
        tokens = x.numel() // x.shape[-1]
        if tokens != self._shape.numel():
            # A router's expert is given some tokens of all examples, and whose they are is not to be seen.
            raise EngineError(
                "config", f"adapter: {name} must be given {self._shape.numel()} tokens, got {tokens}; leave it out"
            )
        self._squares[name], self._parts[name] = self._sketcher.read(name, x, dy, self._shape[0])
        while self._next < len(self._order) and self._order[self._next] in self._parts:
            self._add(self._order[self._next])
            self._next += 1

    def _add(self, name: str) -> None:
        part = self._parts.pop(name)
        self._sketch = part if self._sketch is None else self._sketch.add_(part)

    def finish(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Norm `[example]` float64 and sketch `[example, sketch]` float32, on the host."""
        for name in self._order[self._next :]:
            if name in self._parts:
                self._add(name)
        squares = [self._squares[name] for name in self._order if name in self._squares]
        if self._sketch is None:
            raise EngineError("config", "adapter: a parameter must be used in a forward pass, got none")
        return torch.stack(squares).sum(0).sqrt().cpu(), self._sketch.float().cpu()
