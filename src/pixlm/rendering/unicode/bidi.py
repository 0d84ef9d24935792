"""The Unicode bidirectional algorithm (UAX #9, revision of Unicode 15) for one paragraph, up to rule L2.

The types of a text are a string with one letter per character (the letters are listed in `_tables.py`), so that the
weak and neutral rules are regular expressions over it. Every step is linear in the length of the text, also for text
made of nothing but directional controls: depth is capped at 125 and overflowing controls are only counted, as the
standard demands.

Where the standard leaves freedom, FriBidi (as Pango 1.50 uses it) is followed: embedding controls and other characters
that rule X9 removes get the level of the character before them. Where Pango departs from the standard it is not
followed: it skips the algorithm, and with it the inner levels, when embedding controls surround text of one direction
only (the order on screen is the same); FriBidi 1.0.8 misses some marks on brackets and some first-strong isolates.
"""

from __future__ import annotations

import re
from bisect import bisect_left, insort
from collections.abc import Sequence
from itertools import accumulate

import numpy as np

from pixlm.rendering.unicode._tables import BRACKETS
from pixlm.rendering.unicode.properties import BIDI_CLASS

MAX_DEPTH = 125
_MAX_OPEN_BRACKETS = 63

# Letters of bidi classes. Embeddings x X o O = LRE RLE LRO RLO, ended by P = PDF; isolates l r f = LRI RLI FSI, ended
# by p = PDI; a = AL, n = AN, M = NSM, b = BN, s = segment separator.
_LEFT_TO_RIGHT_ONLY = re.compile("[^RanxXoOPlrfp]*")
_CONTROL = re.compile("[xXoOPlrfpbB]")
_ISOLATES = "lrf"
_REMOVED = "xXoOPb"

_NSM_AFTER_ISOLATE = re.compile("(?<=[lrfp])M+")
_NSM = re.compile("([^M])(M+)")
_AFTER_ARABIC = re.compile("a[^LR]*")
_EUROPEAN_SEPARATOR = re.compile("(?<=E)[SC](?=E)")
_ARABIC_SEPARATOR = re.compile("(?<=n)C(?=n)")
_TERMINATORS = re.compile("T+")
_LEFT_CONTEXT = re.compile("L[^R]*")
_NEUTRALS = re.compile("[NBsWlrfp]+")
_WHITESPACE_TYPES = "WlrfpxXoOPbsB"
_WHITESPACE = re.compile(f"[{_WHITESPACE_TYPES}]+")

#: What a type adds to its embedding level (rules I1 and I2): even levels, odd levels.
_IMPLICIT = (str.maketrans("LREn", "\0\1\2\2"), str.maketrans("LREn", "\1\0\1\1"))


def embedding_levels(text: str, base: int | None = None) -> tuple[np.ndarray, int]:
    """Resolved embedding level of every character of one paragraph, and the level of the paragraph.

    Args:
        text: one paragraph; a paragraph separator inside it gets the level of the paragraph and ends all embeddings.
        base: 0 left to right, 1 right to left; `None` takes the first strong character (rules P2 and P3), and left to
            right when there is none.

    Returns:
        `levels`, uint8 [len(text)], odd where text runs from right to left, and the paragraph level. Whitespace at the
        end and before tabs has the paragraph level (rule L1).
    """
    if base not in (None, 0, 1):
        raise ValueError(f"base is {base!r}, but a paragraph has level 0 or 1 (None: find it)")
    if base != 1 and text.isascii():
        return np.zeros(len(text), np.uint8), 0
    return levels_of_types("".join(map(BIDI_CLASS.__getitem__, text)), text, base)


def first_strong_level(text: str) -> int | None:
    """0 or 1 by the first character with a direction of its own, embedding controls included; None if there is none.

    This is how Pango chooses the base direction of a layout. It differs from rule P2 in that it looks into isolates.
    """
    match = re.search("[LRaxXoO]", "".join(map(BIDI_CLASS.__getitem__, text)))
    return None if match is None else int(match[0] in "RaXO")


