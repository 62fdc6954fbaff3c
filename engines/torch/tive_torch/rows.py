"""Rows as the model reads them: ids and labels of one row, and the inputs of a batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from PIL import Image

from .clips import Clip, read_clip
from .errors import EngineError, Refusal, data_error, first_line, is_out_of_memory
from .processor import Processor
from .walk import Mismatch, supervised_positions, text_tokens

IGNORED_LABEL = -100
# Beginnings of the names of inputs that are of sounds.
_SOUNDS = ("feature_", "input_features", "audio_")


@dataclass(frozen=True)
class Row:
    """A dialogue as its chat template writes it, and its pictures in the order of their placeholders."""

    text: str
    """The joined pieces."""
    spans: list[tuple[int, int]]
    """Characters [start, end) of the supervised pieces."""
    pictures: list[Image.Image]
    clips: list[Clip]
    """Videos and sounds, each kind in the order of its placeholders."""


@dataclass(frozen=True)
class RowVectors:
    """What a row's pictures and clips become in the model's towers."""

    pictures: int
    """Of all pictures."""
    videos: int
    """Of all videos."""
    sounds: list[int]
    """Of each sound."""


@dataclass(frozen=True)
class EncodedRow:
    ids: list[int]
    labels: list[int]
    """`[token]`, -100 where there is no loss."""
    image_tokens: int
    supervised_tokens: int
    truncated: bool
    vectors: RowVectors


@dataclass(frozen=True)
class Rejection:
    """Why a row has no ids: a reason of the product's list, and the details in words."""

    reason: str
    detail: str


@dataclass(frozen=True)
class Batch:
    """Rows of one call, padded on the right."""

    inputs: dict[str, torch.Tensor]
    """What the model's forward takes: `[example, token]` tensors and pictures, as the processor made them."""
    labels: torch.Tensor
    """`[example, token]`, -100 where there is no loss."""

    @property
    def example_count(self) -> int:
        return self.labels.shape[0]

    def cut(self, cutoff: int) -> Batch:
        """The first `cutoff` tokens of every example; pictures stay as they are."""
        labels = self.labels[:, :cutoff]
        for number, supervised in enumerate((labels[:, 1:] != IGNORED_LABEL).any(1).tolist()):
            if not supervised:
                raise data_error(f"rows[{number}]: an answer token must lie within cutoff {cutoff}; set the row aside")
        inputs = {
            name: value[:, :cutoff] if is_by_token(name, value, self.labels) else value
            for name, value in self.inputs.items()
        }
        return Batch(inputs, labels)


def is_by_token(name: str, value: torch.Tensor, labels: torch.Tensor) -> bool:
    """Whether an input has a value for each token. Masks of sounds may have the same shape by chance."""
    return value.shape == labels.shape and not name.startswith(_SOUNDS)


def up_to_last_answer(processor: Processor, row: Row | Rejection) -> Row | Rejection:
    """A row without what stands behind its last answer that is learned."""
    if isinstance(row, Rejection) or not row.spans:
        return row
    text = row.text[: row.spans[-1][1]]

    def kept(kind: str, token: str | None) -> list[Clip]:
        return [clip for clip in row.clips if clip.kind == kind][: text.count(token) if token else 0]

    pictures = row.pictures[: text.count(processor.image_token) if processor.image_token else 0]
    clips = [*kept("video", processor.video_token), *kept("audio", processor.audio_token)]
    return Row(text, row.spans, pictures, clips)


def read_rows(
    processor: Processor, described: Sequence[Mapping[str, Any]], tensors: Mapping[str, torch.Tensor]
) -> list[Row | Rejection]:
    """Rows of a request: `{ pieces: [{ text, supervised }], pictures, clips? }`.

    Pictures are `row.{i}.picture.{j}`, uint8 [h, w, 3]. Rows to encode may have `sizes: [[height, width], ...]` in place of pictures. Clips are `row.{i}.clip.{j}`.
    """
    return [_read_row(processor, number, row, tensors) for number, row in enumerate(described)]


