"""The fonts in the wheel: frozen bytes, line metrics, coverage, and that the merge kept shaping intact."""

import hashlib
import math
import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
import uharfbuzz as hb
from fontTools.ttLib import TTFont

from pixlm.rendering.unicode import is_default_ignorable, script_runs

ROOT = Path(__file__).parents[2]
FONTS = ROOT / "src/pixlm/rendering/fonts"
UDHR = ROOT / "tests/data/udhr/udhr.tsv"
MERGED, CJK = "PixlmSans-Regular.ttf", "PixlmSansCJK-Regular.otf"

#: A change here changes every picture drawn with the default font: say so in the change log.
SHA256 = {
    MERGED: "bdfe0a1555e1dce4eb313ce2963ed09a2aad1624ede46dd98aeb63be8bb940f2",
    CJK: "1b5088f9eeb5eb4394d28e58cd4716d0a1f92fabd70ee55fba5a83438c73e786",
}

#: Pixels per em of the default renderer (8 pt at 120 dpi), and its canvas: rows above and below the baseline.
PIXELS_PER_EM = 8 * 120 / 72
ABOVE, BELOW = 12, 4


def sample_texts() -> dict[str, str]:
    return dict(line.split("\t") for line in UDHR.read_text(encoding="utf-8").splitlines())


@cache
def tables(name: str) -> TTFont:
    return TTFont(FONTS / name, lazy=True)


@cache
def shaper(name: str) -> hb.Font:
    font = hb.Font(hb.Face(hb.Blob.from_file_path(str(FONTS / name))))
    font.scale = (1000, 1000)
    return font


def shape(text: str, script: str | None = None, name: str = MERGED) -> list[tuple[int, int, int, int]]:
    """(glyph, advance, x offset, y offset) of each glyph, in thousandths of an em."""
    buffer = hb.Buffer()
    buffer.add_str(text)
    buffer.guess_segment_properties()
    if script:
        buffer.script = script
    hb.shape(shaper(name), buffer)
    return [
        (info.codepoint, position.x_advance, position.x_offset, position.y_offset)
        for info, position in zip(buffer.glyph_infos, buffer.glyph_positions, strict=True)
    ]


def glyphs(text: str, script: str | None = None) -> list[int]:
    return [glyph for glyph, *_ in shape(text, script)]


@pytest.mark.parametrize("name", [MERGED, CJK])
def test_bytes_are_frozen(name: str) -> None:
    assert hashlib.sha256((FONTS / name).read_bytes()).hexdigest() == SHA256[name]


def test_both_fit_in_ten_megabytes_and_have_their_licence() -> None:
    assert sum((FONTS / name).stat().st_size for name in (MERGED, CJK)) < 10_000_000
    licence = (FONTS / "OFL.txt").read_text(encoding="utf-8")
    assert "SIL OPEN FONT LICENSE Version 1.1" in licence
    for name in (MERGED, CJK):
        names = tables(name)["name"]
        assert names.getDebugName(1).startswith("Pixlm Sans")
        assert names.getDebugName(0).partition(".")[0].partition(" (")[0] in licence


def test_one_set_of_line_metrics() -> None:
    """With these a line is 19 pixels high and its baseline does not move when scripts mix."""
    for name in (MERGED, CJK):
        font = tables(name)
        assert font["head"].unitsPerEm == 1000
        hhea, os2 = font["hhea"], font["OS/2"]
        assert (hhea.ascent, hhea.descent, hhea.lineGap) == (1069, -293, 0)
        assert (os2.sTypoAscender, os2.sTypoDescender, os2.sTypoLineGap) == (1069, -293, 0)
        assert (os2.usWinAscent, os2.usWinDescent) == (1069, 293)
    assert math.ceil(1069 * PIXELS_PER_EM / 1000) == 15
    assert math.ceil(293 * PIXELS_PER_EM / 1000) == 4


def test_both_have_the_same_baselines() -> None:
    def baselines(name: str) -> dict[str, int]:
        axis = tables(name)["BASE"].table.HorizAxis
        (record,) = axis.BaseScriptList.BaseScriptRecord
        assert record.BaseScriptTag == "DFLT"
        coordinates = [item.Coordinate for item in record.BaseScript.BaseValues.BaseCoord]
        return dict(zip(axis.BaseTagList.BaselineTag, coordinates, strict=True))

    assert baselines(MERGED) == baselines(CJK)


def test_sample_texts_are_covered() -> None:
    covered = set(tables(MERGED).getBestCmap()) | set(tables(CJK).getBestCmap())
    for language, text in sample_texts().items():
        missing = {char for char in text if ord(char) not in covered and not is_default_ignorable(char)}
        # One rare ideograph (Big5 level 2) stands in the sample of traditional Chinese.
        assert missing <= {"鋌"}, language


def test_scripts_of_the_world_are_covered() -> None:
    """One letter of each script that the README lists, and symbols of daily use."""
    merged = set(tables(MERGED).getBestCmap())
    letters = "aйλابשܫދߊ𞤀अবਅઅଅஅఅಅഅසกລမខབაաአᏣᠮⲁⵣꕉꀀᐃꦏᬓᱚꯀ𑄌ᨠᜀᮃᯀᨀꨀꤊᥐᦀᰀᤁꠀꢂꓐ𖽀"
    assert not [char for char in letters if ord(char) not in merged]
    assert not [char for char in "€₹₴₽→⇒∑∫√≠≤½№™…–—“”«»•★☀✓♠①ℝ𝐀⠿" if ord(char) not in merged]
    assert not [char for char in "ỹẵƙŋɓəʃʒǃπ҂Ґѣ" if ord(char) not in merged]
    cjk = set(tables(CJK).getBestCmap())
    assert not [char for char in "。、「」（Ａㄅ漢が" if ord(char) in merged], "left to the CJK font"
    assert not [char for char in "漢汉字龍龙頰𠮟かなカナㄅㄆ한글ㅎᄒ。、「」（）Ａ１ｱ㈱─│█░" if ord(char) not in cjk]


