"""Compare the renderer with recorded outputs of upstream's renderers.

    python scripts/check_rendering_golden.py [GOLDEN_FOLDER] [--fonts FONT_FOLDER] [--show] [--pango]

What was recorded with PangoCairo is drawn with the backend "harfbuzz", or with --pango with "pango" (where the system
has it); what was recorded with PyGame with the backend "pygame" (left out with a note where it is not installed).

Prints, per kind of case: how many there are, and in how many the patch count, the word starts, the offset mapping, the
windows and the pixels are equal. Exit status 1 if a patch count or word start differs or fewer than 95 % of the pixel
arrays are equal. The golden folder (default ../shared/golden/rendering beside the repository) holds index.json and one
npz file per case; the fonts are looked for in ../../fonts beside it.
"""

from __future__ import annotations

import argparse
import collections
import importlib.util
import json
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from pixlm import Rendered, TextRenderer
from pixlm.errors import UsageError

REPOSITORY = Path(__file__).resolve().parent.parent
COMPAT = {"pangocairo": "pixel", "pangocairo_m4": "pixel-m4", "bigrams": "pixel-m4"}
COMPAT_PYGAME = {"pygame": "pixel", "pygame_gpt": "pixelgpt"}

#: The order in which fontconfig fell back when the outputs were recorded. The library takes an explicit list.
FALLBACK_ORDER = [
    "NotoSans-Regular.ttf",
    "NotoSansHebrew-Regular.ttf",
    "NotoSansArmenian-Regular.ttf",
    "NotoSansCJKsc-Regular.otf",
    "NotoNaskhArabic-Regular.ttf",
    "NotoSansSymbols2-Regular.ttf",
    "NotoSansDevanagari-Regular.ttf",
    "NotoSansBengali-Regular.ttf",
    "NotoSansGeorgian-Regular.ttf",
    "NotoSansKhmer-Regular.ttf",
    "NotoSansMath-Regular.ttf",
    "NotoSansMyanmar-Regular.ttf",
    "NotoSansSymbols-Regular.ttf",
    "NotoSansTamil-Regular.ttf",
    "NotoSansEthiopic-Regular.ttf",
    "NotoSansThai-Regular.ttf",
    "NotoColorEmoji.ttf",
    # In tests/golden/fonts:
    "NotoSansCJKsc-subset.otf",
    "NotoColorEmoji-subset.ttf",
]
CONFIG_KEYS = ("font_size", "dpi", "pixels_per_patch", "max_seq_length", "rgb")


def renderer_for(item: dict[str, Any], fonts: Path, **overrides: Any) -> TextRenderer:
    """The renderer that an entry of index.json was recorded with."""
    config = {key: value for key, value in item["config"].items() if key in CONFIG_KEYS}
    name = item["font_file"]
    if item["backend"] in COMPAT_PYGAME:
        compat = COMPAT_PYGAME[item["backend"]]
        defaults = {"max_seq_length": 1024} if compat == "pixelgpt" else {}
        arguments = {"backend": "pygame", "missing_glyph": "box", **defaults, **config, **overrides}
        return TextRenderer(fonts / name, compat=compat, **arguments)
    return TextRenderer(
        fonts / name,
        fallback_fonts=[fonts / other for other in FALLBACK_ORDER if other != name and (fonts / other).exists()],
        strategy="bigrams" if item["backend"] == "bigrams" else "continuous",
        compat=COMPAT[item["backend"]],
        missing_glyph="box",
        **{**config, **overrides},
    )


def input_of(item: dict[str, Any]) -> Any:
    given = item["input"]
    return given["text"] if "text" in given else tuple(given["pair"]) if "pair" in given else given["words"]


