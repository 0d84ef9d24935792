"""Grapheme clusters against the Unicode conformance file."""

import lzma
import time
from pathlib import Path

import pytest

from pixlm.rendering.unicode import grapheme_clusters

DATA = Path(__file__).parents[2] / "data" / "unicode"


def cut(text: str) -> list[str]:
    return [text[start:end] for start, end in grapheme_clusters(text)]


def test_all_of_grapheme_break_test_txt() -> None:
    cases = 0
    with lzma.open(DATA / "GraphemeBreakTest.txt.xz", "rt", encoding="utf-8") as file:
        for line in file:
            fields = line.split("#")[0].strip().strip("÷").strip()
            if fields:
                clusters = ["".join(chr(int(c, 16)) for c in part.split("×")) for part in fields.split("÷")]
                assert cut("".join(clusters)) == clusters, line
                cases += 1
    assert cases == 602


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("abc", ["a", "b", "c"]),
        ("a\r\nb", ["a", "\r\n", "b"]),
        ("e\u0301a", ["e\u0301", "a"]),
        ("नमस्ते", ["न", "म", "स्", "ते"]),
        ("\U0001f469\u200d\U0001f680x", ["\U0001f469\u200d\U0001f680", "x"]),
        ("\U0001f1fa\U0001f1e6\U0001f1fa", ["\U0001f1fa\U0001f1e6", "\U0001f1fa"]),
        ("한\u1112\u1161\u11ab", ["한", "\u1112\u1161\u11ab"]),
    ],
)
def test_clusters(text: str, expected: list[str]) -> None:
    assert cut(text) == expected


def test_hostile_text_takes_linear_time() -> None:
    start = time.perf_counter()
    for text in ("a" + "\u0301" * 500_000, "\u0600" * 500_000, "\u1100" * 500_000, "\U0001f469\u200d" * 250_000):
        assert sum(end - begin for begin, end in grapheme_clusters(text)) == len(text)
    assert time.perf_counter() - start < 15
