"""Where lines may be broken."""

from __future__ import annotations

import pytest

from pixlm.rendering.breaking import break_points, syllables


@pytest.mark.parametrize(
    "text",
    [
        "two |words",
        "many   |spaces ",
        " leading |space",
        "well-|known",
        "-5 |x-5 |- |a",
        "a/|b/1",
        "no\u00a0break |but\u200b|here",
        "人|人|生|而|自|由，|在",
        "「引|用」|（一）",
        "に|ほっ|と|カー",
        "한|국|어 |말",
        "日|Han|日",
        "สวัสดีครับ |ไทย",
        "e\u0301a |e\u0301-\u0301|b",
        "a\u2060 |b",
        "",
        "  ",
    ],
)
def test_break_points(text):
    parts = text.split("|")
    expected = []
    for part in parts[:-1]:
        expected.append(len(part) + (expected[-1] if expected else 0))
    assert break_points("".join(parts)) == expected


@pytest.mark.parametrize(
    "text",
    [
        "a|b|c",
        "e\u0301|x",
        "เป็|น",  # a Thai vowel before its consonant, and a mark
        "คะๆ|ค",  # what stays with the syllable before
        "ไ",
        "\u1780\u17d2\u1780\u17b6|\u1780",  # Khmer: a subscript consonant
        "\u1000\u1039\u1000|\u1000",  # Burmese: stacked
        "\u0915\u094d\u0937\u093f|\u0924\u094d\u200d\u0930",  # Devanagari conjuncts
        "\u0ec0\u0e9b\u0eb1|\u0e99\u0eb2",  # Lao
        "",
    ],
)
def test_syllables(text):
    parts = text.split("|") if text else []
    found = syllables("".join(parts))
    assert ["".join(parts)[start:end] for start, end in found] == parts