def levels_of_types(types: str, text: str, base: int | None) -> tuple[np.ndarray, int]:
    """`embedding_levels` for given types (one letter per character); `text` is looked at for brackets only."""
    if base != 1 and _LEFT_TO_RIGHT_ONLY.fullmatch(types):
        return np.zeros(len(types), np.uint8), 0
    if _CONTROL.search(types):
        matches = _match_isolates(types)
        paragraph = _first_strong(types, matches)[0] if base is None else base
        levels = _levels_with_controls(types, text, paragraph, matches)
    else:
        if base is None:
            strong = re.search("[LRa]", types)
            paragraph = int(strong is not None and strong[0] != "L")
        else:
            paragraph = base
        side = "LR"[paragraph]
        levels = _implicit_levels(_resolve(types, text, paragraph, side, side), paragraph)
    # L1: separators, and whitespace before them and at the end
    if "s" in types or "B" in types:
        for match in _WHITESPACE.finditer(types):
            start, end = match.span()
            if end < len(types):
                end = max(types.rfind("s", start, end), types.rfind("B", start, end)) + 1
            levels[start:end] = paragraph
    else:
        levels[len(types.rstrip(_WHITESPACE_TYPES)) :] = paragraph
    return levels, paragraph


def visual_order(levels: Sequence[int]) -> list[int]:
    """Rule L2: the indices of runs (or characters) with these levels, from left to right.

    Linear in the number of runs times the number of different levels, but each reversal is a slice.
    """
    order = list(range(len(levels)))
    if not order:
        return order
    highest = max(levels)
    lowest_odd = min((level for level in levels if level % 2), default=highest + 1)
    for level in range(highest, lowest_odd - 1, -1):
        position = 0
        while position < len(order):
            if levels[order[position]] < level:
                position += 1
                continue
            end = position
            while end < len(order) and levels[order[end]] >= level:
                end += 1
            order[position:end] = order[position:end][::-1]
            position = end
    return order


def _match_isolates(types: str) -> dict[int, int]:
    """BD9: isolate initiator -> its PDI, and PDI -> its initiator; unmatched ones are absent."""
    matches: dict[int, int] = {}
    opened: list[int] = []
    for found in re.finditer("[lrfp]", types):
        if found[0] != "p":
            opened.append(found.start())
        elif opened:
            initiator = opened.pop()
            matches[initiator] = found.start()
            matches[found.start()] = initiator
    return matches


def _first_strong(types: str, matches: dict[int, int]) -> list[int]:
    """P2 and P3 from every position on: 1 if the first strong character is R or AL, else 0.

    Looks from each position to the end of the isolate it lies in, passing over inner isolates. One pass from the end,
    so that nested first-strong isolates do not make it quadratic.
    """
    result = [0] * (len(types) + 1)
    for index in range(len(types) - 1, -1, -1):
        kind = types[index]
        if kind in "Ra":
            result[index] = 1
        elif kind == "L" or (kind == "p" and index in matches):
            result[index] = 0
        elif kind in _ISOLATES:
            # Without a matching PDI everything to the end of the paragraph is inside.
            result[index] = result[matches[index] + 1] if index in matches else 0
        else:
            result[index] = result[index + 1]
    return result


