"""Compare the renderer with upstream's output line by line: thousands of real lines in many scripts.

    python scripts/check_rendering_lines.py [--mode bigrams] [--form text] [--min-exact 99.9] [...]

Runs check_lines.py of the recorded lines (default folder ../shared/golden/rendering-lines beside the repository, or
--lines FOLDER) with the arguments given, which it explains with --help; :func:`render` is what it calls for each line.
Prints, per mode, form and script, how many lines have equal pixels, patch counts, word starts and offset mappings, and
how many lines were rendered in a second of processor time, next to upstream's figure.
"""

from __future__ import annotations

import functools
import runpy
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from pixlm import Rendered, TextRenderer

REPOSITORY = Path(__file__).resolve().parent.parent
STRATEGY = {
    "pangocairo": ("continuous", "pixel"),
    "pangocairo_m4": ("continuous", "pixel-m4"),
    "bigrams": ("bigrams", "pixel-m4"),
}

_Result = tuple[np.ndarray, int, list[int] | None, list[tuple[int, int]] | None]


@functools.cache
def _renderer(mode: str, fonts: tuple[str, ...], rgb: bool) -> TextRenderer:
    strategy, compat = STRATEGY[mode]
    return TextRenderer(
        fonts[0], strategy=strategy, compat=compat, fallback_fonts=fonts[1:], rgb=rgb, missing_glyph="box"
    )


def render(
    text: Any,
    *,
    mode: str,
    form: str,
    font_files: list[str],
    fallback_files: list[str],
    rgb: bool,
    max_seq_length: int,
    **options: Any,
) -> _Result | list[_Result]:
    """One line; for ``form="qa"`` all its windows."""
    # Fontconfig takes colour fonts last for what is not to be shown as emoji; the recorded list is not in its order.
    fallbacks = sorted(fallback_files, key=lambda path: "Emoji" in path)
    renderer = _renderer(mode, (*font_files, *fallbacks), rgb)
    renderer.max_seq_length = max_seq_length
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        first = renderer.render(text, **options)
    if form != "qa":
        return _result(first)
    return [_result(window) for window in (first, *(first.overflowing or ()))]


def _result(rendered: Rendered) -> _Result:
    return rendered.pixel_values, rendered.num_text_patches, rendered.word_starts, rendered.offset_mapping


def main() -> None:
    arguments = sys.argv[1:]
    folder = REPOSITORY.parent / "shared/golden/rendering-lines"
    if "--lines" in arguments:
        at = arguments.index("--lines")
        folder = Path(arguments[at + 1])
        del arguments[at : at + 2]
    script = folder / "check_lines.py"
    if not script.is_file():
        sys.exit(f"there is no {script}: the recorded lines do not ship with the repository")
    sys.argv = [str(script), f"{Path(__file__).stem}:render", *arguments]
    sys.path.insert(0, str(Path(__file__).parent))
    runpy.run_path(str(script), run_name="__main__")


if __name__ == "__main__":
    main()
