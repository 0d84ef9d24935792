"""Opening page images safely: the header is checked before anything is decoded, and every failure is one clear line."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO

from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from pixlm.data.pages import pdf
from pixlm.data.pages.example import DecodedImage, ImageSource
from pixlm.errors import UsageError

SUFFIXES = (".jpg", ".jpeg", ".png", ".tif", ".tiff", ".webp", ".bmp", ".gif", ".ppm", ".pgm", ".jp2", ".pdf")
"""Of the files that hold pages."""

_FORMATS = ("JPEG", "PNG", "TIFF", "WEBP", "BMP", "GIF", "PPM", "JPEG2000")
_NOT_PAGES = ("GIF", "PNG", "WEBP")  # of more than one frame: animations


@dataclass(frozen=True)
class Limits:
    """How large an image may be. pixels: of one page (A4 at 900 dpi has 78 million); bytes: of a file; frames: of a
    TIFF."""

    pixels: int = 80_000_000
    bytes: int = 500_000_000
    frames: int = 100_000


LIMITS = Limits()


class PageError(UsageError):
    """A page that cannot be read: says which one, and why."""


def open_page(source: ImageSource, page: int = 0, *, dpi: int = 150, limits: Limits = LIMITS) -> Image.Image:
    """One page of an image file as RGB, upright as the camera's orientation mark says, transparency on white.

    Args:
        page: from 0; of PDFs and TIFFs with several. A TIFF of one image is page 0 only.
        dpi: at which a page of a PDF is drawn.

    Raises:
        PageError: no image, a damaged or too large one, an animation, a page that is not there, a PDF with a password.
    """
    if isinstance(source, DecodedImage):
        return source.image
    with _file(source, limits) as file:
        if pdf.is_pdf(file):
            with _plainly(source):
                return pdf.draw(file.read(), page, dpi=dpi, most_pixels=limits.pixels)
        with _opened(file, source, limits) as image:
            _seek(image, page, source, limits)
            with _plainly(source):
                image.load()
                return _upright(image)


def check_page(source: ImageSource, *, limits: Limits = LIMITS) -> int:
    """How many pages a file has; raises :class:`PageError` for what its header shows to be unfit. Decodes nothing."""
    with _file(source, limits) as file:
        if pdf.is_pdf(file):
            with _plainly(source):
                return pdf.count(file.read())
        with _opened(file, source, limits) as image:
            return _frames(image, source)


@contextmanager
def _file(source: ImageSource, limits: Limits) -> Iterator[BinaryIO]:
    try:
        file = source.open()
        size = file.seek(0, io.SEEK_END)
        file.seek(0)
    except FileNotFoundError:
        raise PageError(f"{source.name}: no such file") from None
    except OSError as error:
        raise PageError(f"{source.name}: cannot be read ({error.strerror or error})") from None
    with file:
        if not size:
            raise PageError(f"{source.name}: is empty")
        if size > limits.bytes:
            raise PageError(f"{source.name}: {size:,} bytes, more than {limits.bytes:,}")
        yield file


@contextmanager
def _opened(file: BinaryIO, source: ImageSource, limits: Limits) -> Iterator[Image.Image]:
    with warnings.catch_warnings():
        # Our own limit is below the one that Pillow warns of, and is an error.
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        warnings.simplefilter("ignore", UserWarning)
        try:
            image = Image.open(file, formats=_FORMATS)
        except UnidentifiedImageError:
            raise PageError(
                f"{source.name}: no image that can be read (pages are JPEG, PNG, TIFF, WebP, BMP or PDF)"
            ) from None
        except Image.DecompressionBombError:
            raise PageError(f"{source.name}: an image of more than {limits.pixels:,} pixels") from None
        except Exception as error:  # damaged headers make the readers fail in many ways
            raise PageError(f"{source.name}: a damaged image ({_first_line(error)})") from None
    with image:
        _check_size(image, source, limits)
        if image.format in _NOT_PAGES and _frames(image, source) > 1:
            raise PageError(f"{source.name}: an animation of {_frames(image, source)} frames, not a page")
        yield image


def _check_size(image: Image.Image, source: ImageSource, limits: Limits) -> None:
    width, height = image.size
    if width * height > limits.pixels:
        raise PageError(f"{source.name}: {width} x {height} pixels, more than {limits.pixels:,} in all")
    if not width or not height:
        raise PageError(f"{source.name}: an image without pixels")


def _frames(image: Image.Image, source: ImageSource) -> int:
    with _plainly(source):
        return 1 if image.format == "MPO" else int(getattr(image, "n_frames", 1))


def _seek(image: Image.Image, page: int, source: ImageSource, limits: Limits) -> None:
    count = _frames(image, source) if page else 1
    if not 0 <= page < count or page >= limits.frames:
        raise PageError(f"{source.name}: page {page + 1} was asked for, but it has {count}")
    if page:
        with _plainly(source):
            image.seek(page)
        _check_size(image, source, limits)


@contextmanager
def _plainly(source: ImageSource) -> Iterator[None]:
    """Whatever goes wrong in decoding becomes one line with the name of the file; what is odd but read is not told."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            yield
    except PageError:
        raise
    except UsageError as error:
        raise PageError(f"{source.name}: {error}") from None
    except MemoryError:
        raise PageError(f"{source.name}: not enough memory for this image") from None
    except Exception as error:  # Pillow's decoders raise many kinds for damaged data
        raise PageError(f"{source.name}: a damaged image ({_first_line(error)})") from None


def _upright(image: Image.Image) -> Image.Image:
    if image.getexif().get(ExifTags.Base.Orientation, 1) != 1:  # else this would be a copy for nothing
        image = ImageOps.exif_transpose(image)
    if image.mode == "I" or image.mode.startswith("I;16"):  # 16 bits a pixel, which Pillow would clip to 8
        image = image.convert("F").point(lambda value: value * (1 / 257) + 0).convert("L")
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        image = image.convert("RGBA")
        page = Image.new("RGBA", image.size, "white")
        page.alpha_composite(image)
        image = page
    return image.convert("RGB")


def _first_line(error: BaseException) -> str:
    return str(error).strip().split("\n")[0][:120] or type(error).__name__
