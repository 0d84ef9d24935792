"""Compiled inner loops and HarfBuzz called directly give what Python code and uharfbuzz give, and refuse nonsense."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pixlm import TextRenderer
from pixlm.rendering import compiled, harfbuzz_library
from pixlm.rendering.assembly import tiles
from pixlm.rendering.assembly.words import Words
from pixlm.rendering.shaping import EMPTY_GLYPH, Shaped, Shaping, _ObjectShaper

UDHR = Path(__file__).parents[1] / "data" / "udhr" / "udhr.tsv"
TEXTS = [row.split("\t")[-1] for row in UDHR.read_text(encoding="utf-8").splitlines()]

built = pytest.mark.skipif(compiled.inner is None, reason=f"compiled inner loops: {compiled.status}")
direct = pytest.mark.skipif(harfbuzz_library.functions() is None, reason="uharfbuzz does not show HarfBuzz's functions")


@direct
def test_direct_shaping_equals_uharfbuzz():
    font = TextRenderer().fonts[0]
    shaping = Shaping(font.data, font.index, font.size, font.font)
    objects = Shaping(font.data, font.index, font.size, font.font)
    objects._shaper = _ObjectShaper(font.font)
    draw = random.Random(1)
    samples = [*(text[start : start + 40] for text in TEXTS for start in (0, draw.randrange(len(text)))), "", "\ud800a"]
    for text in samples:
        start = draw.randrange(len(text) + 1)
        length = draw.randrange(len(text) + 1 - start)
        for script, rtl in (("Latn", False), ("Arab", True), ("Deva", False), ("Hang", False), ("Zyyy", True)):
            one = shaping.shape(text, start, length, script=script, rtl=rtl)
            other = objects.shape(text, start, length, script=script, rtl=rtl)
            assert (one.glyphs, one.clusters, one.places) == (other.glyphs, other.clusters, other.places), (
                text,
                script,
            )
            one, other = (s.shape_apart(text, script=script, rtl=rtl) for s in (shaping, objects))
            assert (one.glyphs, one.clusters) == (other.glyphs, other.clusters), (text, script)
            # HarfBuzz up to 11 leaves bits of its own beside the flags, which the objects do not show.
            assert [flag & 3 for flag in one.flags] == [flag & 3 for flag in other.flags], (text, script)


@built
@pytest.mark.parametrize("rgb", [False, True])
def test_words_equal_what_python_draws(rgb):
    renderer = TextRenderer(rgb=rgb, missing_glyph="box")
    inks = renderer._assembler._strips.inks
    seen = 0
    for text in TEXTS:
        words = list(dict.fromkeys(text[:1500].split(" ")))
        setting = Words(renderer._backend.line_layout).setting(words, None)
        if setting is None:
            continue
        font, rtl = renderer.fonts[setting.font], bool(setting.level)
        for first, baseline in zip(
            range(0, len(words), 6), (11000, 12288, 300, -5000, 17000, 12800) * 99, strict=False
        ):
            some = words[first : first + 6]
            records = font.shaping.records_apart(f"  {'   '.join(some)}  ", script=setting.script, rtl=rtl)
            circle = -1 if font.circle is None else font.circle
            ours = compiled.inner.words(renderer._painter.bitmaps(font), *records, some, rtl, circle, baseline, 16, rgb)
            assert ours == inks._found(Shaped(*records), some, font, rtl, baseline), (some, baseline)
            seen += sum(ink is not None for ink in ours or ())
    assert seen > 1000


@built
@pytest.mark.parametrize("rgb", [False, True])
def test_cells_equal_what_python_draws(rgb, monkeypatch):
    draw = random.Random(2)
    pairs = ["".join(draw.choices(text.replace(" ", ""), k=2)) for text in TEXTS for _ in range(6)]
    drawn = []
    for inner in (compiled.inner, None):
        monkeypatch.setattr(compiled, "inner", inner)
        renderer = TextRenderer(strategy="bigrams", rgb=rgb, missing_glyph="box")
        table = tiles.PatchTable(16, 3 if rgb else 1)
        made = tiles.Tiles(renderer._painter, renderer._cell_baseline, table)
        cells = [renderer._strategy.cell_of(pair, 0, renderer._lay_out, 16) for pair in pairs]
        made.add(cells)
        groups = made.of([cells[first : first + 1 + first % 3] for first in range(len(cells) - 3)])
        patches = table.pixels()
        drawn.append(
            [
                (
                    patches[np.frombuffer(tile.numbers, np.int32)].tobytes(),
                    tile.spill and [part.tolist() for part in tile.spill],
                )
                for tile in groups
            ]
        )
    assert drawn[0] == drawn[1]
    assert any(spill for _, spill in drawn[0])


@built
@pytest.mark.parametrize("compat", [None, "pixel-m4"])
@pytest.mark.parametrize("rgb", [False, True])
def test_pairs_equal_what_python_draws(rgb, compat, monkeypatch):
    """Words, and neighbours drawn together: numbers, patches, and the ink beyond them."""
    draw = random.Random(3)
    words = [word for text in TEXTS for word in draw.sample(text.split(), min(12, len(text.split())))]
    words += ["".join(draw.choices(text.replace(" ", ""), k=draw.randrange(1, 9))) for text in TEXTS for _ in range(4)]
    words = list(dict.fromkeys(words))
    found = []
    for inner in (compiled.inner, None):
        monkeypatch.setattr(compiled, "inner", inner)
        known = TextRenderer(strategy="bigrams", rgb=rgb, compat=compat, missing_glyph="box")._assembler._vocabulary
        assert (known._pairs is None) == (inner is None)
        for flow in "LRa":
            known.add(words, flow)
        joints = []
        for flow in "LRa":
            for first, second in zip(words[::3], words[1::3], strict=False):
                if known.books[flow][first] is not False and known.books[flow][second] is not False:
                    joints.append(known.joint(first, second, flow).tobytes())
        patches = known.table.pixels()

        def pixels(numbers, patches=patches):
            return numbers and patches[np.frombuffer(numbers, np.int32)].tobytes()

        found.append(
            [
                *(
                    (flow, word, pixels(numbers), [part.tolist() for part in known.spills.get(flow, {}).get(word, ())])
                    for flow, book in known.books.items()
                    for word, numbers in book.items()
                ),
                *map(pixels, joints),
            ]
        )
    assert sorted(found[0], key=repr) == sorted(found[1], key=repr)
    assert any(len(one) == 4 and one[3] for one in found[0])


@built
def test_columns_are_put_where_they_belong():
    draw = random.Random(4)
    for number in range(2000):
        rows, channels = draw.choice([16, 16, 1, 5, 17]), draw.choice([1, 1, 3])
        shape = (rows, 3) if channels == 3 else (rows,)
        columns = np.random.default_rng(number).integers(0, 256, (draw.randrange(60), *shape), np.uint8)
        image = np.full((rows, draw.randrange(70), *shape[1:]), 255, np.uint8)
        expected = image.copy()
        left, end = draw.randrange(-70, 80), draw.randrange(-10, 80)
        for at, column in enumerate(columns, left):
            if 0 <= at < min(end, image.shape[1]):
                expected[:, at] = column
        compiled.inner.put(image, columns.tobytes(), rows, channels, left, end)
        assert np.array_equal(image, expected)
    good = [np.zeros((17, 9, 3), np.uint8), b"", 17, 3, 0, 1]
    for place, value, error in (
        (0, b"", (TypeError, BufferError)), (0, good[0][:, ::2], (TypeError, BufferError)), (1, bytes(7), ValueError),
        (2, 0, ValueError), (2, 1 << 20, ValueError), (3, 2, ValueError), (4, 1 << 70, OverflowError),
    ):  # fmt: skip
        with pytest.raises(error):
            compiled.inner.put(*good[:place], value, *good[place + 1 :])
    for left in (-(1 << 63), (1 << 63) - 1):
        for end in (-(1 << 63), (1 << 63) - 1):
            compiled.inner.put(image, columns.tobytes(), rows, channels, left, end)
    assert np.array_equal(image, expected)


@built
def test_nonsense_about_pairs_is_refused():
    inner = compiled.inner
    ink = (bytes(32), 1, 3)  # two columns of two rows in a cell of two patches of 2 x 2, or beyond
    inks = {"a": ink, "b": (b"", 0, 1), "c": None, "d": (bytes(8), -1, 2)}
    good = [["a"], 0, inks, {}, 1, 16, 1, 5]
    tiles, made, patches = inner.pairs(*good)
    assert tiles == [np.array([5], np.int32).tobytes()]
    assert made == {"a": tiles[0]}
    assert np.array_equal(np.frombuffer(patches, np.uint8).reshape(16, 16)[:, :4].min(0), [255, 0, 0, 255])
    assert inner.pairs(["", "x", "ac", "a\ud800", "b"], *good[1:])[0] == [None, None, None, None, b"\x05\0\0\0"]
    for place, value, error in (
        (0, ("a",), TypeError), (0, [1], TypeError), (0, [None], TypeError), (2, [], TypeError), (3, [], TypeError),
        (2, {"a": b"ab"}, TypeError), (2, {"a": (1, 2, 3)}, TypeError), (2, {"a": (b"", 0)}, TypeError),
        (2, {"a": (bytes(15), 0, 1)}, ValueError), (2, {"a": (b"", 1 << 40, 1)}, ValueError),
        (2, {"a": (b"", 0, -1)}, ValueError), (2, {"a": (b"", 0, 1 << 40)}, ValueError),
        (2, {"a": (b"", 0, 1 << 70)}, OverflowError), (3, {"a": 1}, TypeError), (3, {"a": (b"", b"")}, TypeError),
        (3, {"a": (b"", b"", 1)}, TypeError), (4, -1, ValueError), (4, 1 << 40, ValueError), (5, 0, ValueError),
        (5, 1 << 20, ValueError), (6, 2, ValueError), (7, -1, ValueError), (7, (1 << 31) - 1, OverflowError),
    ):  # fmt: skip
        with pytest.raises(error):
            inner.pairs(*good[:place], value, *good[place + 1 :])
    far = {"a": (bytes(16), 1 << 20, 1 << 20)}
    assert inner.pairs(["aaaa" * 200], 1, far, *good[3:])[0] == [None]  # too wide
    assert inner.strip(["aaaa" * 200], 1, far, *good[4:7]) is None
    for word in ("dd", "ddd", "dddddd", "adbdca", "dbbbd" * 50):
        for odd in (0, 1):
            for least in (0, 1, 3):
                inner.pairs([word] * 3, odd, {**inks, "d": (bytes(8 * 5), -3, 1)}, {}, least, 4, 2 - 1, 0)
    assert inner.strip([], *good[1:3], *good[4:7]) == (b"", b"", b"")
    assert inner.strip(["c"], *good[1:3], *good[4:7]) is None
    with pytest.raises(TypeError):
        inner.strip(["a", 1], *good[1:3], *good[4:7])

    class Emptying(dict):
        """Keys that compare with Python code, which empties what is being read."""

    class Key(str):
        def __hash__(self):
            return hash("a")

        def __eq__(self, other):
            inks.clear()
            texts.clear()
            return True

    inks = Emptying({Key("z"): (bytes(32), 0, 2)})
    texts = ["a", "a", "a"]
    with pytest.raises(IndexError):
        inner.pairs(texts, 0, inks, {}, 1, 16, 1, 0)


@built
def test_nonsense_is_refused():
    inner = compiled.inner
    glyphs = inner.Glyphs(lambda glyph: (0, 0, 1, 1, b"\xff"))

    def record(*values):
        return np.array([values + (0,) * (5 - len(values))], np.uint32).tobytes()

    infos = b"".join(record(EMPTY_GLYPH if at != 2 else 7, 0, at) for at in range(5))
    good = [glyphs, infos, bytes(100), ["a"], False, -1, 0, 16, False]
    assert inner.words(*good) == [(b"\xff" * 0 + b"\x00" + b"\xff" * 15, 0, 0, 1)]
    for place, value, error in (
        (0, object(), TypeError), (1, infos[:-1], ValueError), (1, infos[:-20], ValueError), (2, b"", ValueError),
        (3, ("a",), TypeError), (3, [1], TypeError), (7, 0, ValueError), (7, 1 << 30, ValueError),
        (6, 1 << 40, ValueError),
    ):  # fmt: skip
        with pytest.raises(error):
            inner.words(*good[:place], value, *good[place + 1 :])
    assert inner.words(*good[:3], ["a" * 1000], *good[4:]) == [None]  # fewer glyphs than it says
    assert inner.words(*good[:3], [], *good[4:]) == []
    huge = infos.replace(record(7, 0, 2), record(0x7FFFFFFF, 0, 2))
    with pytest.raises(ValueError, match="no font has a glyph"):
        inner.words(glyphs, huge, *good[2:])
    for bitmap in ((0, 0, 2, 2, b"123"), (0, 0, -1, 1, b""), (0, 0), None, (0, 0, 1, 1, "a")):
        with pytest.raises((TypeError, ValueError)):
            inner.words(inner.Glyphs(lambda glyph, bitmap=bitmap: bitmap), *good[1:])
    with pytest.raises(ZeroDivisionError):
        inner.words(inner.Glyphs(lambda glyph: 1 // 0), *good[1:])
    far = np.frombuffer(bytes(100), np.int32).reshape(5, 5).copy()
    for value in (2**31 - 1, -(2**31)):
        far[:] = value
        assert inner.words(*good[:2], far.tobytes(), *good[3:]) in ([None], [(b"\xff" * 16, 0, 0, 1)])
    for cells in ((), [1], [(1, ())], [(-1, [])], [(1 << 40, [])], [(1, [(b"1", 0, True)])], [(1, [1])],
                  [(1, [(bytes(16), 1 << 40, True)])]):  # fmt: skip
        with pytest.raises((TypeError, ValueError)):
            inner.cells(cells, 16, 1)
    with pytest.raises(ValueError, match="channels"):
        inner.cells([], 16, 2)
    assert inner.cells([(0, []), (1, [])], 2, 1) == [(b"", b"", b""), (b"\xff" * 4, b"", b"")]


def test_python_alone_can_be_asked_for():
    code = "from pixlm.rendering import compiled; print(compiled.inner, compiled.status)"
    environment = {**os.environ, "PIXLM_PURE_PYTHON": "1"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "None not used: PIXLM_PURE_PYTHON is set"
