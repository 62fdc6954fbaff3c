"""What a shared library needs and offers: names of libraries, and its dynamic symbols."""

from __future__ import annotations

import mmap
import struct
from dataclasses import dataclass
from pathlib import Path

_DYNAMIC, _DYNSYM, _VERNEED, _VERSYM = 6, 11, 0x6FFFFFFE, 0x6FFFFFFF
_NEEDED = 1
_WEAK = 2
_HIDDEN = 0x8000


@dataclass(frozen=True)
class Symbol:
    """A name that is looked up; its version is None where any will do."""

    name: str
    version: str | None


@dataclass(frozen=True)
class Library:
    """The part of a library that the loader reads before anything of it runs."""

    machine: int
    needed: tuple[str, ...]
    # What must be found elsewhere; weak ones may be missing.
    undefined: frozenset[Symbol]
    defined: frozenset[str]


def read_library(path: Path) -> Library:
    """Reads a 64-bit little-endian ELF file. Raises ValueError for another one."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        if data[:6] != b"\x7fELF\x02\x01":
            raise ValueError(f"{path.name}: must be a 64-bit little-endian library, got {data[:6]!r}")
        return _read(data)


def _read(data: mmap.mmap) -> Library:
    (machine,) = struct.unpack_from("<H", data, 18)
    (table,) = struct.unpack_from("<Q", data, 40)
    size, count = struct.unpack_from("<HH", data, 58)
    headers = [struct.unpack_from("<IIQQQQIIQQ", data, table + size * index) for index in range(count)]
    sections = {kind: (offset, length, link) for _, kind, _, _, offset, length, link, *_ in headers}
    if _DYNSYM not in sections:  # a stand-in
        return Library(machine, (), frozenset(), frozenset())
    start, length, link = sections[_DYNSYM]
    texts = headers[link][4]
    offset, dynamic_length, _ = sections[_DYNAMIC]
    entries = struct.iter_unpack("<QQ", data[offset : offset + dynamic_length])
    needed = tuple(_text(data, texts + value) for tag, value in entries if tag == _NEEDED)
    versions = _needed_versions(data, sections.get(_VERNEED), texts)
    versym = sections.get(_VERSYM)
    undefined, defined = set(), set()
    for index in range(1, length // 24):
        name_at, info, _, section = struct.unpack_from("<IBBH", data, start + 24 * index)
        name = _text(data, texts + name_at)
        if section != 0:
            defined.add(name)
        elif info >> 4 != _WEAK:
            version = struct.unpack_from("<H", data, versym[0] + 2 * index)[0] & ~_HIDDEN if versym else 0
            undefined.add(Symbol(name, versions.get(version)))
    return Library(machine, needed, frozenset(undefined), frozenset(defined))


def _needed_versions(data: mmap.mmap, section: tuple[int, int, int] | None, texts: int) -> dict[int, str]:
    """Names of versions by the number that symbols have."""
    versions: dict[int, str] = {}
    entry = section[0] if section else None
    while entry is not None:
        _, count, _, first, following = struct.unpack_from("<HHIII", data, entry)
        auxiliary = entry + first
        for _ in range(count):
            _, _, number, name, step = struct.unpack_from("<IHHII", data, auxiliary)
            versions[number] = _text(data, texts + name)
            auxiliary += step
        entry = entry + following if following else None
    return versions


def _text(data: mmap.mmap, start: int) -> str:
    return data[start : data.find(b"\0", start)].decode()
