"""Writes a shared library whose functions all do one thing: fail."""

from __future__ import annotations

import struct

from .read_elf import Symbol

# What every function does: return 100, CUDA's word for "no device".
_CODE = {
    62: bytes.fromhex("b864000000c3"),  # x86-64: mov eax, 100; ret
    183: bytes.fromhex("800c8052c0035fd6"),  # aarch64: mov w0, #100; ret
}

MACHINES = frozenset(_CODE)

# No kernel has larger pages; what is written lies in one that what is run does not.
_PAGE = 0x10000


def library_bytes(name: str, symbols: list[Symbol], machine: int) -> bytes:
    """The library of that soname with those functions, in their order."""
    texts = _Texts()
    soname = texts.add(name)
    versions = sorted({symbol.version for symbol in symbols if symbol.version is not None})
    # Number 1 is the library itself, for symbols without a version.
    numbers = {version: index + 2 for index, version in enumerate(versions)}
    entries = [(texts.add(symbol.name), numbers.get(symbol.version or "", 1)) for symbol in symbols]
    definitions = _version_definitions([(name, soname), *((version, texts.add(version)) for version in versions)])

    parts = [
        _hash_table([symbol.name for symbol in symbols]),
        b"",  # the symbols, which hold the place of the code
        struct.pack(f"<{len(entries) + 1}H", 0, *(number for _, number in entries)),
        definitions,
        texts.bytes(),
        _CODE[machine],
    ]
    sizes = [len(part) for part in parts]
    sizes[1] = 24 * (len(entries) + 1)
    places = _places(64 + 4 * 56, sizes)
    hash_at, symbols_at, versym_at, definitions_at, texts_at, code_at = places
    parts[1] = bytes(24) + b"".join(struct.pack("<IBBHQQ", text, 0x12, 0, 1, code_at, 0) for text, _ in entries)
    end = code_at + sizes[-1]
    dynamic = [
        (14, soname),
        (4, hash_at),
        (5, texts_at),
        (6, symbols_at),
        (10, sizes[4]),
        (11, 24),
        (0x6FFFFFF0, versym_at),
        (0x6FFFFFFC, definitions_at),
        (0x6FFFFFFD, len(versions) + 1),
        (0, 0),
    ]
    dynamic_bytes = b"".join(struct.pack("<QQ", *entry) for entry in dynamic)
    dynamic_at = -(-end // 16) * 16
    address = dynamic_at + _PAGE

    content = bytearray(dynamic_at + len(dynamic_bytes))
    content[:64] = _file_header(machine)
    content[64:288] = b"".join(
        [
            _segment(1, 5, 0, 0, end),
            _segment(1, 6, dynamic_at, address, len(dynamic_bytes)),
            _segment(2, 6, dynamic_at, address, len(dynamic_bytes), 8),
            _segment(0x6474E551, 6, 0, 0, 0, 16),  # a stack that is not run
        ]
    )
    for place, part in zip(places, parts, strict=True):
        content[place : place + len(part)] = part
    content[dynamic_at:] = dynamic_bytes
    return bytes(content)


class _Texts:
    """A table of texts, each behind the one before."""

    def __init__(self) -> None:
        self._data = bytearray(1)

    def add(self, text: str) -> int:
        start = len(self._data)
        self._data += text.encode() + b"\0"
        return start

    def bytes(self) -> bytes:
        return bytes(self._data)


def _places(start: int, sizes: list[int]) -> list[int]:
    """Where parts lie one after the other, each at a multiple of eight."""
    places = []
    for size in sizes:
        start = -(-start // 8) * 8
        places.append(start)
        start += size
    return places


def _hash(name: str) -> int:
    """The hash of the System V ABI."""
    value = 0
    for byte in name.encode():
        value = (value << 4) + byte
        high = value & 0xF0000000
        value = (value ^ (high >> 24)) & ~high & 0xFFFFFFFF
    return value


def _hash_table(names: list[str]) -> bytes:
    count = max(1, len(names))
    buckets = [0] * count
    chain = [0] * (len(names) + 1)
    for index, name in enumerate(names, start=1):
        bucket = _hash(name) % count
        chain[index], buckets[bucket] = buckets[bucket], index
    return struct.pack(f"<{2 + len(buckets) + len(chain)}I", len(buckets), len(chain), *buckets, *chain)


def _version_definitions(names: list[tuple[str, int]]) -> bytes:
    """The library's own name first, then each version: 20 bytes, and 8 for its name."""
    definitions = b""
    for index, (name, text) in enumerate(names):
        following = 28 if index + 1 < len(names) else 0
        definitions += struct.pack("<HHHHIII", 1, int(index == 0), index + 1, 1, _hash(name), 20, following)
        definitions += struct.pack("<II", text, 0)
    return definitions


def _file_header(machine: int) -> bytes:
    magic = b"\x7fELF\x02\x01\x01" + bytes(9)
    return magic + struct.pack("<HHIQQQIHHHHHH", 3, machine, 1, 0, 64, 0, 0, 64, 56, 4, 64, 0, 0)


def _segment(kind: int, flags: int, offset: int, address: int, size: int, align: int = _PAGE) -> bytes:
    return struct.pack("<IIQQQQQQ", kind, flags, offset, address, address, size, size, align)
