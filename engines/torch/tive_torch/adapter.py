"""LoRA on a loaded model, put on by peft, with a tap at each matrix where gradients are read."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any

import torch
from torch import nn

from .errors import config_error, data_error
from .folder import Model

Tap = Callable[[str, torch.Tensor, torch.Tensor], None]
"""Takes a parameter's name, its input [..., in] and the gradient of its output [..., out], in the backward pass."""

_numbers = count()


class _TappedLora(torch.autograd.Function):
    """y = x Wᵀ + b + s (x Aᵀ) Bᵀ, whose backward pass hands inputs and gradients of A and B to taps.

    In place of dA = dhᵀ x and dB = dyᵀ (s h) for all examples together, with h = x Aᵀ and dh = s dy B. One function for
    the three products: none of the sums and scalings between them is kept or passed over by itself.
    """

    @staticmethod
    def forward(
        context: Any, x: torch.Tensor, a: torch.Tensor, b: torch.Tensor, base: nn.Linear, lora: _Lora
    ) -> torch.Tensor:
        inputs = x.reshape(-1, x.shape[-1])
        hidden = inputs @ a.T
        y = nn.functional.linear(inputs, base.weight, base.bias).addmm_(hidden, b.T, alpha=lora.scale)
        context.save_for_backward(inputs, hidden, a, b)
        context.base, context.lora, context.shape = base, lora, x.shape
        return y.view(*x.shape[:-1], -1)

    @staticmethod
    def backward(context: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, None, None, None, None]:
        inputs, hidden, a, b = context.saved_tensors
        lora: _Lora = context.lora
        dy = gradients[0].reshape(-1, gradients[0].shape[-1])
        dh = (dy @ b).mul_(lora.scale)
        if lora.b.tap is not None:
            lora.b.tap(lora.b.name, hidden * lora.scale, dy)
        if lora.a.tap is not None:
            lora.a.tap(lora.a.name, inputs, dh)
        if not context.needs_input_grad[0]:
            return None, None, None, None, None
        return (dy @ context.base.weight).addmm_(dh, a).view(context.shape), None, None, None, None


class TappedLinear(nn.Module):
    """One of LoRA's two matrices: a plain product, but for where it is tapped."""

    def __init__(self, name: str, weight: torch.Tensor) -> None:
        super().__init__()
        self.name = name
        self.weight = nn.Parameter(weight, requires_grad=False)
        self.tap: Tap | None = None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return nn.functional.linear(x, self.weight)


@dataclass(frozen=True)
class _Lora:
    """What stands beside a linear layer."""

    layer: Any
    """peft's, which holds both."""
    a: TappedLinear
    b: TappedLinear
    scale: float

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        # The weights stand for everything that is learned: through them outputs want gradients though inputs may not.
        tapped = self.a.tap is not None or self.b.tap is not None
        a, b = self.a.weight.requires_grad_(tapped), self.b.weight.requires_grad_(tapped)
        product: torch.Tensor = _TappedLora.apply(x, a, b, self.layer.base_layer, self)  # type: ignore[no-untyped-call]
        return product


class Adapter:
    """LoRA matrices on one model. Several may be on it at once; one at a time is active.

    `parameters` are the float32 values [rank, in] and [out, rank] by name, in the order given.
    """

    def __init__(self, model: Model, described: Mapping[str, Any], tensors: Mapping[str, torch.Tensor]) -> None:
        self.model = model
        self.names = [parameter["name"] for parameter in described["parameters"]]
        self.key = f"tive{next(_numbers)}"
        self.modules: dict[str, TappedLinear] = {}
        self._loras: dict[str, _Lora] = {}
        paths = _paths(self.names)
        values = {name: _value(name, tensors) for name in self.names}
        _check_shapes(model.module, paths, values)
        scales = described["scales"]
        missing = next((path for path in paths if not isinstance(scales.get(path), (int, float))), None)
        if missing is not None:
            raise config_error(f"adapter.scales: must name every path, got none for {missing}")
        _inject(model, self.key, {path: values[f"{path}.lora_A"].shape[0] for path in paths})
        for path in paths:
            layer = model.module.get_submodule(path)
            layer.scaling[self.key] = float(scales[path])
            for matrix in ("lora_A", "lora_B"):
                name = f"{path}.{matrix}"
                weight = values[name].to(device=model.device, dtype=model.dtype, copy=True)
                self.modules[name] = TappedLinear(name, weight)
                getattr(layer, matrix)[self.key] = self.modules[name]
            a, b = self.modules[f"{path}.lora_A"], self.modules[f"{path}.lora_B"]
            self._loras[path] = _Lora(layer, a, b, float(scales[path]))
        self.values = values

    def set_weights(self, values: Mapping[str, torch.Tensor]) -> None:
        """Copies float32 values to what the model computes with."""
        for name, module in self.modules.items():
            module.weight.data.copy_(values[name])

    def activate(self, taps: Mapping[str, Tap]) -> None:
        """Makes this the adapter that the model computes with, tapped at the given parameters."""
        activate_only(self.model, self.key)
        for name, module in self.modules.items():
            module.tap = taps.get(name)
            module.weight.requires_grad_(False)
        if not taps:
            return
        for lora in self._loras.values():
            lora.layer.forward = lora.forward

    def remove(self) -> None:
        activate_only(self.model, None)
        for layer in self.model.lora_layers:
            if self.key in layer.lora_A:
                layer.delete_adapter(self.key)