def test_character_sets_are_whole() -> None:
    """GB 2312 and Big5 level 1 ideographs, JIS X 0208 kanji, KS X 1001 syllables."""
    covered = set(tables(CJK).getBestCmap())
    for codec, first, last, least in (
        ("gb2312", 0xB0, 0xF7, 6763),
        ("big5", 0xA4, 0xC6, 5401),
        ("euc_jp", 0xB0, 0xF4, 6355),
        ("euc_kr", 0xB0, 0xC8, 2350),
    ):
        chars = set()
        for lead in range(first, last + 1):
            for trail in range(0x40, 0xFF):
                char = bytes([lead, trail]).decode(codec, errors="ignore")
                if len(char) == 1 and ("\u4e00" <= char <= "\u9fff" or "\uac00" <= char <= "\ud7a3"):
                    chars.add(ord(char))
        assert len(chars) >= least
        assert chars <= covered, codec


def test_every_sample_is_shaped_without_a_missing_glyph() -> None:
    merged, cjk = tables(MERGED).getBestCmap(), tables(CJK).getBestCmap()
    for language, text in sample_texts().items():
        for word in text.split():
            for start, end, tag in script_runs(word):
                run = word[start:end]
                for name, cmap in ((MERGED, merged), (CJK, cjk)):
                    if all(ord(char) in cmap for char in run):
                        assert 0 not in [glyph for glyph, *_ in shape(run, tag, name)], (language, run)


def test_indic_conjuncts() -> None:
    assert len(glyphs("क्ष")) == 1
    assert len(glyphs("क्‌ष")) > 1, "a non-joiner forbids the conjunct"
    assert len(glyphs("শ্র")) < len(glyphs("শ")) + len(glyphs("র")) + 1
    # The vowel sign stands before its consonant on paper.
    assert glyphs("कि")[1] == glyphs("क")[0]
    assert glyphs("தெ")[1] == glyphs("த")[0]


def test_joiners_reach_the_rules_of_their_script() -> None:
    """The merged font has one glyph for U+200D; the rules of every family must know that one."""
    assert glyphs("ක්‍ර", "Sinh") != glyphs("ක්ර", "Sinh")
    assert len(glyphs("ක්‍ර", "Sinh")) < 4
    assert glyphs("র‍্য", "Beng") != glyphs("র্য", "Beng")
    assert glyphs("क्‍ष", "Deva") != glyphs("क्ष", "Deva")


def test_arabic_letters_join() -> None:
    isolated = glyphs("س")[0]
    joined = glyphs("سسس")
    assert len(joined) == 3
    assert isolated not in joined
    assert len(set(joined)) == 3
    assert len(glyphs("لا")) < 3, "lam and alef are one shape"
    assert len(set(glyphs("ܒܒܒ", "Syrc"))) == 3
    assert len(set(glyphs("ߊߓߊ", "Nkoo"))) == 3


def test_marks_are_placed() -> None:
    for text, script in (("ก่", "Thai"), ("ກ່", "Laoo"), ("שׁ", "Hebr"), ("بً", "Arab"), ("e̱", "Latn"), ("ⲡ̅", "Copt")):
        placed = [item for item in shape(text, script) if item[1] == 0]
        assert placed, text
        assert any(x_offset or y_offset for _, _, x_offset, y_offset in placed), text


def test_stacks() -> None:
    assert len(glyphs("ខ្មែ", "Khmr")) < 5
    assert len(glyphs("က္က", "Mymr")) == 2
    assert len(glyphs("སྒྲ", "Tibt")) <= 2


def test_latin_text_is_that_of_noto_sans() -> None:
    """No family of another script may replace Latin letters, digits or punctuation."""
    plain = glyphs("Hello, world! 123 (a-z)", "Latn")
    assert plain == [shaper(MERGED).get_nominal_glyph(ord(char)) for char in "Hello, world! 123 (a-z)"]
    assert glyphs("123", "Deva") == glyphs("123", "Latn") == glyphs("123", "Zyyy")


def test_ink_fits_the_canvas() -> None:
    """Nearly all words of every language lie within 12 rows above and 4 below the baseline, half a row more or less."""
    unit = 1000 / PIXELS_PER_EM
    highest, lowest = (ABOVE + 0.5) * unit, -(BELOW + 0.5) * unit
    for language, text in sample_texts().items():
        cut = total = 0
        for word in text.split():
            for start, end, tag in script_runs(word):
                run = word[start:end]
                name = MERGED if all(ord(char) in tables(MERGED).getBestCmap() for char in run) else CJK
                total += 1
                for glyph, _, _, y_offset in shape(run, tag, name):
                    extents = shaper(name).get_glyph_extents(glyph)
                    top = y_offset + extents.y_bearing
                    if extents.height and (top > highest or top + extents.height < lowest):
                        cut += 1
                        break
        assert cut <= 0.02 * total + 1, (language, cut, total)


@pytest.mark.slow
@pytest.mark.skipif("PIXLM_FONT_SOURCES" not in os.environ, reason="PIXLM_FONT_SOURCES names no folder of source fonts")
def test_build_gives_the_same_bytes() -> None:
    command = [sys.executable, ROOT / "scripts/build_default_font.py", "--check"]
    subprocess.run([*command, "--sources", os.environ["PIXLM_FONT_SOURCES"]], check=True)
