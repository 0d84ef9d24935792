"""Pages of PDF files, drawn by PDFium (extra ``documents``)."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

from PIL import Image

from pixlm.errors import UsageError

_POINTS = 72  # per inch


def is_pdf(file: BinaryIO) -> bool:
    """Whether a file says that it is a PDF (its mark may stand anywhere in the first 1024 bytes)."""
    head = file.read(1024)
    file.seek(0)
    return b"%PDF-" in head


def count(data: bytes) -> int:
    """How many pages a PDF has."""
    with _document(data) as document:
        return len(document)


def draw(data: bytes, page: int, *, dpi: int, most_pixels: int) -> Image.Image:
    """One page (from 0) as RGB at ``dpi`` pixels an inch.

    Raises:
        UsageError: no readable PDF, one with a password, a page that is not there, or one that would have more than
            ``most_pixels``.
    """
    with _document(data) as document:
        if not 0 <= page < len(document):
            raise UsageError(f"page {page + 1} was asked for, but it has {len(document)}")
        leaf = document[page]
        try:
            width, height = leaf.get_size()
            size = math.ceil(width * dpi / _POINTS), math.ceil(height * dpi / _POINTS)
            if size[0] * size[1] > most_pixels or not all(size):
                raise UsageError(
                    f"page {page + 1} has {size[0]} x {size[1]} pixels at {dpi} dpi; at most {most_pixels:,} are drawn"
                )
            return leaf.render(scale=dpi / _POINTS).to_pil().convert("RGB")
        finally:
            leaf.close()


def text_layers(data: bytes) -> list[list[str]]:
    """The lines of each page's text layer, blank ones left out."""
    with _document(data) as document:
        return [_lines(document[number]) for number in range(len(document))]


def _lines(leaf: Any) -> list[str]:
    try:
        layer = leaf.get_textpage()
        # A hyphen at the end of a line comes as U+FFFE.
        text = layer.get_text_range().replace("\ufffe", "-").replace("\r", "\n")
        layer.close()
        return [line.strip() for line in text.split("\n") if line.strip()]
    finally:
        leaf.close()


@contextmanager
def _document(data: bytes) -> Iterator[Any]:
    try:
        import pypdfium2
    except ImportError:
        raise UsageError('PDF files need PDFium: pip install "pixlm[documents]"') from None
    try:
        document = pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as error:
        if "password" in str(error).lower():
            raise UsageError("a PDF with a password; save it without one") from None
        raise UsageError(f"no readable PDF ({str(error).strip()[:80]})") from None
    try:
        yield document
    except pypdfium2.PdfiumError as error:
        raise UsageError(f"a damaged PDF ({str(error).strip()[:80]})") from None
    finally:
        document.close()
