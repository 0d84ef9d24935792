"""`flavour="pixel"`: the gates of PIXEL's scripts, as documented in docs/robustness.md."""

from __future__ import annotations

import pytest

from pixlm.robustness import Flavour, attack_text, attack_words

TEXT = "The government thought that different people would receive their beautiful letters because"
WORDS = TEXT.split()


def share(name: str, strength: float, words: list[str] = WORDS, times: int = 60) -> float:
    """Share of words that differ, over ``times`` lists."""
    count = 0
    for index in range(times):
        after = attack_words(words, name, strength, index=index, flavour=Flavour.PIXEL)
        count += sum(a != b for a, b in zip(words, after, strict=True))
    return count / (times * len(words))


def test_intrude_changes_every_word_of_two_letters_whatever_the_severity():
    for strength in (0.0, 0.2, 0.8):
        assert share("intrude", strength) == 1
    assert attack_words(["a"], "intrude", 0.8, flavour="pixel") == ["a"]


@pytest.mark.parametrize("name", ["full-swap", "disemvowel", "keyboard-typo"])
def test_words_of_a_list_are_gated_one_by_one(name):
    """Unlike the share flavour, lists differ in how many words are changed."""
    assert abs(share(name, 0.5) - 0.5) < 0.06
    counts = {
        sum(a != b for a, b in zip(WORDS, attack_words(WORDS, name, 0.5, index=i, flavour="pixel"), strict=True))
        for i in range(60)
    }
    assert len(counts) > 3


def test_gated_words_that_cannot_change_are_not_made_up_for():
    words = ["the", "of", "to", "government"]
    assert abs(share("truncate", 0.5, words, times=200) - 0.5 / 4) < 0.03
    assert sum(attack_words(words, "truncate", 0.25, index=i) != words for i in range(50)) == 50


def test_confusable_replaces_each_character_with_the_severity():
    words = ["a" * 2000]
    for strength in (0.2, 0.8):
        (after,) = attack_words(words, "confusable", strength, flavour="pixel")
        assert abs(sum(char != "a" for char in after) / 2000 - strength) < 0.03
    assert attack_words(["a"] * 300, "confusable", 0.2, flavour="pixel").count("a") > 200


def test_phonetic_acts_on_most_words_at_any_severity():
    assert share("phonetic", 0.0) == 0
    assert share("phonetic", 0.2) > 0.3


def test_lengths():
    assert attack_words(["ab"] * 20, "full-swap", 1.0, flavour="pixel") == ["ab"] * 20
    assert attack_words(["ab"], "full-shuffle", 1.0) == ["ba"]
    assert attack_words(["QWERTY", "Ü"], "keyboard-typo", 1.0, flavour="pixel") == ["QWERTY", "Ü"]
    assert attack_words(["été"], "disemvowel", 1.0, flavour="pixel") == ["été"]


def test_texts_take_words_until_the_severity_is_reached():
    """A ceiling: at least that share of the words, where as many can be changed."""
    for strength, wanted in ((0.2, 3), (0.5, 6), (0.8, 10)):
        for index in range(10):
            after = attack_text(TEXT, "full-swap", strength, index=index, flavour="pixel").split()
            assert sum(a != b for a, b in zip(WORDS, after, strict=True)) == wanted


def test_segmentation_takes_each_space_with_the_severity():
    text = "a " * 2000 + "a"
    after = attack_text(text, "segmentation", 0.3, flavour="pixel")
    assert abs(after.count(" ") / 2000 - 0.7) < 0.03
