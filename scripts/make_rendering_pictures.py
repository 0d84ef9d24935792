"""Draw the pictures of the rendering guide: one per strategy with a line in each of several scripts, how each family
of checkpoints wants its text, what does not fit, and a page.

    python scripts/make_rendering_pictures.py [--output docs/images]

Strategies that this version of pixlm does not have are left out with a note. The pictures are small: grey, with the
patch grid, a few kilobytes each.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from pathlib import Path

import numpy as np
from PIL import Image

from pixlm import TextRenderer
from pixlm.errors import UsageError
from pixlm.rendering import picture
from pixlm.rendering.strategies import STRATEGIES

SAMPLES = {
    "latin": "Reading begins as a visual act.",
    "cyrillic": "Усі люди народжуються вільними.",
    "devanagari": "सभी मनुष्य जन्म से स्वतंत्र हैं।",
    "arabic": "\u064a\u0648\u0644\u062f \u062c\u0645\u064a\u0639 \u0627\u0644\u0646\u0627\u0633",
    "bengali": "সমস্ত মানুষ স্বাধীনভাবে জন্মায়।",
    "tamil": "மனிதப் பிறவியினர் சகலரும்.",
    "hebrew": "\u05db\u05dc \u05d1\u05e0\u05d9 \u05d4\u05d0\u05d3\u05dd \u05e0\u05d5\u05dc\u05d3\u05d5.",
    "thai": "มนุษย์ทั้งหลายเกิดมามีอิสระ",
    "khmer": "មនុស្សទាំងអស់កើតមក",
    "ethiopic": "የሰው ልጅ ሁሉ ሲወለድ ነጻ ነው።",
    "han": "人人生而自由，平等。",
    "kana": "すべての人間は、生まれながら。",
    "hangul": "모든 인간은 자유롭다.",
    "mixed": "Read 日本語 and \u05e9\u05dc\u05d5\u05dd, नमस्ते 123!",
}

PAGE = (
    "Text on a page\n\n"
    "Lines break at spaces, after hyphens, as in state-of-the-art, and between Han characters: "
    "人人生而自由，在尊严和权利上一律平等。\n"
    f"{SAMPLES['arabic']} abc 123 {SAMPLES['hebrew']}\n"
    f"{SAMPLES['devanagari']} {SAMPLES['thai']}"
)

COLUMNS = 36


def strategy_picture(strategy: str) -> np.ndarray:
    """One line per script, each with its patch grid: uint8 [height, width, 3]."""
    renderer = TextRenderer(strategy=strategy, max_seq_length=COLUMNS, missing_glyph="box")
    strips = [renderer.render(text, padding=False).pixel_values for text in SAMPLES.values()]
    return picture.stack([picture.picture(strip, columns=COLUMNS, grid=True) for strip in strips], gap=8)


def page_picture() -> np.ndarray:
    """A justified page with the boxes of its lines (grid colour) and words (blue): uint8 [height, width, 3]."""
    page = TextRenderer(font_size=10).render_page(PAGE, size=(420, 280), alignment="justify", line_spacing=1.2)
    image = np.repeat(page.pixel_values[:, :, None], 3, axis=2)
    for boxes, colour in ((page.words, (150, 190, 255)), (page.lines, picture.GRID)):
        for box in boxes:
            x1, y1 = max(box.x1 - 1, box.x0), box.y1 - 1
            for edge in (
                image[box.y0, box.x0 : x1 + 1],
                image[y1, box.x0 : x1 + 1],
                image[box.y0 : y1, box.x0],
                image[box.y0 : y1, x1],
            ):
                np.minimum(edge, np.array(colour, np.uint8), out=edge)
    return picture.enlarge(image, 2)


#: What each family of checkpoints was trained on: arguments of TextRenderer and the extra they need.
FAMILIES = {
    "PIXEL's PangoCairo": {"compat": "pixel"},
    "PIXEL's PyGame": {"backend": "pygame", "compat": "pixel"},
    "PIXEL-M4": {"strategy": "bigrams", "compat": "pixel-m4", "rgb": True},
    "PixelGPT": {"backend": "pygame", "compat": "pixelgpt"},
}
FAMILY_TEXT = "Reading 2 \u05e9\u05dc\u05d5\u05dd नमस्ते"


def family_picture() -> np.ndarray:
    """The same text as each family's renderer draws it, in the order of `FAMILIES`."""
    strips = []
    for arguments in FAMILIES.values():
        renderer = TextRenderer(**{"missing_glyph": "box", **arguments, "max_seq_length": COLUMNS})
        strips.append(renderer.render(FAMILY_TEXT, padding=False).pixel_values)
    return picture.stack([picture.picture(strip, columns=COLUMNS, grid=True) for strip in strips], gap=8)


def window_picture() -> np.ndarray:
    """A pair and its windows with a stride of two patches."""
    renderer = TextRenderer(max_seq_length=16)
    text = ("Who reads?", "Reading begins as a visual act, and the eye moves in leaps.")
    first = renderer.render(text, return_offset_mapping=True, return_overflowing_patches=True, stride=2)
    strips = [one.pixel_values for one in (first, *(first.overflowing or ()))]
    return picture.stack([picture.picture(strip, columns=16, grid=True) for strip in strips], gap=8)


def save(image: np.ndarray, path: Path) -> None:
    """Write a picture with a palette of at most 64 colours, which keeps files small."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image).quantize(64).save(path, format="PNG", optimize=True)
    print(f"{path}: {image.shape[1]} x {image.shape[0]}, {path.stat().st_size / 1000:.0f} kB")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = Path(__file__).resolve().parent.parent / "docs" / "images"
    parser.add_argument("--output", type=Path, default=default)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    for strategy in STRATEGIES:
        try:
            image = strategy_picture(strategy)
        except UsageError as error:
            print(f"left out {strategy}: {error}")
            continue
        save(image, arguments.output / f"rendering-{strategy}.png")
    try:
        save(family_picture(), arguments.output / "rendering-families.png")
    except UsageError as error:
        print(f"left out the families: {error}")
    save(window_picture(), arguments.output / "rendering-windows.png")
    save(page_picture(), arguments.output / "rendering-page.png")
    return 0


if __name__ == "__main__":
    sys.exit(main())
