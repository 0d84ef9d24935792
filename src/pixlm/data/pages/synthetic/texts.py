"""Where the words on made-up pages come from: files of text, each in one language."""

from __future__ import annotations

import re
import unicodedata
import zlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from pixlm.data.readers.problems import read_lines, text_problem
from pixlm.errors import UsageError
from pixlm.rendering.breaking import needs_dictionary, syllables
from pixlm.rendering.font_tools.faces import faces_of, shipped
from pixlm.rendering.unicode import asks_for_no_font, script
from pixlm.rendering.unicode.bidi import first_strong_level

FOLDER = Path(__file__).parent / "texts"
LONGEST = 500
"""Characters of a passage at most; longer paragraphs are cut behind sentences."""
_MOST_BYTES = 64_000_000  # that are read of one file
_TENTHS = {"dev": (0,), "test": (1,)}
"""Which paragraphs are held out for a split: those whose checksum has this last digit."""
_UNSPACED = ("Hani", "Hira", "Kana", "Bopo")
_LANGUAGE_OF = {
    "Arab": "ar",
    "Hebr": "he",
    "Deva": "hi",
    "Beng": "bn",
    "Taml": "ta",
    "Thai": "th",
    "Hani": "zh",
    "Hira": "ja",
    "Kana": "ja",
    "Hang": "ko",
    "Cyrl": "ru",
    "Grek": "el",
}
"""The language of a script's labels where the name of a file does not say it; others have English ones."""
_SENTENCE = re.compile(r"[.!?؟۔।]+[\"')\]»”’]*\s+|[。！？]+[」』”）]*")


@dataclass(frozen=True)
class Text:
    """Passages in one language.

    name: the file; language: ISO 639-1, as far as the name or the script tells; rtl: written from right to left;
    letters: its characters by frequency, most frequent first.
    """

    name: str
    language: str
    rtl: bool
    passages: tuple[str, ...]
    letters: str

    def passage(self, rng: np.random.Generator) -> str:
        """Any of them."""
        return self.passages[int(rng.integers(len(self.passages)))]

    def stretch(self, rng: np.random.Generator) -> Iterable[str]:
        """Passages one after the other from a random one on, without end."""
        place = int(rng.integers(len(self.passages)))
        while True:
            yield self.passages[place]
            place = (place + 1) % len(self.passages)

    @cached_property
    def _words(self) -> list[list[str]]:
        found = [_words_of(passage) for passage in self.passages]
        return [words for words in found if words] or [["0"]]

    def phrase(self, rng: np.random.Generator, fewest: int, most: int) -> str:
        """Neighbouring words, as many as are there between ``fewest`` and ``most``; of text without spaces about twice
        as many characters, joined."""
        words = self._words[int(rng.integers(len(self._words)))]
        count = min(int(rng.integers(fewest, most + 1)), len(words))
        start = int(rng.integers(len(words) - count + 1))
        return ("" if _is_unspaced(words[start]) else " ").join(words[start : start + count])

    def name_of(self, rng: np.random.Generator, fewest: int = 1, most: int = 2) -> str:
        """A phrase as a proper name: capitalised words, of four letters or more where a few tries find such."""
        for _ in range(6):
            words = self.phrase(rng, fewest, most).split(" ")
            if _is_unspaced(words[0]) or min(map(len, words)) >= 4:
                break
        return " ".join(word[:1].upper() + word[1:] for word in words)

    def heading(self, rng: np.random.Generator, fewest: int = 2, most: int = 6) -> str:
        """A phrase that begins with a capital letter."""
        phrase = self.phrase(rng, fewest, most)
        return phrase[:1].upper() + phrase[1:]


@dataclass(frozen=True)
class Texts:
    """The texts of one split. left_out: passages with characters that no font has."""

    texts: tuple[Text, ...]
    left_out: int = 0

    def draw(self, rng: np.random.Generator) -> Text:
        """Any of them, all alike, however long they are."""
        return self.texts[int(rng.integers(len(self.texts)))]


def find_texts(given: Sequence[str], languages: Sequence[str]) -> list[Path]:
    """Files that a user names, or the ``*.txt`` of folders; without any, the texts that ship, in all languages or some.

    Raises:
        UsageError: no such file, a folder without texts, a language that does not ship.
    """
    if given and languages:
        raise UsageError("--languages chooses among the texts that ship; leave it out, or leave out --text")
    if not given:
        known = {path.stem: path for path in sorted(FOLDER.glob("*.txt"))}
        for language in languages:
            if language not in known:
                raise UsageError(f"--languages {language}: texts ship in {', '.join(known)}; name a file with --text")
        return [known[language] for language in languages or known]
    found = []
    for name in given:
        path = Path(name).expanduser()
        inside = sorted(path.glob("*.txt")) if path.is_dir() else [path]
        if not inside:
            raise UsageError(f"{path}: holds no *.txt")
        for file in inside:
            if not file.is_file():
                raise UsageError(f"{file}: no such file")
        found += inside
    return found