def _read_row(
    processor: Processor, number: int, row: Mapping[str, Any], tensors: Mapping[str, torch.Tensor]
) -> Row | Rejection:
    text, spans = "", []
    for piece in row["pieces"]:
        start, text = len(text), text + piece["text"]
        if piece["supervised"] and len(text) > start:
            spans.append((start, len(text)))
    # Of pictures that only tokens are made of, the size is enough.
    pictures = [Image.new("RGB", (int(width), int(height))) for height, width in row.get("sizes", ())]
    for index in range(int(row.get("pictures", 0))):
        name = f"row.{number}.picture.{index}"
        pixels = tensors.get(name)
        if pixels is None or pixels.dtype != torch.uint8 or pixels.dim() != 3 or pixels.shape[2] != 3:
            got = "none" if pixels is None else f"{pixels.dtype} {list(pixels.shape)}"
            raise data_error(f"{name}: must be uint8 [height, width, 3], got {got}")
        pictures.append(Image.fromarray(pixels.numpy()))
    try:
        clips = [
            read_clip(processor, clip, f"row.{number}.clip.{place}", tensors)
            for place, clip in enumerate(row.get("clips", ()))
        ]
    except Refusal as refusal:
        return Rejection(refusal.reason, refusal.detail)
    return Row(text, spans, pictures, clips)


def encode_rows(
    processor: Processor, rows: Sequence[Row | Rejection], cutoff: int
) -> list[EncodedRow | Rejection]:
    """Ids and labels of each row, or why it has none. Rows that fail together are tried alone."""
    wrong = [row if isinstance(row, Rejection) else _wrong_count(processor, row) for row in rows]
    good = [row for row, bad in zip(rows, wrong, strict=True) if bad is None and isinstance(row, Row)]
    try:
        encoded = iter(_encode(processor, good, cutoff) if good else [])
    except Exception as error:
        if is_out_of_memory(error):
            raise
        encoded = iter([_encode_alone(processor, row, cutoff) for row in good])
    return [next(encoded) if rejection is None else rejection for rejection in wrong]


def _wrong_count(processor: Processor, row: Row) -> Rejection | None:
    placeholders = row.text.count(processor.image_token) if processor.image_token else 0
    if placeholders != len(row.pictures):
        return Rejection(
            "image_count_mismatch",
            f"placeholders of pictures must be as many as pictures, got {placeholders} and {len(row.pictures)}",
        )
    for kind, token in (("video", processor.video_token), ("audio", processor.audio_token)):
        placeholders, count = row.text.count(token) if token else 0, sum(clip.kind == kind for clip in row.clips)
        if placeholders != count:
            return Rejection(
                "media_count_mismatch",
                f"placeholders of {kind} must be as many as clips, got {placeholders} and {count}",
            )
    return None


def _encode_alone(processor: Processor, row: Row, cutoff: int) -> EncodedRow | Rejection:
    try:
        return _encode(processor, [row], cutoff)[0]
    except Exception as error:
        if is_out_of_memory(error):
            raise
        return Rejection("processor_refused", f"the model's processor must take the row, got: {first_line(error)}")


def _encode(processor: Processor, rows: Sequence[Row], cutoff: int) -> list[EncodedRow | Rejection]:
    inputs = _processed(processor, rows)
    found: list[EncodedRow | Rejection] = []
    ids = _unpadded(inputs)
    vectors = _vectors(processor, rows, inputs, ids)
    for row_ids, labels, found_vectors in zip(ids, _labels(processor, rows, ids), vectors, strict=True):
        if isinstance(labels, Mismatch):
            found.append(Rejection("tokenization_mismatch", f"{labels}; check chat template and tokenizer"))
        else:
            found.append(_cut(row_ids, labels, found_vectors, processor.image_ids, cutoff))
    return found


def _processed(processor: Processor, rows: Sequence[Row]) -> dict[str, torch.Tensor]:
    texts, pictures = [row.text for row in rows], [row.pictures for row in rows]
    return processor(texts, pictures, _contents(rows, "video"), _contents(rows, "audio"))


def _contents(rows: Sequence[Row], kind: str) -> list[Any]:
    return [clip.content for row in rows for clip in row.clips if clip.kind == kind]