def _explicit_levels(types: str, paragraph: int, matches: dict[int, int]) -> tuple[list[int], list[str]]:
    """Rules X1 to X8: a level per character (-1 for what X9 removes), and the types after overrides."""
    levels = [0] * len(types)
    kinds = list(types)
    inside_first_strong = _first_strong(types, matches) if "f" in types else []
    stack = [(paragraph, "", False)]  # level, override, is an isolate
    overflowing_isolates = overflowing_embeddings = valid_isolates = 0
    for index, kind in enumerate(types):
        level, override, _ = stack[-1]
        if kind in "xXoO":
            levels[index] = -1
            new = (level + 2) & ~1 if kind in "xo" else (level + 1) | 1
            if new <= MAX_DEPTH and not overflowing_isolates and not overflowing_embeddings:
                stack.append((new, {"o": "L", "O": "R"}.get(kind, ""), False))
            elif not overflowing_isolates:
                overflowing_embeddings += 1
        elif kind == "P":
            levels[index] = -1
            if overflowing_isolates:
                pass
            elif overflowing_embeddings:
                overflowing_embeddings -= 1
            elif len(stack) > 1 and not stack[-1][2]:
                stack.pop()
        elif kind == "b":
            levels[index] = -1
        elif kind in _ISOLATES:
            levels[index] = level
            kinds[index] = override or kind
            leftwards = kind == "r" or (kind == "f" and inside_first_strong[index + 1])
            new = (level + 1) | 1 if leftwards else (level + 2) & ~1
            if new <= MAX_DEPTH and not overflowing_isolates and not overflowing_embeddings:
                valid_isolates += 1
                stack.append((new, "", True))
            else:
                overflowing_isolates += 1
        elif kind == "p":
            if overflowing_isolates:
                overflowing_isolates -= 1
            elif valid_isolates:
                overflowing_embeddings = 0
                while not stack[-1][2]:
                    stack.pop()
                stack.pop()
                valid_isolates -= 1
            level, override, _ = stack[-1]
            levels[index] = level
            kinds[index] = override or kind
        elif kind == "B":
            levels[index] = paragraph
            stack = stack[:1]
            overflowing_isolates = overflowing_embeddings = valid_isolates = 0
        else:
            levels[index] = level
            kinds[index] = override or kind
    return levels, kinds


def _levels_with_controls(types: str, text: str, paragraph: int, matches: dict[int, int]) -> np.ndarray:
    """Levels of a text with embeddings, isolates, boundary neutrals or separators, before L1."""
    explicit, kinds = _explicit_levels(types, paragraph, matches)
    kept = [index for index, level in enumerate(explicit) if level >= 0]
    levels = np.array(explicit, np.int16)

    # X10: level runs, joined to isolating run sequences. A sequence is a list of [first, end) slices of `kept`.
    sequences: list[list[tuple[int, int]]] = []
    waiting: dict[int, list[tuple[int, int]]] = {}
    start = 0
    for end in range(1, len(kept) + 1):
        if end < len(kept) and explicit[kept[end]] == explicit[kept[start]]:
            continue
        first, last = kept[start], kept[end - 1]
        sequence = waiting.pop(first, None)
        if sequence is None:
            sequences.append(sequence := [])
        sequence.append((start, end))
        if types[last] in _ISOLATES and last in matches:
            waiting[matches[last]] = sequence
        start = end

    for sequence in sequences:
        indices = kept[slice(*sequence[0])] if len(sequence) == 1 else [i for s in sequence for i in kept[slice(*s)]]
        level = explicit[indices[0]]
        before, after = sequence[0][0], sequence[-1][1]
        level_before = explicit[kept[before - 1]] if before else paragraph
        open_end = after == len(kept) or types[indices[-1]] in _ISOLATES
        level_after = paragraph if open_end else explicit[kept[after]]
        resolved = _resolve(
            "".join([kinds[i] for i in indices]),
            "".join([text[i] for i in indices]),
            level,
            "LR"[max(level, level_before) % 2],
            "LR"[max(level, level_after) % 2],
        )
        levels[indices] = _implicit_levels(resolved, level)

    if len(kept) < len(types):
        last_kept = np.maximum.accumulate(np.where(levels >= 0, np.arange(len(types)), -1))
        levels = np.where(last_kept >= 0, levels[last_kept], paragraph)
    return levels.astype(np.uint8)


def _implicit_levels(types: str, level: int) -> np.ndarray:
    """Rules I1 and I2 for resolved types (L, R, E = EN, n = AN) at one embedding level."""
    return np.frombuffer(types.translate(_IMPLICIT[level % 2]).encode("latin-1"), np.uint8) + np.uint8(level)