def activate_only(model: Model, key: str | None) -> None:
    """Makes one adapter active, or with None the base model alone."""
    for layer in model.lora_layers:
        # A tapped layer computes in its own way.
        vars(layer).pop("forward", None)
        layer._disable_adapters = key is None or key not in layer.lora_A
        layer._active_adapter = [key] if key is not None and key in layer.lora_A else []


def _paths(names: list[str]) -> list[str]:
    """Module paths in the order of their first parameter; each has exactly one A and one B."""
    seen = Counter(names)
    paths = list(dict.fromkeys(name.rsplit(".lora_", 1)[0] for name in names))
    wanted = {f"{path}.{matrix}" for path in paths for matrix in ("lora_A", "lora_B")}
    wrong = next((name for name in [*seen, *wanted] if seen[name] != 1 or name not in wanted), None)
    if wrong is not None or not names:
        got = "no parameters" if wrong is None else f"{seen[wrong]} of {wrong}"
        raise config_error(f"adapter.parameters: each path must have one lora_A and one lora_B, got {got}")
    return paths


def _value(name: str, tensors: Mapping[str, torch.Tensor]) -> torch.Tensor:
    value = tensors.get(name)
    if value is None or value.dtype != torch.float32 or value.dim() != 2:
        got = "none" if value is None else f"{value.dtype} {list(value.shape)}"
        raise data_error(f"{name}: must be float32 [row, column] in the request's body, got {got}")
    return value


def _check_shapes(module: nn.Module, paths: list[str], values: Mapping[str, torch.Tensor]) -> None:
    for path in paths:
        try:
            found = module.get_submodule(path)
        except AttributeError:
            raise config_error(
                f"adapter: {path} must be a module of the model, got none; see inspect's layers"
            ) from None
        linear = getattr(found, "base_layer", found)
        if not isinstance(linear, nn.Linear):
            raise config_error(f"adapter: {path} must be a linear layer, got {type(linear).__name__}")
        a, b = tuple(values[f"{path}.lora_A"].shape), tuple(values[f"{path}.lora_B"].shape)
        if a[1] != linear.in_features or b != (linear.out_features, a[0]):
            wanted = f"[rank, {linear.in_features}] and [{linear.out_features}, rank]"
            raise config_error(f"adapter: {path} must have matrices {wanted}, got {list(a)} and {list(b)}")


def _inject(model: Model, key: str, ranks: Mapping[str, int]) -> None:
    from peft import LoraConfig, inject_adapter_in_model
    from peft.tuners.lora import LoraLayer

    module = model.module
    rank = Counter(ranks.values()).most_common(1)[0][0]
    config = LoraConfig(
        r=rank,
        target_modules=list(ranks),
        rank_pattern={f"^{re.escape(path)}": other for path, other in ranks.items() if other != rank},
        lora_dropout=0.0,
        bias="none",
    )
    # Each adapter's layers are known to it here; peft warns of a second one where it knows of a first.
    vars(module).pop("peft_config", None)
    # Matrices without memory: the adapter's own take their place.
    inject_adapter_in_model(config, module, key, low_cpu_mem_usage=True)
    module.requires_grad_(False)
    model.lora_layers = [found for found in module.modules() if isinstance(found, LoraLayer)]
