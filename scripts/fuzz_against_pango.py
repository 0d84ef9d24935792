"""Compare the harfbuzz backend with the system's PangoCairo on lines of random code points that the fonts have.

    python scripts/fuzz_against_pango.py [--lines 2000] [--seed 0] [--font FONT --fallback FONT ...] [--rgb] [--show 10]

Half of the lines mix code points of all scripts, half keep to one script and common characters. Prints how many images
are equal byte for byte, in how many the number of patches is equal, how many lines failed (raised an exception), and
why lines differ: each is cut down to the shortest part that still differs (see :mod:`pango_causes`).
Exit status 1 if fewer than 98 % are equal or one fails. Needs the backend "pango" (pip install "pixlm[pango]" and the
system's Pango), for instance through Debian's Python:

    apt-get install python3-gi python3-gi-cairo gir1.2-pango-1.0
    PYTHONPATH=src:.venv/lib/python3.11/site-packages /usr/bin/python3 scripts/fuzz_against_pango.py
"""

from __future__ import annotations

import argparse
import collections
import random
import sys
import traceback
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from pango_causes import Causes

from pixlm import TextRenderer
from pixlm.errors import UsageError
from pixlm.rendering.unicode.properties import general_category, script

LEAST_EXACT = 98.0
LONGEST = 40


def alphabets(renderer: TextRenderer) -> tuple[list[str], dict[str, list[str]]]:
    """All characters of the fonts, and those of each script; without controls and line breaks."""
    codes = frozenset().union(*(font.code_points for font in renderer.fonts))
    chars = [chr(code) for code in sorted(codes) if general_category(chr(code)) not in ("Cc", "Cs", "Zl", "Zp")]
    scripts: dict[str, list[str]] = collections.defaultdict(list)
    for char in chars:
        scripts[script(char)].append(char)
    return chars, dict(scripts)


def random_lines(renderer: TextRenderer, count: int, seed: int) -> Iterator[tuple[str, str]]:
    """(kind, line): the kind is "mixed" or a script."""
    chars, scripts = alphabets(renderer)
    common = [*scripts.get("Zyyy", []), *scripts.get("Zinh", []), " "]
    names = sorted(name for name, members in scripts.items() if len(members) > 3)
    random_ = random.Random(seed)
    for index in range(count):
        length = random_.randint(1, LONGEST)
        if index % 2:
            name = random_.choice(names)
            pool = [*scripts[name]]
            line = [random_.choice(common) if random_.random() < 0.1 else random_.choice(pool) for _ in range(length)]
        else:
            name, line = "mixed", [random_.choice(chars) for _ in range(length)]
        for position in range(length):
            if random_.random() < 0.1:
                line[position] = " "
        yield name, "".join(line)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lines", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--font", type=Path)
    parser.add_argument("--fallback", type=Path, nargs="*", default=[])
    parser.add_argument("--rgb", action="store_true")
    parser.add_argument("--show", type=int, default=0, metavar="N", help="print the first N lines that differ")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")

    def make(backend: str) -> TextRenderer:
        return TextRenderer(
            arguments.font,
            backend=backend,
            compat="pixel",
            fallback_fonts=arguments.fallback,
            missing_glyph="box",
            rgb=arguments.rgb,
            max_seq_length=64,
        )

    try:
        ours, pango = make("harfbuzz"), make("pango")
    except UsageError as error:
        print(error, file=sys.stderr)
        return 2
    causes = Causes(ours, pango)
    found: dict[str, list[int]] = collections.defaultdict(lambda: [0, 0])
    exact = patches = failures = shown = total = 0
    kinds: dict[str, list[int]] = collections.defaultdict(lambda: [0, 0])
    for kind, line in random_lines(ours, arguments.lines, arguments.seed):
        total += 1
        kinds[kind][1] += 1
        try:
            got, want = ours.render(line), pango.render(line)
        except Exception:
            failures += 1
            print(f"FAILED on {line!a}")
            traceback.print_exc()
            continue
        equal = np.array_equal(got.pixel_values, want.pixel_values)
        exact += equal
        kinds[kind][0] += equal
        same_length = got.num_text_patches == want.num_text_patches
        patches += same_length
        if equal:
            continue
        part = causes.shortest(line)
        cause = causes.of(part)
        found[cause][0] += 1
        found[cause][1] += not same_length
        if shown < arguments.show:
            shown += 1
            print(f"differs ({kind}, {cause}): {part!a} of {line!a}")
    share = 100 * exact / max(total, 1)
    worst = sorted(kinds.items(), key=lambda entry: entry[1][0] - entry[1][1])[:8]
    print("most differences:", ", ".join(f"{name} {good}/{count}" for name, (good, count) in worst if good < count))
    print(f"{total} lines: {exact} exact ({share:.2f} %), patch count {patches}, {failures} failures")
    for cause, (count, lengths) in sorted(found.items(), key=lambda entry: -entry[1][0]):
        print(f"  {count} differ, {lengths} of them in their number of patches: {cause}")
    good = share >= LEAST_EXACT and not failures
    print("PASS" if good else "FAIL")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
