"""Bidi levels against the Unicode conformance files, and what must hold beyond them."""

import lzma
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from pixlm.rendering.unicode import embedding_levels, visual_order
from pixlm.rendering.unicode.bidi import first_strong_level, levels_of_types

DATA = Path(__file__).parents[2] / "data" / "unicode"

LETTERS = {
    "L": "L", "R": "R", "AL": "a", "EN": "E", "ES": "S", "ET": "T", "AN": "n", "CS": "C", "NSM": "M", "BN": "b",
    "B": "B", "S": "s", "WS": "W", "ON": "N", "LRE": "x", "RLE": "X", "LRO": "o", "RLO": "O", "PDF": "P",
    "LRI": "l", "RLI": "r", "FSI": "f", "PDI": "p",
}  # fmt: skip


def lines(name: str) -> Iterator[str]:
    with lzma.open(DATA / name, "rt", encoding="utf-8") as file:
        for line in file:
            line = line.split("#")[0].strip()
            if line:
                yield line


def order_of(levels: np.ndarray, expected: list[str]) -> list[int]:
    """The visual order of the characters that rule X9 keeps."""
    kept = [index for index, level in enumerate(expected) if level != "x"]
    return [kept[position] for position in visual_order([int(levels[index]) for index in kept])]


@pytest.mark.slow
def test_all_of_bidi_test_txt() -> None:
    """Every sequence of up to four bidi classes (and many longer), in up to three base directions."""
    cases = 0
    levels: list[str] = []
    order: list[int] = []
    for line in lines("BidiTest.txt.xz"):
        if line.startswith("@Levels:"):
            levels = line.removeprefix("@Levels:").split()
        elif line.startswith("@Reorder:"):
            order = [int(index) for index in line.removeprefix("@Reorder:").split()]
        elif not line.startswith("@"):
            classes, bits = line.split(";")
            types = "".join(LETTERS[name] for name in classes.split())
            for bit, base in ((1, None), (2, 0), (4, 1)):
                if int(bits, 16) & bit:
                    found, _ = levels_of_types(types, "x" * len(types), base)
                    want = [str(value) if kept != "x" else "x" for value, kept in zip(found, levels, strict=True)]
                    assert want == levels, (classes, base)
                    assert order_of(found, levels) == order, (classes, base)
                    cases += 1
    assert cases == 770241


def test_all_of_bidi_character_test_txt() -> None:
    """Real characters: paired brackets, isolates, canonical equivalents."""
    cases = 0
    for line in lines("BidiCharacterTest.txt.xz"):
        codes, direction, paragraph, levels_field, order_field = line.split(";")
        text = "".join(chr(int(code, 16)) for code in codes.split())
        base = {"0": 0, "1": 1, "2": None}[direction]
        expected = levels_field.split()
        found, level = embedding_levels(text, base)
        assert level == int(paragraph), line
        assert [str(v) if e != "x" else "x" for v, e in zip(found, expected, strict=True)] == expected, line
        assert order_of(found, expected) == [int(index) for index in order_field.split()], line
        cases += 1
    assert cases == 91707


def test_small_cases() -> None:
    def levels(text: str, base: int | None = None) -> list[int]:
        return embedding_levels(text, base)[0].tolist()

    assert levels("") == []
    assert levels("plain text 12") == [0] * 13
    assert levels("שלום") == [1] * 4
    assert levels("ab שלום, 12 cd") == [0] * 3 + [1] * 6 + [2] * 2 + [0] * 3
    assert levels("12", base=1) == [2, 2]
    assert levels("a ", base=1) == [2, 1], "whitespace at the end has the paragraph level"
    assert embedding_levels("12 ...")[1] == 0, "without a strong character a paragraph runs from left to right"
    # Characters that X9 removes take the level of the character before them.
    assert levels("a\u202bב\u202cc") == [0, 0, 1, 1, 0]
    assert levels("\ud800א") == [0, 1], "a lone surrogate is a left-to-right character"
    with pytest.raises(ValueError, match="level 0 or 1"):
        embedding_levels("a", 2)


def test_marks_on_brackets_follow_them() -> None:
    assert embedding_levels("א(\u0301a)\u0301ב", 1)[0].tolist() == [1, 1, 1, 2, 1, 1, 1]


def test_first_strong_level_looks_at_controls_and_into_isolates() -> None:
    assert first_strong_level("12 ...") is None
    assert first_strong_level("12 a א") == 0
    assert first_strong_level("\u2067א\u2069a") == 1
    assert embedding_levels("\u2067א\u2069a")[1] == 0
    assert first_strong_level("\u202eabc") == 1


def test_visual_order() -> None:
    assert visual_order([]) == []
    assert visual_order([0, 1, 0]) == [0, 1, 2]
    assert visual_order([1, 2, 1]) == [2, 1, 0]
    assert visual_order([0, 1, 1, 2, 2, 1, 0]) == [0, 5, 3, 4, 2, 1, 6]
    assert visual_order(np.array([1, 1], np.uint8)) == [1, 0]


@pytest.mark.parametrize(
    "text",
    [
        "\u202b" * 330_000,
        "\u2067a" * 160_000,
        "\u2068" * 160_000 + "a" + "\u2069" * 160_000,
        "\u202ba\u202c" * 100_000,
        "א(" * 160_000,
        "א" + " " * 600_000 + "b",
        "א" + "$" * 600_000 + "b",
        ("(" * 60 + "אa)" * 60) * 2000,
    ],
    ids=["RLE", "RLI a", "FSI PDI", "RLE PDF", "brackets", "spaces", "terminators", "nested pairs"],
)
def test_a_megabyte_of_controls_takes_linear_time(text: str) -> None:
    start = time.perf_counter()
    levels, _ = embedding_levels(text)
    assert len(levels) == len(text)
    assert levels.max(initial=0) <= 126
    assert time.perf_counter() - start < 15
