"""What a reconstruction says: cells against those of the text, with the everyday letters of its scripts."""

from __future__ import annotations

import numpy as np
import pytest

from pixlm import TextRenderer
from pixlm.analysis.alphabets import everyday
from pixlm.analysis.readback import read_back
from pixlm.data.masking import ChosenMasking
from pixlm.errors import UsageError
from pixlm.inference import Reconstruction


def filled(renderer, text, other, patches):
    """A reconstruction of ``text`` in which the patches of ``other`` stand where some were removed."""
    strips = [renderer.render(one, padding=False) for one in (text, other)]
    original, guess = (one.pixel_values for one in strips)
    removed = np.zeros(original.shape[1] // 16, bool)
    removed[list(patches)] = True
    columns = np.repeat(removed, 16)
    unaided = original.copy()
    unaided[:, columns] = guess[:, : len(columns)][:, columns]
    return Reconstruction(original, original, unaided, unaided, removed, 0.0, 0.0, 0)


@pytest.mark.parametrize("strategy", ["bigrams", "grapheme-bigrams", "mono"])
def test_right_guesses_are_read_and_wrong_ones_are_counted(strategy):
    renderer = TextRenderer(strategy=strategy, max_seq_length=64)
    right = read_back(filled(renderer, "these patches", "these patches", (1, 3)), "these patches", renderer)
    assert right.characters == right.right > 0
    assert right.accuracy == 1
    assert [cell.removed for cell in right.cells].count(True) == 2
    wrong = read_back(filled(renderer, "these patches", "zzzzz zzzzzzz", (1, 3)), "these patches", renderer)
    assert (wrong.right, wrong.accuracy) == (0, 0)
    assert "z" in wrong.text
    assert {cell.text for cell in wrong.cells if cell.removed} <= {"z", "zz"}


def test_text_that_runs_on_is_not_read():
    renderer = TextRenderer(strategy="continuous", max_seq_length=64)
    assert read_back(filled(renderer, "these", "these", (1,)), "these", renderer) is None


def test_nothing_removed_has_no_accuracy():
    renderer = TextRenderer(strategy="bigrams", max_seq_length=64)
    assert read_back(filled(renderer, "these", "these", ()), "these", renderer).accuracy is None


def test_cells_wider_than_a_patch_are_one_cell():
    renderer = TextRenderer(strategy="grapheme-bigrams", max_seq_length=64)
    text = "今日は良い"
    read = read_back(filled(renderer, text, text, (0,)), text, renderer)
    first = read.cells[0]
    assert first.span[1] - first.span[0] == 2
    assert (first.wanted, first.text, first.removed) == ("今日", "今日", True)


def test_everyday_letters_are_those_of_the_text_s_scripts():
    latin = everyday("a text")
    assert {"z", "Ö", "ế", "7", "."} <= latin
    assert not {"ᴏ", "ⅽ", "д", "ﬁ"} & latin
    assert {"д", "ґ"} <= everyday("текст")
    assert {"क", "ा", "्"} <= everyday("पाठ")
    assert {"人", "あ", "ア"} <= everyday("これ")
    assert "あ" not in everyday("人")
    assert "☞" in everyday("a ☞ text")


def test_chosen_patches_are_those_of_the_text():
    mask = ChosenMasking((0, 2)).draw(8, 4, seed=1, epoch=0, index=0)
    assert np.flatnonzero(mask.removed).tolist() == [0, 2]
    with pytest.raises(UsageError, match="has the patches 0 to 3"):
        ChosenMasking((4,)).draw(8, 4, seed=1, epoch=0, index=0)
    with pytest.raises(UsageError, match="choose at least one"):
        ChosenMasking(())
    with pytest.raises(UsageError, match="counted from 0"):
        ChosenMasking((-1,))


@pytest.mark.parametrize("text", ["a mat and mum", "الطقس جميل اليوم", "今日は良い"])
def test_each_character_is_in_one_cell(text):
    renderer = TextRenderer(strategy="grapheme-bigrams", max_seq_length=64)
    read = read_back(filled(renderer, text, text, (0,)), text, renderer)
    assert sorted("".join(cell.wanted for cell in read.cells)) == sorted(text.replace(" ", ""))
