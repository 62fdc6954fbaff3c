"""The calls: a request's head and tensors to a result and tensors."""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

import torch

from . import environment
from .adapter import Adapter
from .errors import config_error
from .folder import Folder, Model, open_folder
from .frames import Tensors
from .gradients import GradientReader
from .rows import Batch, EncodedRow, Rejection, encode_rows, make_batches, read_rows, up_to_last_answer
from .scoring import Scorer
from .training import Trainer

Request = Mapping[str, Any]
Result = tuple[dict[str, Any], Tensors]
Handle = GradientReader | Trainer | Scorer
Opened = TypeVar("Opened", GradientReader, Trainer, Scorer)
Made = TypeVar("Made")


PREPARED_CALLS = ("encode", "gradients", "add_micro_batch", "score", "generate")
"""Calls with rows."""


class Arguments(dict[str, Any]):
    """A request's object, in which what is not there is the caller's mistake."""

    @staticmethod
    def of(value: Any) -> Any:
        if isinstance(value, Arguments):
            return value
        if isinstance(value, dict):
            return Arguments({key: Arguments.of(item) for key, item in value.items()})
        return [Arguments.of(item) for item in value] if isinstance(value, list) else value

    def __missing__(self, key: str) -> Any:
        raise config_error(f"request: must have {key!r}, got none")


@dataclass(frozen=True)
class Prepared:
    """What the processor made of a request's rows."""

    batches: Sequence[Batch] = ()
    encoded: Sequence[EncodedRow | Rejection] = ()

    def cut(self, request: Request, cutoff: int) -> list[Batch]:
        """The rows in batches, cut at the request's own cutoff, or where it has none at its handle's."""
        return [batch.cut(int(request.get("cutoff", cutoff))) for batch in self.batches]