def _vectors(
    processor: Processor, rows: Sequence[Row], inputs: Mapping[str, torch.Tensor], ids: Sequence[list[int]]
) -> list[RowVectors]:
    towers = processor.towers
    each_video = iter(towers.of_videos(inputs, _contents(rows, "video")))
    each_sound = iter(towers.of_sounds(inputs, len(_contents(rows, "audio"))))
    videos = [sum(next(each_video) for clip in row.clips if clip.kind == "video") for row in rows]
    sounds = [[next(each_sound) for clip in row.clips if clip.kind == "audio"] for row in rows]
    counts, tokens = [len(row.pictures) for row in rows], [row_ids.count(processor.picture_id) for row_ids in ids]
    pictures = towers.of_pictures(inputs, counts, tokens, videos)
    return [RowVectors(*found) for found in zip(pictures, videos, sounds, strict=True)]


def _unpadded(inputs: Mapping[str, torch.Tensor]) -> list[list[int]]:
    lengths = inputs["attention_mask"].sum(1).tolist()
    return [row[:length] for row, length in zip(inputs["input_ids"].tolist(), lengths, strict=True)]


def _labels(processor: Processor, rows: Sequence[Row], ids: Sequence[list[int]]) -> list[list[int] | Mismatch]:
    """Labels of each row's ids: the ids themselves at the tokens of its supervised pieces, -100 elsewhere."""
    found: list[list[int] | Mismatch] = []
    for row, row_ids, (text_ids, offsets) in zip(rows, ids, processor.offsets([row.text for row in rows]), strict=True):
        kinds = {clip.kind for clip in row.clips} | ({"image"} if row.pictures else set())
        placeholders = {processor.placeholder_id(kind) for kind in kinds}
        try:
            tokens = text_tokens(text_ids, offsets, row.spans, row.text)
            labels = [IGNORED_LABEL] * len(row_ids)
            for place in supervised_positions(tokens, placeholders, row_ids):
                labels[place] = row_ids[place]
            found.append(labels)
        except Mismatch as error:
            found.append(error)
    return found


def _cut(
    ids: list[int], labels: list[int], vectors: RowVectors, image_ids: frozenset[int], cutoff: int
) -> EncodedRow | Rejection:
    behind = sum(1 for token in ids[cutoff:] if token in image_ids)
    if behind > 0:
        return Rejection(
            "image_cut_off",
            f"pictures, videos and sounds must lie within cutoff_len {cutoff}, got {behind} of their tokens behind it; "
            "raise cutoff_len",
        )
    kept = labels[:cutoff]
    supervised = sum(1 for value in kept[1:] if value != IGNORED_LABEL)
    if supervised == 0:
        first = next((place for place, value in enumerate(labels) if value != IGNORED_LABEL), -1)
        return Rejection(
            "no_supervised_tokens",
            f"an answer token must lie within cutoff_len {cutoff}, got the first at {first}; raise cutoff_len",
        )
    return EncodedRow(
        ids=ids[:cutoff],
        labels=kept,
        image_tokens=sum(1 for token in ids[:cutoff] if token in image_ids),
        supervised_tokens=supervised,
        truncated=len(ids) > cutoff,
        vectors=vectors,
    )


def make_batches(processor: Processor, found: Sequence[Row | Rejection]) -> list[Batch]:
    """One processor call and batch for all rows; where they do not go together, as videos of other lengths, one each.

    A row that cannot be used is an error here: `encode` sets rows aside before.
    """
    if not found:
        raise data_error("rows: must be at least one, got none")
    rows: list[Row] = []
    for number, row in enumerate(found):
        if isinstance(row, Rejection):
            raise data_error(f"rows[{number}]: {row.detail}; set the row aside")
        rows.append(row)
    try:
        return [_make_batch(processor, rows)]
    except EngineError:
        if len(rows) == 1 or not any(row.clips for row in rows):
            raise
    return [_make_batch(processor, [row]) for row in rows]


def _make_batch(processor: Processor, rows: Sequence[Row]) -> Batch:
    try:
        inputs = _processed(processor, rows)
    except Exception as error:
        if is_out_of_memory(error):
            raise
        raise data_error(f"rows: the model's processor must take them, got: {first_line(error)}") from error
    labels = torch.full_like(inputs["input_ids"], IGNORED_LABEL)
    for number, found in enumerate(_labels(processor, rows, _unpadded(inputs))):
        if isinstance(found, Mismatch):
            raise data_error(f"rows[{number}]: {found}; set the row aside")
        labels[number, : len(found)] = torch.tensor(found)
    return Batch(inputs, labels)