def _resolve(types: str, text: str, level: int, start: str, end: str) -> str:
    """Rules W1 to W7 and N0 to N2 for one isolating run sequence.

    Args:
        types: its types, one letter each.
        text: its characters, for the brackets.
        level: its embedding level.
        start, end: "L" or "R" on either side of it (sos and eos).

    Returns:
        types with only L, R, E and n left.
    """
    kinds = start + types + end
    if "M" in kinds:  # W1
        kinds = _NSM_AFTER_ISOLATE.sub(lambda m: "N" * len(m[0]), kinds)
        kinds = _NSM.sub(lambda m: m[1] * (1 + len(m[2])), kinds)
    if "a" in kinds:
        if "E" in kinds:
            kinds = _AFTER_ARABIC.sub(lambda m: m[0].replace("E", "n"), kinds)  # W2
        kinds = kinds.replace("a", "R")  # W3
    if "E" in kinds:
        kinds = _EUROPEAN_SEPARATOR.sub("E", kinds)  # W4
    if "n" in kinds:
        kinds = _ARABIC_SEPARATOR.sub("n", kinds)
    if "T" in kinds:  # W5
        whole = kinds
        kinds = _TERMINATORS.sub(
            lambda m: ("E" if whole[m.start() - 1] == "E" or whole[m.end()] == "E" else "N") * len(m[0]), whole
        )
    kinds = kinds.replace("S", "N").replace("C", "N")  # W6
    if "E" in kinds:
        kinds = _LEFT_CONTEXT.sub(lambda m: m[0].replace("E", "L"), kinds)  # W7
    embedding = "LR"[level % 2]
    if "N" in kinds and not BRACKETS.keys().isdisjoint(text):
        kinds = _resolve_brackets(kinds, types, text, embedding)  # N0

    resolved = kinds

    def neutrals(match: re.Match[str]) -> str:
        left = "L" if resolved[match.start() - 1] == "L" else "R"
        right = "L" if resolved[match.end()] == "L" else "R"
        return (left if left == right else embedding) * len(match[0])

    for simple, found in (("RWR", "RRR"), ("LWL", "LLL")):  # N1, most of it: a space inside text of one direction
        kinds = kinds.replace(simple, found).replace(simple, found)
    return _NEUTRALS.sub(neutrals, kinds)[1:-1]  # N1, N2


def _resolve_brackets(kinds: str, types: str, text: str, embedding: str) -> str:
    """Rule N0. `kinds` has the boundary types before and after, so position i of the text is i + 1 in it."""
    opened: list[tuple[int, int]] = []
    pairs: list[tuple[int, int]] = []
    for index, char in enumerate(text):
        pair = BRACKETS.get(char)
        if pair is None or kinds[index + 1] != "N":
            continue
        if pair > 0:
            if len(opened) == _MAX_OPEN_BRACKETS:
                break
            opened.append((pair, index + 1))
            continue
        for depth in range(len(opened) - 1, -1, -1):
            if opened[depth][0] == -pair:
                pairs.append((opened[depth][1], index + 1))
                del opened[depth:]
                break
    if not pairs:
        return kinds
    pairs.sort()

    # Directions with numbers as R. What lies inside a pair is not touched by pairs that open before it, so counts
    # can be summed once; only the context before it sees brackets that were resolved already.
    directions = kinds.translate({ord("E"): "R", ord("n"): "R"})
    opposite = "R" if embedding == "L" else "L"
    same_before = list(accumulate((kind == embedding for kind in directions), initial=0))
    opposite_before = list(accumulate((kind == opposite for kind in directions), initial=0))
    strong_before = list(accumulate((i if kind in "LR" else 0 for i, kind in enumerate(directions)), max, initial=0))

    result = list(kinds)
    decided: list[int] = []
    for opening, closing in pairs:
        if same_before[closing] > same_before[opening]:
            direction = embedding  # N0 b
        elif opposite_before[closing] > opposite_before[opening]:  # N0 c
            context = strong_before[opening]
            at = bisect_left(decided, opening)
            if at and decided[at - 1] > context:
                context = decided[at - 1]
            direction = "L" if result[context] == "L" else "R"
        else:
            continue  # N0 d
        for bracket in (opening, closing):
            result[bracket] = direction
            insort(decided, bracket)
            # Marks on a bracket follow it (types has no boundary type in front).
            mark = bracket
            while mark < len(types) and types[mark] == "M":
                result[mark + 1] = direction
                mark += 1
    return "".join(result)
