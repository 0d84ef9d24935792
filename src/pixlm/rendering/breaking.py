"""Where a line may be broken: a small part of UAX #14.

Lines break at white space, after hyphens and slashes, and around Han, kana and Hangul, but not before closing or after
opening punctuation. Thai, Lao, Khmer and Burmese, which need a dictionary, break where they have spaces; what is longer
than a line is broken between syllables by the caller (see :func:`syllables`).
"""

from __future__ import annotations

from pixlm.rendering.unicode.graphemes import grapheme_clusters
from pixlm.rendering.unicode.properties import GENERAL_CATEGORY, SCRIPT

_GLUE = "\u00a0\u2007\u202f\u2060\ufeff"  # UAX #14: GL and WJ
_DICTIONARY = {"Khmr", "Lana", "Laoo", "Mymr", "Talu", "Tavt", "Thai"}
_ZERO_WIDTH_SPACE = "\u200b"
_BREAK_AFTER = "-/\u2010\u2012\u2013\u2014\u058a\u0f0b\u1361"  # the Tibetan and the Ethiopic word mark among them
_IDEOGRAPHIC = {"Bopo", "Hang", "Hani", "Hira", "Kana", "Kits", "Nshu", "Tang", "Yiii"}
#: Never at the start of a line: small kana, iteration and prolonged sound marks, middle dots, Western stops.
_NOT_AT_START = set(
    "ぁぃぅぇぉっゃゅょゎゕゖァィゥェォッャュョヮヵヶㇰㇱㇲㇳㇴㇵㇶㇷㇸㇹㇺㇻㇼㇽㇾㇿ々〻ゝゞヽヾー゛゜・、。，．：；？！‼⁇⁈⁉｡､･ｰﾞﾟ"
    "!%,.:;?}])’”»%‰℃…‥،؛؟।॥"
)
#: What a syllable goes on after. Viramas that stack or join consonants: those of Unicode 15.1's rule GB9c, and Burmese,
#: Khmer, Tai Tham, Balinese and Javanese ones; vowels that Thai and Lao write before their consonant.
_GOES_ON = set(
    "\u094d\u09cd\u0acd\u0b4d\u0c4d\u0d4d\u1039\u17d2\u1a60\u1b44\ua9c0"
    "\u0e40\u0e41\u0e42\u0e43\u0e44\u0ec0\u0ec1\u0ec2\u0ec3\u0ec4"
)
#: What belongs to the syllable before: Thai and Lao vowels, repetition and abbreviation marks on the line.
_BELONGS = set("\u0e2f\u0e30\u0e32\u0e45\u0e46\u0eaf\u0eb0\u0eb2\u0ebd\u0ec6")
_JOINERS = "\u200c\u200d"
_OPENING, _CLOSING = ("Ps", "Pi"), ("Pe", "Pf")


def is_space(char: str) -> bool:
    """White space at which a line may end (no-break spaces are not)."""
    return char == _ZERO_WIDTH_SPACE or (GENERAL_CATEGORY[char] == "Zs" and char not in _GLUE)


def needs_dictionary(char: str) -> bool:
    """Whether words of the character's script follow one another without anything between them."""
    return SCRIPT[char] in _DICTIONARY


def break_points(text: str) -> list[int]:
    """The indices at which a line may start, in order; without 0 and ``len(text)``. ``text`` is one paragraph."""
    points = []
    is_leading = bool(text) and is_space(text[0])
    for start, _ in grapheme_clusters(text)[1:]:
        before, after = _base(text, start), text[start]
        if is_space(after) or after in _GLUE or before in _GLUE:
            continue
        is_leading = is_leading and is_space(text[start - 1])
        if is_space(before):
            if not is_leading:
                points.append(start)
        elif before in _BREAK_AFTER:
            if GENERAL_CATEGORY[after][0] == "L" and start > 1 and not is_space(text[start - 2]):
                points.append(start)
        elif is_ideographic(before) or is_ideographic(after):
            opens = GENERAL_CATEGORY[before] in _OPENING
            closes = GENERAL_CATEGORY[after] in _CLOSING or after in _NOT_AT_START
            if not opens and not closes:
                points.append(start)
    return points


def syllables(text: str) -> list[tuple[int, int]]:
    """(start, end) of what is not torn apart even where a word is longer than a line: grapheme clusters, and those
    together that make one written syllable of an Indic or South-East Asian script."""
    found: list[tuple[int, int]] = []
    for start, end in grapheme_clusters(text):
        if found and not text[start].isspace():
            last = start - 1
            while last > found[-1][0] and text[last] in _JOINERS:
                last -= 1
            if text[last] in _GOES_ON or (text[start] in _BELONGS and needs_dictionary(text[last])):
                found[-1] = found[-1][0], end
                continue
        found.append((start, end))
    return found


def _base(text: str, end: int) -> str:
    """The character before ``end`` that is not a mark."""
    index = end - 1
    while index > 0 and GENERAL_CATEGORY[text[index]][0] == "M":
        index -= 1
    return text[index]


def is_ideographic(char: str) -> bool:
    """Han, kana, Hangul and the like, with their punctuation and wide forms."""
    if char < "\u1100":
        return False
    return SCRIPT[char] in _IDEOGRAPHIC or "\u3000" < char <= "\u303f" or "\uff00" <= char <= "\uff60"
