"""pixlm fonts: list, check, build, get."""

from __future__ import annotations

import hashlib
import shutil
import zipfile
from pathlib import Path

import pytest
import yaml
from fontTools.ttLib import TTFont

FONTS = Path(__file__).parents[1] / "golden/fonts"
LATIN, HEBREW, NASKH = (FONTS / f"Noto{name}-Regular.ttf" for name in ("Sans", "SansHebrew", "NaskhArabic"))


@pytest.fixture(autouse=True)
def _wide(monkeypatch):
    monkeypatch.setenv("COLUMNS", "250")


def test_list_shows_what_is_in_a_folder(pixlm, tmp_path):
    code, out, _ = pixlm("fonts", "list", FONTS)
    assert code == 0
    row = next(line for line in out.splitlines() if "NotoNaskhArabic" in line)
    assert "Noto Naskh Arabic" in row
    assert "Arab 1072" in row
    assert "CBDT" in next(line for line in out.splitlines() if "NotoColorEmoji" in line)
    (tmp_path / "broken.ttf").write_bytes(b"no font at all")
    shutil.copy(HEBREW, tmp_path)
    code, out, _ = pixlm("fonts", "list", tmp_path)
    assert code == 0
    assert "1 faces; 1 files are no fonts or broken" in out
    assert pixlm("fonts", "list", tmp_path / "broken.ttf")[0] == 2


