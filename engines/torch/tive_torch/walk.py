"""Which of a row's ids are learned: the text's tokens, walked along the ids in which pictures are expanded."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

# Tokens beside a placeholder that a picture's frame may merge with or replace, none of them supervised.
_LARGEST_MERGE = 2


@dataclass(frozen=True)
class TextToken:
    """A token of the text in which pictures stand as placeholders."""

    id: int
    supervised: bool


class Mismatch(Exception):
    """The text's tokens are not those of the ids."""


def text_tokens(
    ids: Sequence[int], offsets: Sequence[tuple[int, int]], spans: Sequence[tuple[int, int]], text: str
) -> list[TextToken]:
    """Tokens with whether they lie in a supervised span of characters.

    @raises Mismatch where a token reaches over a bound of a span.
    """
    tokens: list[TextToken] = []
    bounds = sorted({bound for span in spans for bound in span})
    previous_end = 0
    for token_id, (start, end) in zip(ids, offsets, strict=True):
        if start == end:
            tokens.append(TextToken(token_id, False))
            continue
        # Some tokenizers leave the space that a token begins with out of its offsets.
        if previous_end < start and text[previous_end:start].isspace():
            start = previous_end
        for bound in bounds:
            if start < bound < end:
                raise Mismatch(f"a token must not reach over an answer's bound, got {text[start:end]!r}")
        tokens.append(TextToken(token_id, any(first <= start and end <= last for first, last in spans)))
        previous_end = max(previous_end, end)
    return tokens


def supervised_positions(
    tokens: Sequence[TextToken], placeholders: Collection[int | None], ids: Sequence[int]
) -> list[int]:
    """Places in `ids` of all supervised tokens, in order.

    `ids` are the tokens with every placeholder expanded. The text before the first picture must begin them, the text
    behind the last one must end them, what stands between is found in order; only texts with an answer are looked for.

    @raises Mismatch where a supervised token has no place.
    """
    segments = _between_placeholders(tokens, placeholders)
    found: list[int] = []
    cursor = 0
    for number, segment in enumerate(segments):
        if not any(token.supervised for token in segment):
            cursor += 1 if number > 0 else 0
            continue
        first, last = number == 0, number == len(segments) - 1
        place, trimmed = _find(segment, ids, cursor, first, last)
        core = segment[trimmed:]
        found.extend(place + index for index, token in enumerate(core) if token.supervised)
        cursor = place + _last_supervised(core) + 1
    return found


def _between_placeholders(
    tokens: Sequence[TextToken], placeholders: Collection[int | None]
) -> list[list[TextToken]]:
    segments: list[list[TextToken]] = [[]]
    for token in tokens:
        if token.id in placeholders:
            if token.supervised:
                raise Mismatch("a picture, video or sound must not stand in an answer, got a placeholder in one")
            segments.append([])
        else:
            segments[-1].append(token)
    return segments


def _last_supervised(tokens: Sequence[TextToken]) -> int:
    return max(index for index, token in enumerate(tokens) if token.supervised)


def _find(segment: Sequence[TextToken], ids: Sequence[int], cursor: int, first: bool, last: bool) -> tuple[int, int]:
    """Place of a segment's tokens in the ids at or behind `cursor`, and how many at its start were left out.

    Beside a placeholder up to two unsupervised tokens may differ; as few as possible are left out.
    """
    for left, right in _trims(segment, first, last):
        core = [token.id for token in segment[left : len(segment) - right]]
        if first and last:
            place = 0 if len(core) == len(ids) and list(ids) == core else -1
        elif first:
            place = 0 if list(ids[: len(core)]) == core else -1
        elif last:
            start = len(ids) - len(core)
            place = start if start > cursor and list(ids[start:]) == core else -1
        else:
            place = _search(core, ids, cursor + 1)
        if place >= 0:
            return place, left
    raise Mismatch("an answer's tokens must be the same with the pictures in place, got others")


def _trims(segment: Sequence[TextToken], first: bool, last: bool) -> list[tuple[int, int]]:
    lefts = [0] if first else _allowed(segment)
    rights = [0] if last else _allowed(segment[::-1])
    return sorted(((left, right) for left in lefts for right in rights), key=lambda trim: (sum(trim), trim))


def _allowed(tokens: Sequence[TextToken]) -> list[int]:
    """How many tokens may be left out at the start: those before the first supervised one, at most two."""
    allowed = [0]
    for count, token in enumerate(tokens[:_LARGEST_MERGE], start=1):
        if token.supervised:
            break
        allowed.append(count)
    return allowed


def _search(core: Sequence[int], ids: Sequence[int], start: int) -> int:
    for place in range(start, len(ids) - len(core) + 1):
        if ids[place] == core[0] and list(ids[place : place + len(core)]) == list(core):
            return place
    return -1