class Engine:
    """One process's state: a folder, its model, and what was opened on it."""

    def __init__(self) -> None:
        self._folder: Folder | None = None
        """The loaded one; before it, the one that was inspected last."""
        self._folders: dict[str, Folder] = {}
        self._model: Model | None = None
        self._handles: dict[int, Handle] = {}
        self._last_handle = 0
        self._calls: dict[str, Callable[[Request, Tensors, Prepared], Result]] = {
            "describe": lambda *_: (environment.describe(), {}),
            "memory": lambda *_: (environment.memory(), {}),
            "inspect": self._inspect,
            "load": self._load,
            "encode": self._encode,
            "open_gradients": self._open_gradients,
            "gradients": self._gradients,
            "open_training": self._open_training,
            "add_micro_batch": self._add_micro_batch,
            "update": self._update,
            "drop": self._drop,
            "state": self._state,
            "open_scoring": self._open_scoring,
            "score": self._score,
            "generate": self._generate,
            "close": self._close,
        }

    def answer(self, request: Request, tensors: Tensors, prepared: Prepared | None = None) -> Result:
        """The answer to a request, with what was prepared of it where that was done before."""
        call = self._calls.get(str(request.get("call")))
        if call is None:
            raise config_error(f"call: must be one of {', '.join(self._calls)}, got {request.get('call')!r}")
        arguments = Arguments.of(request)
        if request["call"] in PREPARED_CALLS:
            return call(arguments, {}, prepared or self.prepare(arguments, tensors))
        return call(arguments, tensors, Prepared())

    def opens_folder(self, request: Request) -> bool:
        """Whether an answer opens a folder: transformers changes torch's defaults for that time, of all threads."""
        named = request.get("call") == "encode" and "folder" in request
        return request.get("call") in ("inspect", "load") or (named and str(request["folder"]) not in self._folders)

    def prepare(self, request: Request, tensors: Tensors) -> Prepared:
        """The part of an answer that the processor makes. It needs a folder, and changes nothing."""
        arguments = Arguments.of(request)
        encodes = request["call"] == "encode"
        folder = self._opened(request["folder"]) if encodes and "folder" in request else self._folder
        if folder is None:
            raise config_error(f"{request['call']}: a folder must be inspected or loaded before, got none")
        rows = read_rows(folder.processor, arguments["rows"], tensors)
        if encodes:
            return Prepared(encoded=encode_rows(folder.processor, rows, int(arguments["cutoff"])))
        if request["call"] == "generate":
            rows = [up_to_last_answer(folder.processor, row) for row in rows]
        return Prepared(batches=make_batches(folder.processor, rows))

    def _inspect(self, request: Request, _: Tensors, __: Prepared) -> Result:
        # A folder that is looked at beside the loaded one must not take its place.
        folder = self._opened(request["folder"])
        if self._model is None:
            self._folder = folder
        return folder.facts, {}

    def _opened(self, path: str) -> Folder:
        """A folder that was looked into; several may be, beside the loaded one."""
        if path not in self._folders:
            self._folders[path] = open_folder(path)
        return self._folders[path]

    def _load(self, request: Request, _: Tensors, __: Prepared) -> Result:
        self._handles.clear()
        self._model = None
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        # Its files may be others by now.
        self._folder = self._folders[request["folder"]] = open_folder(request["folder"])
        device = torch.device(environment.device_name())
        dtype = _dtype(request.get("dtype", "auto"), device)
        self._model = Model(self._folder, dtype, bool(request.get("recompute", False)), device)
        return {**self._folder.facts, "dtype": str(dtype).removeprefix("torch.")}, {}

    def _encode(self, _: Request, __: Tensors, prepared: Prepared) -> Result:
        results: list[dict[str, Any]] = []
        body: Tensors = {}
        for number, found in enumerate(prepared.encoded):
            if isinstance(found, EncodedRow):
                body[f"row.{number}.ids"] = torch.tensor(found.ids, dtype=torch.int32)
                body[f"row.{number}.labels"] = torch.tensor(found.labels, dtype=torch.int32)
                results.append(_encoded(found))
            else:
                results.append({"reason": found.reason, "detail": found.detail})
        return {"rows": results}, body

    def _loaded(self) -> Model:
        if self._model is None:
            raise config_error("model: must be loaded before, got none; call load")
        return self._model

    def _open(self, handle: Handle) -> Result:
        self._last_handle += 1
        self._handles[self._last_handle] = handle
        return {"handle": self._last_handle}, {}

    def _open_gradients(self, request: Request, tensors: Tensors, _: Prepared) -> Result:
        adapter = Adapter(self._loaded(), request["adapter"], tensors)
        return self._open(_or_removed(adapter, lambda: GradientReader(adapter, request, tensors)))

    def _open_training(self, request: Request, tensors: Tensors, _: Prepared) -> Result:
        adapter = Adapter(self._loaded(), request["adapter"], tensors)
        return self._open(_or_removed(adapter, lambda: Trainer(adapter, request, tensors)))

    def _open_scoring(self, request: Request, tensors: Tensors, _: Prepared) -> Result:
        model, described = self._loaded(), request.get("adapter")
        adapter = None if described is None else Adapter(model, described, tensors)
        return self._open(Scorer(model, adapter, int(request["cutoff"])))

    def _gradients(self, request: Request, _: Tensors, prepared: Prepared) -> Result:
        reader = self._handle(request, GradientReader)
        return {}, _joined([reader.read(batch) for batch in prepared.cut(request, reader.cutoff)])

    def _add_micro_batch(self, request: Request, _: Tensors, prepared: Prepared) -> Result:
        trainer = self._handle(request, Trainer)
        weight, batches = float(request["weight"]), prepared.cut(request, trainer.cutoff)
        return {"loss": sum(trainer.add_micro_batch(batch, weight) for batch in batches)}, {}

    def _update(self, request: Request, _: Tensors, __: Prepared) -> Result:
        norm, step = self._handle(request, Trainer).update(float(request["learningRate"]))
        return {"norm": norm, "step": step}, {}

    def _drop(self, request: Request, _: Tensors, __: Prepared) -> Result:
        return {"norm": self._handle(request, Trainer).drop()}, {}

    def _state(self, request: Request, _: Tensors, __: Prepared) -> Result:
        step, tensors = self._handle(request, Trainer).state()
        return {"step": step}, tensors

    def _score(self, request: Request, _: Tensors, prepared: Prepared) -> Result:
        scorer = self._handle(request, Scorer)
        return {}, _joined([scorer.score(batch) for batch in prepared.cut(request, scorer.cutoff)])

    def _generate(self, request: Request, _: Tensors, prepared: Prepared) -> Result:
        scorer = self._handle(request, Scorer)
        settings = int(request["mostTokens"]), bool(request["stopsAtEnd"])
        found = [answer for batch in prepared.batches for answer in scorer.generate(batch, *settings)]
        ids = {f"row.{number}.ids": torch.tensor(one.ids, dtype=torch.int32) for number, one in enumerate(found)}
        return {"rows": [{"text": one.text, "ended": one.ended} for one in found]}, ids

    def _close(self, request: Request, _: Tensors, __: Prepared) -> Result:
        handle = self._handles.pop(request["handle"], None)
        if handle is not None:
            handle.close()
        return {}, {}

    def _handle(self, request: Request, kind: type[Opened]) -> Opened:
        found = self._handles.get(request["handle"])
        if not isinstance(found, kind):
            got = "none" if found is None else type(found).__name__
            raise config_error(f"handle {request['handle']}: must be a {kind.__name__} that is open, got {got}")
        return found


def _joined(parts: Sequence[Tensors]) -> Tensors:
    """Tensors `[example, …]` of several batches, one behind the other."""
    return parts[0] if len(parts) == 1 else {name: torch.cat([part[name] for part in parts]) for name in parts[0]}


def _or_removed(adapter: Adapter, make: Callable[[], Made]) -> Made:
    """What is made on an adapter; the adapter goes again where it cannot be made."""
    try:
        return make()
    except BaseException:
        adapter.remove()
        raise


def _dtype(name: str, device: torch.device) -> torch.dtype:
    if name == "auto":
        return torch.bfloat16 if device.type == "cuda" else torch.float32
    if name == "float32":
        return torch.float32
    if name == "bfloat16":
        return torch.bfloat16
    raise config_error(f"model.dtype: must be auto, float32 or bfloat16, got {name!r}")


def _encoded(row: EncodedRow) -> dict[str, Any]:
    has_vectors = row.vectors.pictures > 0 or row.vectors.videos > 0 or len(row.vectors.sounds) > 0
    return {
        **({"vectors": asdict(row.vectors)} if has_vectors else {}),
        "tokens": len(row.ids),
        "imageTokens": row.image_tokens,
        "supervisedTokens": row.supervised_tokens,
        "truncated": row.truncated,
    }
