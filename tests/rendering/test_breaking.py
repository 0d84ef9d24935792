"""Where lines may be broken."""

from __future__ import annotations

import pytest

from pixlm.rendering.breaking import break_points


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
