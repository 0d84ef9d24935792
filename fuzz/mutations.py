"""Mutants of seeds without a fuzzer: bytes changed, moved, repeated, cut, and pieces of other seeds put in."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

CORPUS = Path(__file__).resolve().parent / "corpus"
WORDS = (
    *(bytes([byte]) for byte in b"\0\t\n"),
    *(b"\r\n", b"\n\n"),
    *(bytes([byte]) for byte in b"\"'{}[],:-#|"),
    *(b"</", b">"),
    *b"null NaN 1e999 -1 0 99999999999999999999 true".split(),
    *(b"\xff", b"\xed\xa0\x80", b"\xef\xbb\xbf"),
    *("\u202e".encode(), "\u0301".encode() * 40, "\U0001f469\u200d\U0001f4bb".encode(), "ﷺ".encode(), "ก็".encode()),
    *(b"[" * 3000, b"&a [*a, *a]", b"!!python/object:os.system", b"\\ud800", b"_", b"O", b"B-PER", b"I-"),
)


def seeds(name: str) -> list[bytes]:
    """The stored files of a target."""
    return [path.read_bytes() for path in sorted((CORPUS / name).iterdir())]


def mutant(given: Sequence[bytes], number: int) -> bytes:
    """Mutant ``number`` of the seeds, a function of them and the number."""
    chance = random.Random(number)
    data = bytearray(chance.choice(given))
    for _ in range(chance.choice((1, 1, 2, 4, 16))):
        at = chance.randrange(len(data) + 1)
        to = min(len(data), at + chance.choice((1, 2, 8, 64, 512)))
        kind = chance.randrange(7)
        if kind == 0 and at < len(data):
            data[at] = chance.choice((0, 1, 9, 10, 32, 34, 127, 128, 255, chance.randrange(256)))
        elif kind == 1:
            del data[at:to]
        elif kind == 2:
            data[at:at] = data[at:to] * chance.choice((1, 2, 50))
        elif kind == 3:
            data[at:at] = chance.choice(WORDS)
        elif kind == 4:
            data[at:to] = chance.choice(WORDS)
        elif kind == 5:
            other = chance.choice(given)
            start = chance.randrange(len(other) + 1)
            data[at:at] = other[start : start + chance.choice((4, 32, 256))]
        elif chance.random() < 0.2:
            del data[at:]
    return bytes(data)
