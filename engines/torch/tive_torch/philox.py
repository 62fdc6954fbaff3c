"""Philox 4x32-10, the counter-based generator behind the projection, many counters at once on any device."""

from __future__ import annotations

import hashlib

import torch

_MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
_WEYL = (0x9E3779B9, 0xBB67AE85)
_MASK = 0xFFFFFFFF
_ROUNDS = 10

Words = tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]


def philox_key(prefix: bytes, seed: int) -> tuple[int, int]:
    """The first 8 bytes, as two big-endian words, of SHA-256(prefix ‖ seed as u64 BE)."""
    digest = hashlib.sha256(prefix + seed.to_bytes(8, "big")).digest()
    return int.from_bytes(digest[:4], "big"), int.from_bytes(digest[4:8], "big")


def philox4x32(counters: Words, key: tuple[int, int]) -> Words:
    """Four random words for each counter, all int64 that hold 32 unsigned bits, of one shape.

    Counter and key 0 give 6627e8d5 e169c58d bc57ac4c 9b00dbd8 (Salmon et al., SC 2011).
    """
    word0, word1, word2, word3 = counters
    key0, key1 = key
    for _ in range(_ROUNDS):
        # The low 64 bits of a product are the same for signed and unsigned factors.
        product0 = word0 * _MULTIPLIERS[0]
        product1 = word2 * _MULTIPLIERS[1]
        word0 = ((product1 >> 32) & _MASK) ^ word1 ^ key0
        word2 = ((product0 >> 32) & _MASK) ^ word3 ^ key1
        word1 = product1 & _MASK
        word3 = product0 & _MASK
        key0 = (key0 + _WEYL[0]) & _MASK
        key1 = (key1 + _WEYL[1]) & _MASK
    return word0, word1, word2, word3
