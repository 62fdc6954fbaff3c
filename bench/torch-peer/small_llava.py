"""A small LLaVA (CLIP tower, projector of two layers, Llama decoder) in plain torch, with LoRA whose gradients of single
examples are made of captured inputs and output gradients: the model of the script that the torch engine has to beat.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import nn

IMAGE_ID, IMAGE_TOKENS, POSITIONS = 4, 16, 256
MEAN = torch.tensor([0.48145466, 0.4578275, 0.40821073])
STANDARD_DEVIATION = torch.tensor([0.26862954, 0.26130258, 0.27577711])


class Linear(nn.Module):
    """y = W x + b, with LoRA: y = W x + b + s B A x."""

    capture = False

    def __init__(self, inputs: int, outputs: int, bias: bool = False) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(outputs, inputs))
        self.bias = nn.Parameter(torch.empty(outputs)) if bias else None
        self.a: nn.Parameter | None = None

    def add_lora(self, rank: int, alpha: float, generator: torch.Generator) -> None:
        outputs, inputs = self.weight.shape
        self.a = nn.Parameter((torch.rand(rank, inputs, generator=generator) * 2 - 1) / math.sqrt(inputs))
        # A trained adapter's B is not zero.
        self.b = nn.Parameter(torch.randn(outputs, rank, generator=generator) * 0.02)
        self.scale = alpha / rank

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = F.linear(x, self.weight, self.bias)
        if self.a is not None:
            self.hidden = F.linear(x, self.a)
            y = y + F.linear(self.hidden, self.b) * self.scale
            if Linear.capture:
                self.x, self.y = x.detach(), y
                y.retain_grad()
        return y

    def per_example(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Gradients of A and B of each example, after the backward pass."""
        dy = self.y.grad
        assert dy is not None
        of_b = torch.bmm(dy.transpose(1, 2), self.hidden.detach()) * self.scale
        of_a = torch.bmm((dy @ self.b.detach()).transpose(1, 2), self.x) * self.scale
        del self.x, self.y, self.hidden
        return of_a, of_b


def heads_of(x: torch.Tensor, heads: int) -> torch.Tensor:
    """`[example, head, token, width]`"""
    return x.view(*x.shape[:2], heads, -1).transpose(1, 2)


