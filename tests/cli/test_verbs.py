"""The verbs that need no training: render and doctor; and what a missing extra says."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pixlm import TextRenderer
from pixlm.rendering.picture import GRID, picture, wrap


def pixels(path) -> np.ndarray:
    return np.asarray(Image.open(path))


def test_render_draws_the_patches_that_a_model_sees(tmp_path, pixlm):
    path = tmp_path / "x.png"
    code, out, _ = pixlm("render", "Hello", "--output", path, "--scale", "1")
    assert code == 0
    rendered = TextRenderer().render("Hello", padding=False)
    assert f"{rendered.num_text_patches} text patches" in out
    assert (pixels(path)[:, :, 0] == rendered.pixel_values).all()


def test_render_says_what_was_cut_off(tmp_path, pixlm):
    long = ("supercalifragilistic", "--words", "--max-seq-length", "2", "--output", str(tmp_path / "a.png"))
    assert pixlm("render", *long)[1].endswith("a.png: 1 text patch; 1 word did not fit on the canvas\n")


def test_a_warning_is_one_line(tmp_path):
    """Without the line of the source that it comes from."""
    font = Path(__file__).parents[1] / "golden" / "fonts" / "NotoSans-Regular.ttf"
    command = [sys.executable, "-m", "pixlm.cli", "render", "\u1404", "--font", font, "--output", tmp_path / "a.png"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stderr == "pixlm: no font has 1 character of a text, drawn as boxes: U+1404\n"


def test_render_words_pairs_standard_input_and_the_grid(tmp_path, pixlm, monkeypatch):
    path = tmp_path / "x.png"
    for arguments, source in (
        (("one two", "--words"), ["one", "two"]),
        (("one", "--pair", "two"), ("one", "two")),
    ):
        assert pixlm("render", *arguments, "--output", path, "--scale", "1")[0] == 0
        assert (pixels(path)[:, :, 0] == TextRenderer().render(source, padding=False).pixel_values).all()
    monkeypatch.setattr("sys.stdin", io.StringIO("from a pipe"))
    assert pixlm("render", "-", "--output", path, "--scale", "1")[0] == 0
    assert (pixels(path)[:, :, 0] == TextRenderer().render("from a pipe", padding=False).pixel_values).all()
    assert pixlm("render", "Hello", "--output", path, "--grid", "--columns", "2")[0] == 0
    assert (pixels(path)[0] == GRID).all()
    assert pixels(path).shape[1] == 2 * 16 * 3
    code, out, _ = pixlm("render", "words " * 40, "--words", "--output", path, "--max-seq-length", "16")
    assert code == 0
    assert "words did not fit" in out


def test_wrapping_keeps_every_patch():
    strip = np.arange(16 * 16 * 5, dtype=np.uint32).astype(np.uint8).reshape(16, 80)
    page = wrap(strip, 2, 16)[:, :, 0]
    lines = np.concatenate([page[i * 16 : i * 16 + 16] for i in range(3)], axis=1)
    assert (lines[:, :80] == strip).all()
    assert (lines[:, 80:] == 255).all()
    assert picture(strip, columns=2, scale=3).shape == (144, 96, 3)


def test_doctor_says_what_is_there_and_what_a_text_needs(tmp_path, pixlm):
    code, out, _ = pixlm("doctor", "--text", "Hello, мир, 世界")
    assert code == 0
    for word in (
        "base",
        "train",
        "FreeType 2.13.2",
        "processors",
        "Latn",
        "Cyrl",
        "Hani",
        "every character has a font",
    ):
        assert word in out
    path = tmp_path / "text.txt"
    path.write_text("a\U00012000\n" * 3, encoding="utf-8")
    code, out, _ = pixlm("doctor", "--file", path)
    assert code == 1
    assert "3 characters have no font" in out
    code, _, error = pixlm("doctor", "--file", tmp_path / "none.txt")
    assert code == 2
    assert "no such file" in error


@pytest.mark.parametrize("arguments", [["pretrain", "--help"], ["reconstruct", "x"]])
def test_a_verb_whose_extra_is_missing_says_what_to_install(arguments):
    code = f"""
import sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("torch", "transformers"):
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Blocked())
from pixlm.cli import main
sys.exit(main({arguments!r}))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 2
    assert 'pip install "pixlm[train]"' in done.stderr
    assert "Traceback" not in done.stderr
