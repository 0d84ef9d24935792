"""Script runs, emoji runs and character properties."""

import importlib
import time
from itertools import pairwise

import pytest

from pixlm.rendering.unicode import (
    asks_for_no_font,
    emoji_runs,
    general_category,
    is_default_ignorable,
    script,
    script_runs,
)


def cut(text: str) -> list[tuple[str, str]]:
    return [(text[start:end], tag) for start, end, tag in script_runs(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("12 (34)!", [("12 (34)!", "Zyyy")]),
        ("Hello, world", [("Hello, world", "Latn")]),
        ("12 Привіт", [("12 Привіт", "Cyrl")]),
        ("abc где def", [("abc ", "Latn"), ("где ", "Cyrl"), ("def", "Latn")]),
        # A closing bracket goes back to the script at its opening one.
        ("abc (где) def", [("abc (", "Latn"), ("где", "Cyrl"), (") def", "Latn")]),
        ("(где) abc", [("(где) ", "Cyrl"), ("abc", "Latn")]),
        ("«где» abc", [("«где» ", "Cyrl"), ("abc", "Latn")]),
        (
            "abc [где (漢] (字) x",
            [("abc [", "Latn"), ("где (", "Cyrl"), ("漢", "Hani"), ("] (", "Latn"), ("字", "Hani"), (") x", "Latn")],
        ),
        ("漢（abc）字", [("漢（", "Hani"), ("abc", "Latn"), ("）字", "Hani")]),
        # Combining marks are inherited and stay with their base.
        ("e\u0301где\u0301", [("e\u0301", "Latn"), ("где\u0301", "Cyrl")]),
        ("かな漢字カナ", [("かな", "Hira"), ("漢字", "Hani"), ("カナ", "Kana")]),
        # Unassigned code points and lone surrogates have no script.
        ("где\u0378\ud800", [("где\u0378\ud800", "Cyrl")]),
    ],
)  # fmt: skip
def test_script_runs(text: str, expected: list[tuple[str, str]]) -> None:
    assert cut(text) == expected


def test_script_runs_cover_deeply_nested_brackets() -> None:
    text = "a" + "(" * 1000 + "г" + ")" * 1000
    runs = script_runs(text)
    assert [runs[0][0], runs[-1][1]] == [0, len(text)]
    assert all(left[1] == right[0] for left, right in pairwise(runs))


@pytest.mark.parametrize(
    ("text", "emoji"),
    [
        ("", []),
        ("plain", []),
        ("1 # *", []),
        ("a\N{GRINNING FACE}b", ["\N{GRINNING FACE}"]),
        ("\N{GRINNING FACE}\N{GRINNING FACE}", ["\N{GRINNING FACE}\N{GRINNING FACE}"]),
        # Text by default; variation selector 16 asks for emoji, 15 for text.
        ("a\u2764b", []),
        ("a\u2764\ufe0fb", ["\u2764\ufe0f"]),
        ("a\N{GRINNING FACE}\ufe0eb", []),
        # Skin tone, ZWJ chain, keycap, flag, flag of a region, prohibition.
        ("x\U0001f44b\U0001f3fd", ["\U0001f44b\U0001f3fd"]),
        ("\U0001f469\u200d\U0001f680!", ["\U0001f469\u200d\U0001f680"]),
        ("\U0001f469\u200d\u2764\ufe0f\u200d\U0001f468.", ["\U0001f469\u200d\u2764\ufe0f\u200d\U0001f468"]),
        ("x#\ufe0f\u20e3", ["#\ufe0f\u20e3"]),
        ("\U0001f1fa\U0001f1e6 \U0001f1fa", ["\U0001f1fa\U0001f1e6"]),
        (
            "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
            ["\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f"],
        ),
        # A tag sequence without its end is only the flag.
        ("\U0001f3f4\U000e0067x", ["\U0001f3f4"]),
        ("\u2764\u20e0", ["\u2764\u20e0"]),
        # A joiner that leads nowhere stays outside.
        ("\U0001f469\u200dx", ["\U0001f469"]),
    ],
)
def test_emoji_runs(text: str, emoji: list[str]) -> None:
    runs = emoji_runs(text)
    assert [text[start:end] for start, end, is_emoji in runs if is_emoji] == emoji
    assert "".join(text[start:end] for start, end, _ in runs) == text
    assert all(left[2] != right[2] for left, right in pairwise(runs))


def test_properties() -> None:
    assert [general_category(char) for char in "aA1 -\n\ud800\u0378\u0301"] == [
        "Ll",
        "Lu",
        "Nd",
        "Zs",
        "Pd",
        "Cc",
        "Cs",
        "Cn",
        "Mn",
    ]
    assert [script(char) for char in "aя漢あ1\u0301\u0378"] == ["Latn", "Cyrl", "Hani", "Hira", "Zyyy", "Zinh", "Zzzz"]
    assert script("\U00011f02") == "Kawi", "new in Unicode 15: must not depend on Python's own tables"
    assert all(map(is_default_ignorable, "\u00ad\u200b\u200d\u2060\ufe0f\ufeff\U000e0001"))
    assert not any(map(is_default_ignorable, "a \u3000\ufffd"))
    assert all(map(asks_for_no_font, " \t\u00a0\u200d\u2028\ud800\ufe0f\U000e0100"))
    assert not any(map(asks_for_no_font, "a\u1680\u0301\u20dd"))


def test_hostile_text_takes_linear_time() -> None:
    start = time.perf_counter()
    for text in ("(" * 300_000, "a(г" * 100_000, "\U0001f469\u200d" * 150_000, "\U0001f3f4" + "\U000e0061" * 300_000):
        script_runs(text)
        emoji_runs(text)
    assert time.perf_counter() - start < 20


def test_tables_import_quickly() -> None:
    from pixlm.rendering.unicode import _tables

    start = time.perf_counter()
    importlib.reload(_tables)
    assert time.perf_counter() - start < 1
