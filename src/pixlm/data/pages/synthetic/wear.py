"""What happens to pages on their way to a scanner: folds, skew, uneven light, blur, noise, JPEG.

Where the page moves, its boxes move along: every step that does gives back where points went.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageFilter

Points = np.ndarray
"""float [n, 2]: x and y."""
Moved = Callable[[Points], Points]

KINDS = ("ground", "fold", "skew", "light", "blur", "noise", "jpeg")
"""In the order in which they happen."""
_PROBABILITY = 0.5  # of each on a page that is worn


@dataclass(frozen=True)
class Wear:
    """share: of the pages that are worn; kinds: what may happen to them; strength: 1 for pages that people still read
    without trouble, more for worse ones."""

    share: float = 0.7
    kinds: Sequence[str] = KINDS
    strength: float = 1.0


@dataclass
class Worn:
    """A page afterwards. moved: where points of the page went, None where they stayed; quality: of the JPEG that it is
    to be stored as, None for any; kinds: what happened."""

    image: Image.Image
    moved: Moved | None = None
    quality: int | None = None
    kinds: tuple[str, ...] = ()


def wear_page(pixels: np.ndarray, wear: Wear, rng: np.random.Generator) -> Worn:
    """A page as it was found. Everything is drawn from ``rng``, whatever happens, so that pages with and without wear
    are of the same text."""
    is_worn = rng.random() < wear.share
    chosen = [kind for kind in KINDS if rng.random() < _PROBABILITY and is_worn and kind in wear.kinds]
    worn = Worn(Image.fromarray(pixels), kinds=tuple(chosen))
    for kind in chosen:
        _STEPS[kind](worn, wear.strength, rng)
    return worn


def _then(first: Moved | None, second: Moved) -> Moved:
    return second if first is None else lambda points: second(first(points))


def _field(size: tuple[int, int], rng: np.random.Generator, cells: int) -> np.ndarray:
    """float32 [height, width] between about -1 and 1 that varies slowly."""
    coarse = Image.fromarray(rng.uniform(-1, 1, (cells, cells)).astype(np.float32))
    return np.asarray(coarse.resize(size, Image.Resampling.BICUBIC))


def _shaded(image: Image.Image, gain: np.ndarray) -> Image.Image:
    # In 128ths: products of bytes and factors below 2 fit into 16 bits, which is twice as fast as in floats.
    factors = np.clip(gain * 128, 0, 255).astype(np.uint16)
    return Image.fromarray(np.minimum(np.asarray(image) * factors[..., None] >> 7, 255).astype(np.uint8))


def _ground(worn: Worn, strength: float, rng: np.random.Generator) -> None:
    """Paper with stains and fibres."""
    stains = 0.025 * strength * _field(worn.image.size, rng, int(rng.integers(4, 16)))
    fibres = 0.025 * strength * _field(worn.image.size, rng, min(*worn.image.size) // 3)
    worn.image = _shaded(worn.image, 1 - 0.04 * strength + stains + fibres)


def _fold(worn: Worn, strength: float, rng: np.random.Generator) -> None:
    """One or two folds across: a dark or bright line, and the paper behind it turned a little."""
    for _ in range(int(rng.integers(1, 3))):
        width, height = worn.image.size
        is_upright = bool(rng.random() < 0.4)
        length = width if is_upright else height
        place = length * rng.uniform(0.25, 0.75)
        lean = 0.006 * min(strength, 3.0) * rng.uniform(-1, 1)
        worn.image = _leant(worn.image, place, lean, is_upright)
        worn.moved = _then(worn.moved, _lean(place, lean, 1 if is_upright else 0))
        away = np.abs(np.arange(length) - place)
        depth = rng.uniform(0.08, 0.2) * strength * rng.choice([-1, 1])
        shade = 1 - depth * np.exp(-away / rng.uniform(1.5, 4)) - 0.04 * strength * (np.arange(length) > place)
        gain = np.broadcast_to(shade if is_upright else shade[:, None], (height, width))
        worn.image = _shaded(worn.image, gain.astype(np.float32))


def _lean(place: float, lean: float, axis: int) -> Moved:
    """Points behind ``place`` go along ``axis`` (0: x) by ``lean`` of their distance from it."""

    def move(points: Points) -> Points:
        moved = points.astype(float)
        moved[:, axis] += lean * np.maximum(moved[:, 1 - axis] - place, 0)
        return moved

    return move


def _leant(image: Image.Image, place: float, lean: float, is_upright: bool) -> Image.Image:
    width, height = image.size
    fold = round(place)
    size, corner = ((width - fold, height), (fold, 0)) if is_upright else ((width, height - fold), (0, fold))
    matrix = (1, 0, fold, -lean, 1, 0) if is_upright else (1, -lean, 0, 0, 1, fold)
    part = image.transform(size, Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR, fillcolor=_edge(image))
    folded = image.copy()
    folded.paste(part, corner)
    return folded


def _skew(worn: Worn, strength: float, rng: np.random.Generator) -> None:
    """Turned by some degrees, on a ground that may be another one, and large enough for all of the page."""
    angle = math.radians(np.clip(rng.normal(0, 1.2 * strength), -15, 15))
    cosine, sine = math.cos(angle), math.sin(angle)
    width, height = worn.image.size
    size = (
        math.ceil(abs(width * cosine) + abs(height * sine)),
        math.ceil(abs(width * sine) + abs(height * cosine)),
    )
    turn = np.array([[cosine, -sine], [sine, cosine]])
    old, new = np.array([width, height]) / 2, np.array(size) / 2
    shift = old - turn.T @ new
    data = (turn[0, 0], turn[1, 0], shift[0], turn[0, 1], turn[1, 1], shift[1])
    level = int(rng.integers(60, 240))
    desk = _edge(worn.image) if rng.random() < 0.6 else (level, level, level)
    worn.image = worn.image.transform(size, Image.Transform.AFFINE, data, Image.Resampling.BICUBIC, fillcolor=desk)
    worn.moved = _then(worn.moved, lambda points: (points - old) @ turn.T + new)


def _edge(image: Image.Image) -> tuple[int, ...]:
    """The colour of the page's corner."""
    pixel = image.getpixel((0, 0))
    assert isinstance(pixel, tuple)
    return pixel