def test_list_shows_pixlms_fonts_and_those_of_the_machine(pixlm, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setenv("XDG_DATA_DIRS", str(tmp_path / "none"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr("sys.platform", "linux")
    (tmp_path / "fonts").mkdir()
    shutil.copy(HEBREW, tmp_path / "fonts")
    code, out, _ = pixlm("fonts", "list")
    assert code == 0
    assert [name in out for name in ("Pixlm Sans", "Pixlm Sans CJK", "Noto Sans Hebrew")] == [True] * 3
    code, out, _ = pixlm("fonts", "list", "--script", "Hebr")
    assert "Pixlm Sans CJK" not in out
    assert pixlm("fonts", "list", "--script", "Xyzw")[0] == 2


def test_check_counts_what_no_font_has(pixlm, tmp_path):
    assert pixlm("fonts", "check", "Every character: мир, 世界")[0] == 0
    (tmp_path / "one.txt").write_text("a\U00012000 b\U00012000\n", encoding="utf-8")
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "two.txt").write_text("\U00012001\n", encoding="utf-8")
    (tmp_path / "more" / "picture.bin").write_bytes(b"\x00\x01")
    code, out, _ = pixlm("fonts", "check", tmp_path)
    assert code == 1
    rows = [line for line in out.splitlines() if "U+1200" in line]
    assert [[cell.strip() for cell in row.strip("│").split("│")][:3] for row in rows] == [
        ["U+12000", "2", "Xsux"],
        ["U+12001", "1", "Xsux"],
    ]
    assert "CUNEIFORM SIGN A" in rows[0]
    assert "no font has 2 of 4 different characters, 3 of 5 in all" in out


def test_check_takes_a_renderers_fonts(pixlm, tmp_path):
    assert pixlm("fonts", "check", "שלום", "--font", LATIN)[0] == 1
    assert pixlm("fonts", "check", "שלום", "--font", LATIN, "--fallback-fonts", HEBREW)[0] == 0
    shutil.copy(HEBREW, tmp_path)
    assert pixlm("fonts", "check", "שלום", "--font", LATIN, "--fallback-fonts-dir", tmp_path)[0] == 0


def test_check_of_bad_input(pixlm, tmp_path):
    code, _, error = pixlm("fonts", "check", tmp_path / "none.txt")
    assert (code, "no such file" in error) == (2, True)
    (tmp_path / "binary").write_bytes(b"\x00\x01\x02")
    code, _, error = pixlm("fonts", "check", tmp_path / "binary")
    assert (code, "NUL" in error) == (2, True)
    (tmp_path / "latin1.txt").write_bytes("Fähre".encode("latin-1"))
    assert pixlm("fonts", "check", tmp_path / "latin1.txt")[0] == 0  # U+FFFD has a glyph
    code, _, error = pixlm("fonts", "chek")
    assert (code, "list, check, build, get" in error) == (2, True)


def test_build_merges_fonts_and_builds_them_again(pixlm, tmp_path):
    output = tmp_path / "made" / "Two.ttf"
    code, out, error = pixlm("fonts", "build", "--output", output, "--fonts", LATIN, HEBREW, "--family", "Two")
    assert code == 0, error
    font = TTFont(output)
    assert {ord("a"), ord("ж"), ord("ש")} <= set(font.getBestCmap())
    first = TTFont(LATIN)
    assert (font["hhea"].ascent, font["hhea"].descent) == (first["hhea"].ascent, first["hhea"].descent)
    assert font["name"].getDebugName(1) == "Two"
    assert "SIL Open Font License" in font["name"].getDebugName(13)
    recipe = yaml.safe_load(output.with_suffix(".yaml").read_text(encoding="utf-8"))
    assert [source["font"] for source in recipe["sources"]] == [LATIN.name, HEBREW.name]
    assert recipe["sources"][1]["sha256"] == hashlib.sha256(HEBREW.read_bytes()).hexdigest()
    assert recipe["made"]["sha256"] == hashlib.sha256(output.read_bytes()).hexdigest()
    assert "Noto Sans Hebrew" in output.with_suffix(".licences.txt").read_text(encoding="utf-8")
    again = tmp_path / "again" / "Two.ttf"
    command = ("fonts", "build", "--recipe", output.with_suffix(".yaml"), "--sources", FONTS)
    code, out, error = pixlm(*command, "--output", again)
    assert code == 0, error
    assert "the same as the recipe's" in out
    assert again.read_bytes() == output.read_bytes()
    # Another result than the recorded one is an error, and so is another source.
    text = output.with_suffix(".yaml").read_text(encoding="utf-8")
    changed = tmp_path / "changed.yaml"
    changed.write_text(text.replace(recipe["made"]["sha256"], "0" * 64), encoding="utf-8")
    code, _, error = pixlm("fonts", "build", "--recipe", changed, "--sources", FONTS, "--output", again)
    assert (code, "is not the font of the recipe" in error) == (2, True)
    changed.write_text(text.replace(recipe["sources"][1]["sha256"], "0" * 64), encoding="utf-8")
    code, _, error = pixlm("fonts", "build", "--recipe", changed, "--sources", FONTS, "--output", again)
    assert (code, "NotoSansHebrew" in error) == (2, True)


def test_build_chooses_by_the_scripts_that_are_covered(pixlm):
    code, out, _ = pixlm("fonts", "build", "--sources", FONTS, "--dry-run")
    assert code == 0
    chosen = out.splitlines()
    assert chosen[0] == f"Noto Sans Regular ({LATIN.name})"
    assert {f"Noto Sans Hebrew Regular ({HEBREW.name})", f"Noto Naskh Arabic Regular ({NASKH.name})"} <= set(chosen)
    assert not [line for line in chosen if "Emoji" in line or "CJK" in line], "only TrueType outlines can be merged"
    code, out, _ = pixlm("fonts", "build", "--sources", FONTS, "--dry-run", "--scripts", "Hebr")
    assert len(out.splitlines()) == 2
    for arguments, word in (
        (("--scripts", "Laoo"), "Laoo"),
        (("--base", "Nobody Sans"), "Nobody Sans"),
        (("--fonts", FONTS / "NotoSansCJKsc-subset.otf"), "TrueType outlines"),
    ):
        code, _, error = pixlm("fonts", "build", "--sources", FONTS, "--dry-run", *arguments)
        assert (code, word in error) == (2, True)
    assert pixlm("fonts", "build")[0] == 2


def test_get_copies_the_font_of_a_checkpoint(pixlm, tmp_path, monkeypatch):
    """From huggingface_hub's cache, without a network."""
    constants = pytest.importorskip("huggingface_hub.constants")
    cache = tmp_path / "hub"
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    commit = "0123456789abcdef0123456789abcdef01234567"
    snapshot = cache / "models--someone--model" / "snapshots" / commit
    snapshot.mkdir(parents=True)
    (snapshot.parents[1] / "refs").mkdir()
    (snapshot.parents[1] / "refs" / "main").write_text(commit)
    shutil.copy(HEBREW, snapshot / "GoNotoCurrent.ttf")
    (snapshot / "text_renderer_config.json").write_text('{"font_file": "GoNotoCurrent.ttf"}')
    code, out, error = pixlm("fonts", "get", "someone/model", "--output", tmp_path / "got")
    assert code == 0, error
    digest = hashlib.sha256(HEBREW.read_bytes()).hexdigest()
    assert digest in out
    assert (tmp_path / "got" / "GoNotoCurrent.ttf").read_bytes() == HEBREW.read_bytes()
    record = yaml.safe_load((tmp_path / "got" / "GoNotoCurrent.ttf.source.yaml").read_text(encoding="utf-8"))
    assert (record["sha256"], record["source"]) == (digest, "someone/model")
    code, _, error = pixlm("fonts", "get", "someone/model", "--output", tmp_path / "no", "--sha256", "0" * 64)
    assert (code, digest in error) == (2, True)
    assert not (tmp_path / "no").exists()
    assert pixlm("fonts", "get", "someone/model", "--file", "other.ttf")[0] == 2
    assert pixlm("fonts", "get", "someone/else")[0] == 2


def test_get_takes_a_font_from_a_wheel(pixlm, tmp_path, monkeypatch):
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    with zipfile.ZipFile(wheels / "somefonts-1.0-py3-none-any.whl", "w") as wheel:
        wheel.write(HEBREW, "somefonts/files/Hebrew.ttf")
        wheel.writestr("somefonts-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: somefonts\nVersion: 1.0\n")
        wheel.writestr("somefonts-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        wheel.writestr("somefonts-1.0.dist-info/RECORD", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheels))
    monkeypatch.setenv("PIP_DISABLE_PIP_VERSION_CHECK", "1")
    code, _, error = pixlm("fonts", "get", "pip:somefonts==1.0", "--output", tmp_path)
    assert (code, "Hebrew.ttf" in error) == (2, True)
    code, _, error = pixlm("fonts", "get", "pip:somefonts==1.0", "--output", tmp_path, "--file", "Hebrew.ttf")
    assert code == 0, error
    assert (tmp_path / "Hebrew.ttf").read_bytes() == HEBREW.read_bytes()
    code, _, error = pixlm("fonts", "get", "pip:nosuchfonts==1.0", "--file", "x.ttf")
    assert (code, "nosuchfonts" in error) == (1, True)
    assert pixlm("fonts", "get", "pip:--index-url", "--file", "x.ttf")[0] == 2