def compare(item: dict[str, Any], folder: Path, fonts: Path, **overrides: Any) -> dict[str, bool | None]:
    """What agrees: True or False; None where nothing was recorded. ``overrides``: arguments of the renderer."""
    result: dict[str, bool | None] = dict.fromkeys(("patches", "starts", "offsets", "windows", "pixels"))
    if item.get("error"):  # upstream raised; so must we, or we know better
        return result
    want = np.load(folder / item["file"])
    try:
        options = dict(item["options"])
        # PixelGPT's "generation" leaves out padding and the black patch; the picture ends where the text does.
        is_cut = options.pop("generation", False)
        got = renderer_for(item, fonts, **overrides).render(input_of(item), **options)
        if is_cut:
            got.pixel_values = got.pixel_values[:, : want["pixel_values"].shape[1]]
    except UsageError as error:
        print(f"  {item['backend']} {item['name']}: {error}")
        return {**result, "patches": False, "pixels": False}
    windows = [got, *(got.overflowing or ())]
    if item["backend"] == "bigrams":  # upstream's windows lose words; ours are those of every strategy, not compared
        windows, item = [got], {**item, "num_overflow": None}
    patch = item["config"].get("pixels_per_patch", 16)
    prefixes = ["", *(f"overflow_{j}_" for j in range(item.get("num_overflow") or 0))]
    same = len(windows) == len(prefixes)
    result["patches"] = same
    result["pixels"] = same
    if len(prefixes) > 1:
        result["windows"] = same
    for one, prefix in zip(windows, prefixes, strict=False):
        in_pixels = item["backend"] in ("pangocairo", "pangocairo_m4")
        _compare_window(one, want, prefix, patch if in_pixels else 1, result)
    return result


def _compare_window(got: Rendered, want: Any, prefix: str, unit: int, result: dict[str, bool | None]) -> None:
    separators = [int(s) // unit for s in want[prefix + "sep_patches"]]
    # Of a continuation upstream lists three separators, the middle one without meaning.
    separators = [separators[0], separators[-1]] if prefix else separators
    count = got.num_text_patches == int(want[prefix + "num_text_patches"]) and got.sep_patches == separators
    result["patches"] = bool(result["patches"] and count)
    result["pixels"] = bool(result["pixels"] and np.array_equal(got.pixel_values, want[prefix + "pixel_values"]))
    for key, name in (("word_starts", "starts"), ("offset_mapping", "offsets")):
        if prefix + key in want:
            equal = np.array_equal(getattr(got, key) or [], want[prefix + key])
            result[name] = bool(equal and result[name] is not False)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("golden", nargs="?", type=Path, default=REPOSITORY.parent / "shared/golden/rendering")
    parser.add_argument("--fonts", type=Path)
    parser.add_argument("--pango", action="store_true", help="draw PangoCairo's cases with the backend pango")
    parser.add_argument("--show", action="store_true", help="name the cases that differ")
    arguments = parser.parse_args()
    fonts = arguments.fonts or arguments.golden / "../../fonts"
    items = json.loads((arguments.golden / "index.json").read_text(encoding="utf-8"))["items"]
    table: dict[tuple[str, str], list[dict[str, bool | None]]] = collections.defaultdict(list)
    warnings.simplefilter("ignore")
    has_pygame = importlib.util.find_spec("pygame") is not None
    if not has_pygame:
        print("pygame is not installed; its cases are left out")
    for item in items:
        if item["backend"] in COMPAT or (has_pygame and item["backend"] in COMPAT_PYGAME):
            overrides = {"backend": "pango"} if arguments.pango and item["backend"] in COMPAT else {}
            result = compare(item, arguments.golden, fonts, **overrides)
            table[item["backend"], item["kind"]].append(result)
            if arguments.show and False in result.values():
                print(f"  {item['backend']} {item['name']}: {[k for k, v in result.items() if v is False]} differ")
    columns = ("patches", "starts", "offsets", "windows", "pixels")
    print(f"{'backend':14} {'kind':14} cases " + " ".join(f"{column:>9}" for column in columns))
    totals: dict[str, list[bool]] = collections.defaultdict(list)
    for (backend, kind), results in [*table.items(), (("all", ""), [r for rs in table.values() for r in rs])]:
        cells = []
        for column in columns:
            values = [result[column] for result in results if result[column] is not None]
            cells.append(f"{sum(map(bool, values))}/{len(values)}" if values else "-")
            if backend == "all":
                totals[column] = [bool(value) for value in values]
        print(f"{backend:14} {kind:14} {len(results):5} " + " ".join(f"{cell:>9}" for cell in cells))
    pixels = totals["pixels"]
    good = all(totals["patches"]) and all(totals["starts"]) and sum(pixels) >= 0.95 * len(pixels)
    print("PASS" if good else "FAIL")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
