"""The characters that running text of a script is written with: what may be read from a picture that a model drew.

A renderer's fonts hold many more (phonetic letters, ornaments, presentation forms), and a blurred patch looks like one
of those sooner or later. Here a script's letters are those of its everyday blocks.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from functools import cache

from pixlm.rendering.unicode.properties import SCRIPT

_EVERYDAY: dict[str, tuple[int, ...]] = {
    "Latn": (0x41, 0x17F, 0x1A0, 0x1B0, 0x218, 0x21B, 0x1E80, 0x1EFF),
    "Grek": (0x386, 0x3CE),
    "Cyrl": (0x400, 0x45F, 0x490, 0x491),
    "Arab": (0x620, 0x652, 0x660, 0x66C, 0x670, 0x6D5, 0x6F0, 0x6F9),
    "Hebr": (0x5D0, 0x5EA),
    "Hang": (0xAC00, 0xD7A3),
    "Hani": (0x4E00, 0x9FFF),
    "Hira": (0x3041, 0x309F),
    "Kana": (0x30A1, 0x30FF),
}
"""Inclusive ranges; of other scripts the first block that the script has letters in."""
_TOGETHER = ({"Hani", "Hira", "Kana"},)
_SIGNS = " .,:;!?'\"()-–—0123456789%/“”’«»"
_OF_SCRIPTS = {"Arab": "،؛؟", "Hani": "。、，！？：；「」（）《》", "Deva": "।", "Grek": "·"}
_BLOCK = 0x80


def everyday(text: str) -> frozenset[str]:
    """Characters of ``text``, everyday letters of its scripts, digits and the commonest signs."""
    scripts = {SCRIPT[char] for char in text} - {"Zyyy", "Zinh", "Zzzz"}
    for group in _TOGETHER:
        if scripts & (group - {"Hani"}):
            scripts |= group
    return frozenset(text) | frozenset(_SIGNS) | frozenset(_of(frozenset(scripts)))


@cache
def _of(scripts: frozenset[str]) -> frozenset[str]:
    found: set[str] = set()
    for script in scripts:
        found.update(_letters(script), _OF_SCRIPTS.get(script, ""))
    return frozenset(found)


def _letters(script: str) -> Iterable[str]:
    if script in _EVERYDAY:
        ends = _EVERYDAY[script]
        codes = [code for low, high in zip(ends[::2], ends[1::2], strict=True) for code in range(low, high + 1)]
    else:
        own = [code for code in range(0x80, 0x20000) if SCRIPT[chr(code)] == script]
        codes = [code for code in own if code // _BLOCK == own[0] // _BLOCK]
    for char in map(chr, codes):
        usual = unicodedata.category(char)[0] in "LM" or unicodedata.category(char) == "Nd"
        if usual and not unicodedata.decomposition(char).startswith("<") and SCRIPT[char] in (script, "Zinh", "Zyyy"):
            yield char