def load_texts(paths: Sequence[Path], split: str, fonts: Sequence[Path] = ()) -> Texts:
    """The passages of one split: of every file a tenth of the paragraphs is dev's and another test's, by checksum.

    Args:
        fonts: fonts beside those that ship; passages with characters that none has are left out.

    Raises:
        UsageError: no text, or none for this split.
    """
    covered = frozenset().union(*(face.code_points for font in (*shipped(), *fonts) for face in faces_of(font)))
    texts = []
    left_out = 0
    for path in paths:
        kept = []
        for paragraph in _paragraphs(path):
            digit = zlib.crc32(paragraph.encode()) % 10
            if (digit in _TENTHS[split]) if split in _TENTHS else digit not in (0, 1):
                passages = _passages(paragraph)
                good = [one for one in passages if _is_covered(one, covered)]
                kept += good
                left_out += len(passages) - len(good)
        if kept:
            texts.append(_text(path, kept))
    if not texts:
        said = f" ({left_out} passages have characters that no font has)" if left_out else ""
        raise UsageError(f"{paths[0]}: no text for the split {split}{said}; give more text with --text")
    return Texts(tuple(texts), left_out)


def _paragraphs(path: Path) -> Iterable[str]:
    read = 0
    for number, line in read_lines(path):
        if reason := text_problem(line):
            raise UsageError(f"{path}, line {number}: {reason}")
        read += len(line.encode())
        if read > _MOST_BYTES:
            return
        if paragraph := " ".join(printable(line).split()):
            yield unicodedata.normalize("NFC", paragraph)


def printable(text: str) -> str:
    """Without controls (but for line feeds), soft hyphens and marks of direction, which a page shows nothing of."""
    return text.translate(_NOT_SHOWN)


_NOT_SHOWN: dict[int, str | None] = {
    **dict.fromkeys((*range(10), *range(11, 32), *range(127, 160), 8232, 8233), " "),
    **dict.fromkeys((173, 1564, 8206, 8207, 65279, *range(8234, 8239), *range(8294, 8298))),
}


def _passages(paragraph: str) -> list[str]:
    """A paragraph in pieces of at most ``LONGEST`` characters."""
    if len(paragraph) <= LONGEST:
        return [paragraph]
    found, start = [], 0
    while len(paragraph) - start > LONGEST:
        part = paragraph[start : start + LONGEST]
        ends = [match.end() for match in _SENTENCE.finditer(part)] or [part.rfind(" ") + 1]
        end = ends[-1] if ends[-1] > 0 else LONGEST
        found.append(part[:end].strip())
        start += end
    return [one for one in (*found, paragraph[start:].strip()) if one]


def _is_covered(passage: str, covered: frozenset[int]) -> bool:
    return all(ord(char) in covered or asks_for_no_font(char) for char in set(passage))


def _text(path: Path, passages: Sequence[str]) -> Text:
    counts = Counter(char for passage in passages for char in passage if char.isalpha())
    letters = "".join(char for char, _ in counts.most_common())
    scripts = Counter(dict.fromkeys(("Zyyy",), 0))
    for char, count in counts.items():
        scripts[script(char)] += count
    usual = scripts.most_common(1)[0][0]
    named = re.split(r"[._\- ]", path.stem)[0].lower()
    if usual == "Hani" and scripts["Hira"] + scripts["Kana"] > scripts.total() / 10:
        usual = "Hira"
    language = named if re.fullmatch("[a-z]{2}", named) else _LANGUAGE_OF.get(usual, "en")
    directions = Counter(first_strong_level(passage) or 0 for passage in passages)
    return Text(str(path), language, directions.most_common(1)[0][0] == 1, tuple(passages), letters)


# ---- words


def _words_of(passage: str) -> list[str]:
    """Words without the punctuation around them; text without spaces in pieces of two to four characters."""
    words: list[str] = []
    for token in re.split(r"\s+|(?<=[、。，；：！？（）「」『』《》“”])|(?=[（「『《“])", passage):
        word = _bare(token)
        if not word:
            continue
        if len(word) > 4 and _is_unspaced(word):
            words += _pieces(word)
        else:
            words.append(word)
    return words


def _bare(token: str) -> str:
    start, end = 0, len(token)
    while start < end and not _is_wordly(token[start]):
        start += 1
    while end > start and not _is_wordly(token[end - 1]):
        end -= 1
    return token[start:end]


def _is_wordly(char: str) -> bool:
    return unicodedata.category(char)[0] in "LNM"


def _is_unspaced(word: str) -> bool:
    """Whether words of its script follow one another without a space."""
    return script(word[0]) in _UNSPACED or needs_dictionary(word[0])


def _pieces(word: str) -> list[str]:
    size = 4 if needs_dictionary(word[0]) else 2
    parts = [word[start:end] for start, end in syllables(word)]
    pieces = ["".join(parts[start : start + size]) for start in range(0, len(parts), size)]
    return [piece for piece in map(_bare, pieces) if piece]
