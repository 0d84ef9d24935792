"""Draws the sheets of samples in docs/pages.md: python scripts/make_pages_pictures.py"""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw

from pixlm.data.pages.synthetic.draft import Style
from pixlm.data.pages.synthetic.page import USUAL, Maker, Making, Page
from pixlm.data.pages.synthetic.texts import FOLDER
from pixlm.data.pages.synthetic.wear import KINDS, Wear, encode

IMAGES = Path(__file__).resolve().parent.parent / "docs" / "images"
GROUND = (108, 114, 130)
GAP = 10


def page(kind: str, language: str, number: int = 0, **changes: Any) -> Page:
    """A page of one kind in one language, without wear unless told otherwise."""
    settings = {"wear": Wear(share=0), "style": Style(size=(576, 768), letters=(12, 15)), **changes}
    making = Making((FOLDER / f"{language}.txt",), ((kind, 1.0),), image="png", **settings)
    return Maker(making, "train").page(number)


def framed(found: Page) -> Image.Image:
    """Its image with the boxes of its words, where they were moved as the four-sided figures that they became."""
    image = Image.open(io.BytesIO(encode(found.worn, "jpeg"))).convert("RGB")
    draw = ImageDraw.Draw(image)
    for line in found.annotation["form"]:
        for word in line["words"]:
            left, top, right, bottom = word["box"]
            draw.polygon(word.get("quad", [left, top, right, top, right, bottom, left, bottom]), outline=(20, 90, 220))
    return image


def sheet(name: str, images: Sequence[Image.Image], columns: int, width: int, height: int) -> None:
    """Images side by side, each at most ``width`` x ``height``, with 128 colours in all."""
    rows = -(-len(images) // columns)
    whole = Image.new("RGB", (columns * (width + GAP) + GAP, rows * (height + GAP) + GAP), GROUND)
    for place, image in enumerate(images):
        small = image.copy()
        small.thumbnail((width, height), Image.Resampling.LANCZOS)
        row, column = divmod(place, columns)
        whole.paste(small, (GAP + column * (width + GAP), GAP + row * (height + GAP)))
    path = IMAGES / f"pages-{name}.png"
    whole.quantize(128, dither=Image.Dither.NONE).save(path, optimize=True)
    print(f"{path}: {path.stat().st_size // 1000} kB")


def main() -> None:
    languages = ("en", "vi", "ru", "el", "sw", "ka", "en", "ko")
    sheet(
        "kinds",
        [page(kind, language, 3).worn.image for kind, language in zip(USUAL, languages, strict=True)],
        4,
        300,
        400,
    )
    scripts = (("forms", "ar", 1), ("invoices", "he", 2), ("tables", "hi", 1), ("receipts", "zh", 2))
    scripts += (("columns", "ur", 1), ("headings", "th", 2), ("lists", "ja", 1), ("paragraphs", "ta", 2))
    sheet("scripts", [framed(page(*one)) for one in scripts], 4, 300, 400)
    wears = [((kind,), 1.5) for kind in KINDS] + [(KINDS, 1.5)]
    plain = {"style": Style(size=(400, 400), letters=(15, 16))}
    worn = []
    for kinds, strength in wears:
        tries = (
            page("receipts" if len(kinds) > 1 else "forms", "en", n, wear=Wear(1, kinds, strength), **plain)
            for n in range(40)
        )
        least = 1 if len(kinds) == 1 else 5
        worn.append(framed(next(one for one in tries if len(one.worn.kinds) >= least)))
    sheet("wear", worn, 4, 300, 310)
    style = {"style": Style(size=(640, 640), letters=(14, 16))}
    screens = [page("screens", language, 4, **style).worn.image for language in ("en", "ar", "zh")]
    sheet("screens", screens, 3, 400, 400)
    small = {"style": Style(size=(400, 400), letters=(14, 20))}
    both = [
        page(kind, "en", n, wear=Wear(1, ("noise", "blur"), 0.5), **small).worn.image
        for kind in ("lines", "snippets")
        for n in range(6)
    ]
    sheet("lines", both, 3, 400, 110)


if __name__ == "__main__":
    main()
