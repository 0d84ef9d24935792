"""Attacks on words and texts: what each does, what strength means, and that nothing depends on order or process."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pixlm.errors import UsageError
from pixlm.rendering.unicode.properties import script
from pixlm.robustness import ATTACKS, Attacker, Flavour, Target, attack_text, attack_words, find_attack, tables
from pixlm.robustness.letters import clusters, word_spans

ROOT = Path(__file__).resolve().parents[2]
TEXT = (
    "The government thought that different people would receive their beautiful letters because the weather was nice "
    "and every morning somebody opened another window while children were playing under large trees near water"
)
WORDS = TEXT.split()
ON_WORDS = [name for name, attack in ATTACKS.items() if attack.target is Target.WORDS]
ON_TEXT = [name for name, attack in ATTACKS.items() if attack.target is not Target.RENDERER]
UPSTREAM = [name for name, attack in ATTACKS.items() if attack.upstream]


def changed(words: list[str], after: list[str]) -> set[int]:
    assert len(words) == len(after)
    return {at for at, (a, b) in enumerate(zip(words, after, strict=True)) if a != b}


def letters(word: str) -> list[str]:
    return sorted(word.lower())


def every_word(name: str, **options: object) -> list[str]:
    return attack_words(WORDS, name, 1.0, **options)  # type: ignore[arg-type]


def test_shuffles_keep_the_letters_and_inner_shuffle_the_ends():
    for name in ("full-shuffle", "inner-shuffle", "swap"):
        after = every_word(name)
        assert all(sorted(a) == sorted(b) for a, b in zip(WORDS, after, strict=True))
        assert len(changed(WORDS, after)) > len(WORDS) // 2
    for before, after in zip(WORDS, every_word("inner-shuffle"), strict=True):
        assert (before[0], before[-1]) == (after[0], after[-1])
    for before, after in zip(WORDS, every_word("swap"), strict=True):
        places = [at for at, (a, b) in enumerate(zip(before, after, strict=True)) if a != b]
        assert not places or (len(places) == 2 and places[1] == places[0] + 1)


def test_disemvowel_and_truncate():
    after = every_word("disemvowel")
    assert after[1] == "gvrnmnt"
    assert attack_words(["an", "aie", "été", "Тридцать", "ελλάδα"], "disemvowel", 1.0) == [
        "an", "aie", "t", "Трдцть", "λλδ",
    ]  # fmt: skip
    assert attack_words(["the", "then", "U.S.A.", "नमस्ते"], "truncate", 1.0) == ["the", "the", "U.S.A.", "नमस्"]


def test_intrude_adds_punctuation_between_letters_only():
    for before, after in zip(WORDS, every_word("intrude"), strict=True):
        assert [char for char in after if char.isalpha()] == list(before)
        assert len(before) < 2 or len(after) > len(before)
        assert after[-1] == before[-1]


def test_confusables_and_visual_neighbours_come_from_the_tables():
    for name, table in (("confusable", "confusables.json"), ("visual", "names.json")):
        classes = tables.load(table)["classes"]
        together = {char: group for group in classes for char in group}
        for before, after in zip(WORDS, every_word(name), strict=True):
            assert len(before) == len(after)
            assert all(a == b or b in together[a] for a, b in zip(before, after, strict=True))
    assert {"а", "ɑ", "𝐚"} <= set(next(group for group in tables.load("confusables.json")["classes"] if "a" in group))
    assert {"á", "ẚ"} <= set(next(group for group in tables.load("names.json")["classes"] if "a" in group))


def test_stacked_marks_add_marks_that_stay_with_their_letters():
    for before, after in zip(WORDS, every_word("stacked-marks"), strict=True):
        assert [cluster[0] for cluster in clusters(after)] == list(before)
        assert len(after) > len(before)


def test_keyboard_typos_hit_a_touching_key_of_the_same_layout():
    near = {"q": "aw", "a": "qswz", "p": "lo", "g": "bfhtvy", "m": "jkn"}
    for key, keys in near.items():
        found = {attack_words([key], "keyboard-typo", 1.0, seed=seed)[0] for seed in range(60)}
        assert found == set(keys), key
    assert attack_words(["Q"], "keyboard-typo", 1.0)[0] in ("A", "W")
    for word, name in (("привет", "Cyrl"), ("שלום", "Hebr"), ("مرحبا", "Arab"), ("नमस्ते", "Deva"), ("γεια", "Grek")):
        (after,) = attack_words([word], "keyboard-typo", 1.0)
        assert after != word
        assert {script(char) for char in after} - {"Zinh"} == {name}


def test_phonetic_spellings_are_made_of_spellings_of_the_phonemes():
    found = {attack_words(["night"], "phonetic", 1.0, seed=seed)[0] for seed in range(80)}
    assert {"nite", "knight"} & found
    assert attack_words(["NIGHT"], "phonetic", 1.0, seed=1)[0].isupper()
    assert attack_words(["Night"], "phonetic", 1.0, seed=1)[0].istitle()
    assert attack_words(["xqzzt", "ночь"], "phonetic", 1.0) == ["xqzzt", "ночь"]


def test_natural_typos_are_recorded_misspellings():
    from pixlm.robustness.attacks.lexical import misspellings

    for before, after in zip(WORDS, every_word("natural-typo"), strict=True):
        assert after.lower() == before.lower() or after.lower() in misspellings()[before.lower()]
    assert "recieve" in misspellings()["receive"]


def test_natural_typo_says_what_to_install(monkeypatch):
    from pixlm.robustness.attacks.lexical import misspellings

    misspellings.cache_clear()
    monkeypatch.setitem(sys.modules, "codespell_lib", None)
    with pytest.raises(UsageError, match=r'pip install "pixlm\[robustness\]"'):
        attack_words(["receive"], "natural-typo", 1.0)


def test_segmentation_takes_spaces_out_of_texts_only():
    text = TEXT
    assert attack_text(text, "segmentation", 1.0) == "".join(WORDS)
    assert attack_text(text, "segmentation", 0.5).replace(" ", "") == "".join(WORDS)
    with pytest.raises(UsageError, match="a list of words has no spaces"):
        attack_words(WORDS, "segmentation", 0.5)


@pytest.mark.parametrize("name", ON_WORDS)
def test_strength_is_the_share_of_changed_words(name):
    """Over many examples; words that an attack cannot change are passed over for others while there are any."""
    can = len(changed(WORDS, attack_words(WORDS, name, 1.0)))
    for strength in (0.0, 0.2, 0.5):
        counts = [len(changed(WORDS, attack_words(WORDS, name, strength, index=index))) for index in range(40)]
        expected = min(strength * len(WORDS), can)
        assert abs(sum(counts) / 40 - expected) < 0.75, (name, strength)
        # Each list has its share, not only the average: one word more or less, from rounding.
        assert all(abs(count - expected) < 1.01 or count == can for count in counts)


@pytest.mark.parametrize("name", ON_TEXT)
def test_a_stronger_attack_changes_what_a_weaker_one_does_and_more(name):
    text = TEXT
    before: dict[int, str] = {}
    for strength in (0.0, 0.2, 0.5, 0.8, 1.0):
        attacked = Attacker(name, strength).text(text, split="test", index=3)
        now = {edit.start: edit.new for edit in attacked.edits}
        assert before.items() <= now.items()
        assert attacked.changed == len(now) <= attacked.units
        before = now
    assert before


@pytest.mark.parametrize("name", ON_TEXT)
def test_results_do_not_depend_on_process_hash_seed_or_order(name):
    texts = [" ".join(WORDS[at:]) for at in range(8)]
    backwards = [attack_text(texts[at], name, 0.5, seed=7, index=at) for at in reversed(range(8))][::-1]
    assert backwards == [attack_text(texts[at], name, 0.5, seed=7, index=at) for at in range(8)]
    assert backwards != [attack_text(texts[at], name, 0.5, seed=8, index=at) for at in range(8)]
    assert backwards != [attack_text(texts[at], name, 0.5, seed=7, index=at, split="dev") for at in range(8)]


def test_results_are_the_same_in_another_process():
    text = TEXT
    code = (
        "import json, sys; from pixlm.robustness import attack_text; text, names = json.load(sys.stdin); "
        "print(json.dumps([attack_text(text, name, 0.5, index=5) for name in names]))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code],
        input=json.dumps([text, ON_TEXT]),
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": str(ROOT / "src"), "PYTHONHASHSEED": "123"},
    )
    assert json.loads(result.stdout) == [attack_text(text, name, 0.5, index=5) for name in ON_TEXT]


def test_recorded_results():
    """These stay as they are from version to version: attacked data sets are compared across papers."""
    text = "The weather was nice because of the beautiful morning."
    assert {name: ascii(attack_text(text, name, 0.5))[1:-1] for name in RECORDED} == RECORDED


RECORDED = {
    "full-shuffle": "Teh weather saw nice because of hte bfuluieta morinng.",
    "confusable": (
        r"The weather was \U0001d4f7\U0001d4f2\U0001d450\uff45 because of \U0001d4fdh\u04bd "
        r"\u13cfeaut\u1fbef\U0001d7be\u2d4f mor\U0001d593i\u057c\U0001d420."
    ),
    "phonetic": "The wether waz neic bekos of tha beautiful morning.",
    "keyboard-typo": "Thr weather was nice becausw kf ghe beaitiful morning.",
}


SCRIPTS = [
    line.split("\t")[1][:60]
    for line in (ROOT / "tests/data/udhr/udhr.tsv").read_text(encoding="utf-8").splitlines()
    if "\t" in line
]


@pytest.mark.parametrize("flavour", list(Flavour))
@pytest.mark.parametrize("name", ON_TEXT)
def test_every_attack_on_every_script(name, flavour):
    if flavour is Flavour.PIXEL and name not in UPSTREAM:
        with pytest.raises(UsageError, match="PIXEL's scripts do not have it"):
            Attacker(name, 0.5, flavour=flavour)
        return
    assert len(SCRIPTS) > 30
    for index, text in enumerate(SCRIPTS):
        after = attack_text(text, name, 0.8, index=index, flavour=flavour)
        assert len(after.split()) <= len(text.split())
        if name not in ("segmentation",):
            words = attack_words(text.split(), name, 0.8, index=index, flavour=flavour)
            assert len(words) == len(text.split())
            assert all(words)


@settings(deadline=None, max_examples=60)
@given(
    text=st.text(max_size=60),
    name=st.sampled_from(ON_TEXT),
    strength=st.floats(0, 1),
    seed=st.integers(0, 2**32),
    index=st.integers(0, 10**6),
)
def test_any_text_goes_through(text, name, strength, seed, index):
    for flavour in Flavour:
        if flavour is Flavour.PIXEL and name not in UPSTREAM:
            continue
        attacked = Attacker(name, strength, seed, flavour).text(text, split="train", index=index)
        rebuilt, at = "", 0
        for start, end, new in attacked.edits:
            rebuilt += text[at:start] + new
            at = end
        assert rebuilt + text[at:] == attacked.value
        if strength == 0 and flavour is Flavour.SHARE:
            assert attacked.value == text
        if ATTACKS[name].target is Target.WORDS:
            words = [*text.split(), text]
            after = attack_words(words, name, strength, seed, index=index, flavour=flavour)
            assert [bool(word) for word in after] == [bool(word) for word in words]


def test_words_of_running_text():
    text = "Don't panic, U.S. (2nd) naïve; 東京都庁舎です。ภาษาไทย"
    assert [text[a:b] for a, b in word_spans(text)][:6] == ["Don't", "panic", "U", "S", "2nd", "naïve"]
    assert [text[a:b] for a, b in word_spans(text)][6:] == ["東京都庁", "舎です", "ภาษา", "ไทย"]


def test_names():
    assert find_attack("full-swap").name == "full-shuffle"
    assert find_attack("inner-swap").name == "inner-shuffle"
    with pytest.raises(UsageError, match="did you mean confusable"):
        find_attack("confusables")
    with pytest.raises(UsageError, match="no flavour 'm4'"):
        attack_words(["a"], "swap", 0.5, flavour="m4")
    for strength in (-0.1, 1.5, float("nan")):
        with pytest.raises(UsageError, match="must be from 0 to 1"):
            Attacker("swap", strength)


def test_font_takes_a_share_of_the_examples():
    for strength in (0.0, 0.2, 0.8, 1.0):
        attacker = Attacker("font", strength)
        share = sum(attacker.chooses(split="test", index=index) for index in range(1000)) / 1000
        assert abs(share - strength) < 0.04
    assert attack_words(WORDS, "font", 1.0) == WORDS


def test_resources_have_their_licences():
    folder = ROOT / "src/pixlm/robustness/tables"
    text = (folder / "LICENSES.md").read_text(encoding="utf-8")
    for path in folder.glob("*.json*"):
        assert f"`{path.name}`" in text
        assert tables.load(path.name)["source"]
    assert "Carnegie Mellon University" in text
    assert not list(folder.glob("*.pickle")) + list(folder.glob("*.pkl"))