def _light(worn: Worn, strength: float, rng: np.random.Generator) -> None:
    """Shadows, and a lamp on one side."""
    width, height = worn.image.size
    slope = rng.uniform(-0.12, 0.12, 2) * strength
    down, across = np.linspace(-1, 1, height)[:, None], np.linspace(-1, 1, width)
    lamp = slope[0] * down + slope[1] * across
    gain = 1 - 0.06 * strength + lamp + 0.08 * strength * _field(worn.image.size, rng, 4)
    worn.image = _shaded(worn.image, np.maximum(gain, 0.25).astype(np.float32))


def _blur(worn: Worn, strength: float, rng: np.random.Generator) -> None:
    worn.image = worn.image.filter(ImageFilter.GaussianBlur(rng.uniform(0.2, 0.8) * strength))


def _noise(worn: Worn, strength: float, rng: np.random.Generator) -> None:
    """Of the sensor, grey or coloured, and at times specks of dust."""
    pixels = np.asarray(worn.image)
    bands = 3 if rng.random() < 0.3 else 1
    deviation = rng.uniform(2, 12) * strength
    grain = rng.standard_normal((*pixels.shape[:2], bands), np.float32) * deviation
    if rng.random() < 0.3:
        count = int(pixels.shape[0] * pixels.shape[1] * rng.uniform(1e-4, 8e-4) * strength)
        rows, columns = (rng.integers(0, side, count) for side in pixels.shape[:2])
        grain[rows, columns] -= rng.uniform(60, 180, (count, 1)).astype(np.float32)
    worn.image = Image.fromarray(np.clip(pixels + grain.astype(np.int16), 0, 255).astype(np.uint8))


def _jpeg(worn: Worn, strength: float, rng: np.random.Generator) -> None:
    worn.quality = int(np.clip(rng.uniform(25, 80) / max(strength, 0.2), 5, 95))


_STEPS: dict[str, Callable[[Worn, float, np.random.Generator], None]] = {
    "ground": _ground,
    "fold": _fold,
    "skew": _skew,
    "light": _light,
    "blur": _blur,
    "noise": _noise,
    "jpeg": _jpeg,
}


def encode(worn: Worn, form: str, *, usual: int = 92) -> bytes:
    """The file: "jpeg", in the quality that the wear asks for, or "png", with the marks that JPEG leaves."""
    file = io.BytesIO()
    if form == "jpeg":
        worn.image.save(file, "JPEG", quality=worn.quality or usual)
        return file.getvalue()
    image = worn.image
    if worn.quality is not None:
        image.save(file, "JPEG", quality=worn.quality)
        file.seek(0)
        image = Image.open(file).convert("RGB")
        file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()
