"""Script runs: a line of text cut where its script changes (UAX #24), the way Pango 1.50 does it.

The procedure is that of ICU's `uscript` run iterator, which Pango took over. (Pango's itemizer moreover makes every tab
and U+2028 an item of its own; that is not a matter of scripts and not done here.)
"""

from __future__ import annotations

from pixlm.rendering.unicode.properties import SCRIPT

#: Opening and closing characters that share a script, each opening one followed by its closing one.
_PAIRS = (
    "()[]{}<>«»‘’“”‹›⁅⁆⁽⁾₍₎⟦⟧⟨⟩⟪⟫⟬⟭⟮⟯⦃⦄⦅⦆⦇⦈⦉⦊⦋⦌⦍⦎⦏⦐⦑⦒⦓⦔⦕⦖⦗⦘⧼⧽⸂⸃⸄⸅⸉⸊⸌⸍⸜⸝⸠⸡⸢⸣⸤⸥⸦⸧⸨⸩"
    "〈〉《》「」『』【】〔〕〖〗〘〙〚〛﹙﹚﹛﹜﹝﹞（）［］｛｝｟｠｢｣"
)
_PAIR_OF = {char: index // 2 for index, char in enumerate(_PAIRS)}
_OPENING = frozenset(_PAIRS[::2])

#: Brackets and quotation marks that are open: which pair, and the script that it was opened in.
OpenPairs = tuple[tuple[int, str], ...]

#: How many open pairs are remembered; when one more opens, all are forgotten.
_STACK_DEPTH = 128

COMMON = "Zyyy"
NO_SCRIPT = frozenset((COMMON, "Zinh", "Zzzz"))


def script_runs(text: str) -> list[tuple[int, int, str]]:
    """Runs of one script: (start, end, ISO 15924 tag), half-open code point offsets, covering the text.

    Common, inherited and unassigned characters join the run they stand in; at the start of a line they take the script
    of the first character that has one. A closing bracket or quotation mark takes the script that was current at the
    matching opening one. A text without any script is one run "Zyyy". The empty text has no runs.
    """
    scripts = list(map(SCRIPT.__getitem__, text))
    present = set(scripts) - NO_SCRIPT
    if len(present) < 2:
        # The usual case needs no stack.
        return [(0, len(text), present.pop() if present else COMMON)] if text else []
    return continued_runs(text, COMMON, ())[0]


def continued_runs(text: str, current: str, opened: OpenPairs) -> tuple[list[tuple[int, int, str]], str, OpenPairs]:
    """The runs of a text that goes on a line.

    Args:
        current: the script of the line up to here, "Zyyy" if it has none.
        opened: the brackets and quotation marks that are open there.

    Returns:
        the runs; the script and the open pairs after them.
    """
    scripts = list(map(SCRIPT.__getitem__, text))
    runs: list[tuple[int, int, str]] = []
    open_pairs = list(opened)
    start = 0
    # Pairs above this depth were opened in this run, before its script was known.
    settled = 0 if current in NO_SCRIPT else len(open_pairs)
    position = 0
    while position < len(text):
        char = text[position]
        char_script = scripts[position]
        pair = _PAIR_OF.get(char)
        opens = char in _OPENING
        if pair is not None:
            if opens:
                if len(open_pairs) >= _STACK_DEPTH:
                    open_pairs.clear()
                open_pairs.append((pair, current))
            elif open_pairs:
                while open_pairs and open_pairs[-1][0] != pair:
                    open_pairs.pop()
                settled = min(settled, len(open_pairs))
                if open_pairs:
                    char_script = open_pairs[-1][1]

        if char_script not in NO_SCRIPT:
            if current in NO_SCRIPT:
                current = char_script
                while settled < len(open_pairs):
                    open_pairs[settled] = (open_pairs[settled][0], current)
                    settled += 1
            elif char_script != current:
                # The character is looked at again as the first of the next run; an opening bracket has no script of
                # its own and never comes here, so nothing is pushed twice.
                runs.append((start, position, current))
                start = position
                current = COMMON
                settled = len(open_pairs)
                continue

        if pair is not None and not opens and open_pairs:
            open_pairs.pop()
            settled = min(settled, len(open_pairs))
        position += 1

    runs.append((start, len(text), current))
    return runs, current, tuple(open_pairs)