class TowerLayer(nn.Module):
    def __init__(self, width: int, heads: int, inner: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width, eps=1e-5), nn.LayerNorm(width, eps=1e-5)
        self.q, self.k, self.v, self.o = (Linear(width, width, True) for _ in range(4))
        self.fc1, self.fc2 = Linear(width, inner, True), Linear(inner, width, True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.norm1(x)
        q, k, v = (heads_of(part(y), self.heads) for part in (self.q, self.k, self.v))
        x = x + self.o(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(x.shape))
        y = self.fc1(self.norm2(x))
        fed: torch.Tensor = self.fc2(y * torch.sigmoid(1.702 * y))
        return x + fed


class Rms(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(width))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.rms_norm(x, (x.shape[-1],), self.weight, 1e-5)


class DecoderLayer(nn.Module):
    def __init__(self, width: int, heads: int, inner: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = Rms(width), Rms(width)
        self.q, self.k, self.v, self.o = (Linear(width, width) for _ in range(4))
        self.gate, self.up, self.down = Linear(width, inner), Linear(width, inner), Linear(inner, width)

    def forward(self, x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
        y = self.norm1(x)
        q, k, v = (heads_of(part(y), self.heads) for part in (self.q, self.k, self.v))
        q, k = rotated(q, cos, sin), rotated(k, cos, sin)
        attended = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.o(attended.transpose(1, 2).reshape(x.shape))
        y = self.norm2(x)
        fed: torch.Tensor = self.down(F.silu(self.gate(y)) * self.up(y))
        return x + fed


def rotated(x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
    half = x.shape[-1] // 2
    return x * cos + torch.cat([-x[..., half:], x[..., :half]], -1) * sin


class SmallLlava(nn.Module):
    def __init__(self, vocabulary: int, width: int, layers: int, heads: int, inner: int, tower_inner: int) -> None:
        super().__init__()
        self.patch = nn.Conv2d(3, width, 14, 14, bias=False)
        self.cls, self.positions = nn.Parameter(torch.empty(width)), nn.Parameter(torch.empty(IMAGE_TOKENS + 1, width))
        self.pre = nn.LayerNorm(width, eps=1e-5)
        self.tower = nn.ModuleList([TowerLayer(width, heads, tower_inner) for _ in range(layers)])
        self.project1, self.project2 = Linear(width, width, True), Linear(width, width, True)
        self.embedding = nn.Embedding(vocabulary, width)
        self.decoder = nn.ModuleList([DecoderLayer(width, heads, inner) for _ in range(layers)])
        self.norm, self.head = Rms(width), Linear(width, vocabulary)
        frequencies = 1 / 10000 ** (torch.arange(0, width // heads, 2) / (width // heads))
        angles = torch.outer(torch.arange(POSITIONS), frequencies).repeat(1, 2)
        self.cos, self.sin = angles.cos(), angles.sin()

    def see(self, pictures: torch.Tensor) -> torch.Tensor:
        """uint8 `[picture, 56, 56, 3]` to vectors `[picture, 16, hidden]`."""
        x = self.patch(((pictures.float() / 255 - MEAN) / STANDARD_DEVIATION).permute(0, 3, 1, 2))
        x = torch.cat([self.cls.expand(len(x), 1, -1), x.flatten(2).transpose(1, 2)], 1)
        x = self.pre(x + self.positions)
        for layer in self.tower:
            x = layer(x)
        vectors: torch.Tensor = self.project2(F.gelu(self.project1(x[:, 1:])))
        return vectors

    def hidden(self, ids: torch.Tensor, vectors: torch.Tensor) -> torch.Tensor:
        """`[example, token, hidden]` of `vectors` for every row."""
        images = ids == IMAGE_ID
        x = self.embedding(ids)
        x = x.masked_scatter(images[..., None].expand_as(x), vectors[images.any(1)])
        for layer in self.decoder:
            x = layer(x, self.cos[: ids.shape[1]], self.sin[: ids.shape[1]])
        normed: torch.Tensor = self.norm(x)
        return normed


def state_of(weights: Mapping[str, torch.Tensor], layers: int) -> dict[str, torch.Tensor]:
    """A transformers LLaVA's weights by the names that they have here."""

    def before(end: str) -> str:
        return next(name for name in weights if name.endswith(end)).removesuffix(end)

    tower, decoder = before("pre_layrnorm.weight"), before("layers.0.mlp.gate_proj.weight")
    projector, head = before("linear_1.weight"), before("lm_head.weight")
    attention = {"q": "self_attn.q_proj", "k": "self_attn.k_proj", "v": "self_attn.v_proj"}
    feed = {"gate": "mlp.gate_proj", "up": "mlp.up_proj", "down": "mlp.down_proj"}
    seen = {**attention, "o": "self_attn.out_proj", "norm1": "layer_norm1", "norm2": "layer_norm2"}
    seen |= {"fc1": "mlp.fc1", "fc2": "mlp.fc2"}
    read = {**attention, **feed, "o": "self_attn.o_proj", "norm1": "input_layernorm", "norm2": "post_attention_layernorm"}
    names = {
        "cls": f"{tower}embeddings.class_embedding",
        "patch.weight": f"{tower}embeddings.patch_embedding.weight",
        "positions": f"{tower}embeddings.position_embedding.weight",
        "embedding.weight": f"{decoder}embed_tokens.weight",
        "norm.weight": f"{decoder}norm.weight",
        "head.weight": f"{head}lm_head.weight",
    }
    for kind in ("weight", "bias"):
        names |= {f"pre.{kind}": f"{tower}pre_layrnorm.{kind}"}
        names |= {f"project{place}.{kind}": f"{projector}linear_{place}.{kind}" for place in (1, 2)}
        for layer in range(layers):
            names |= {f"tower.{layer}.{a}.{kind}": f"{tower}encoder.layers.{layer}.{b}.{kind}" for a, b in seen.items()}
    for layer in range(layers):
        names |= {f"decoder.{layer}.{a}.weight": f"{decoder}layers.{layer}.{b}.weight" for a, b in read.items()}
    return {name: weights[found].float() for name, found in names.items()}
