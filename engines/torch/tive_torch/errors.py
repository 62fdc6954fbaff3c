"""What can go wrong, in the four kinds that the caller tells apart."""

from __future__ import annotations

from typing import Literal

import torch

Kind = Literal["config", "data", "memory", "internal"]


class EngineError(Exception):
    """A failure with its kind. The message says `where: what must hold, got what; what to do`."""

    def __init__(self, kind: Kind, message: str) -> None:
        super().__init__(message)
        self.kind: Kind = kind


def config_error(message: str) -> EngineError:
    """The caller's mistake: the folder, the adapter or an argument must change."""
    return EngineError("config", message)


def data_error(message: str) -> EngineError:
    """A row or a tensor that cannot be used."""
    return EngineError("data", message)


def first_line(error: BaseException) -> str:
    """An exception in one line of at most 500 characters: its message, or its class where it has none."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[0] if lines else type(error).__name__)[:500]


def described(error: BaseException) -> dict[str, str]:
    """`{ kind, message }` of any exception."""
    if isinstance(error, EngineError):
        return {"kind": error.kind, "message": str(error)}
    if is_out_of_memory(error):
        return {
            "kind": "memory",
            "message": f"memory: a call must fit, got: {first_line(error)}; take fewer rows a call",
        }
    return {"kind": "internal", "message": f"{type(error).__name__}: {first_line(error)}"}


def is_out_of_memory(error: BaseException) -> bool:
    """Whether the device or the host had no room left. Torch's allocator on the host raises a plain RuntimeError."""
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    return isinstance(error, RuntimeError) and "allocate memory" in str(error)


class Refusal(Exception):
    """Why a row cannot be used: a reason of the product's list, and the details in words."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail
