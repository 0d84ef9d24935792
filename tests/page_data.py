"""Small pages and folders of documents, made as tests need them."""

from __future__ import annotations

import io
import json
import struct
import zlib
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw


def page(text: str = "", size: tuple[int, int] = (60, 80), colour: str = "white") -> Image.Image:
    """A page with a text in Pillow's own font."""
    image = Image.new("RGB", size, colour)
    ImageDraw.Draw(image).text((4, 4), text, fill="black")
    return image


def encoded(image: Image.Image, format: str = "PNG", **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, format, **options)
    return file.getvalue()


def frames(format: str, count: int = 3) -> bytes:
    pages = [page(str(number), colour=colour) for number, colour in zip(range(count), _COLOURS, strict=False)]
    return encoded(pages[0], format, save_all=True, append_images=pages[1:])


_COLOURS = ("red", "lime", "blue")


def png_header(width: int, height: int) -> bytes:
    """A PNG that says how large it is, and holds next to nothing."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")


def pdf(texts: list[str], size: tuple[int, int] = (200, 100)) -> bytes:
    """A PDF with a line of text on each page."""
    count = len(texts)
    kids = " ".join(f"{4 + 2 * number} 0 R" for number in range(count))
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {count} >>",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    for number, text in enumerate(texts):
        stream = f"BT /F1 18 Tf 10 50 Td ({text}) Tj ET"
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {size[0]} {size[1]}] /Contents {5 + 2 * number} 0 R "
            "/Resources << /Font << /F1 3 0 R >> >> >>"
        )
        objects.append(f"<< /Length {len(stream)} >>\nstream\n{stream}\nendstream")
    body = "%PDF-1.4\n"
    offsets = []
    for number, content in enumerate(objects, start=1):
        offsets.append(len(body))
        body += f"{number} 0 obj\n{content}\nendobj\n"
    table = "".join(f"{offset:010d} 00000 n \n" for offset in offsets)
    end = f"trailer\n<< /Size {len(objects) + 1} /Root 1 0 R >>\nstartxref\n{len(body)}\n%%EOF\n"
    return (body + f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}{end}").encode("latin-1")


RECEIPTS = (
    {"menu": [{"nm": "tea", "price": "2"}, {"nm": "cake", "price": "3"}], "total": {"total_price": "5"}},
    {"menu": {"nm": "soup", "price": "4"}, "total": {"total_price": "4"}},
    {"total": {"total_price": "7"}},
)


def receipts(folder: Path, splits: tuple[str, ...] = ("train", "validation", "test")) -> Path:
    """A data set in Donut's layout, three receipts a split."""
    for split in splits:
        (folder / split).mkdir(parents=True)
        rows = []
        for number, parse in enumerate(RECEIPTS):
            page(parse["total"]["total_price"]).save(folder / split / f"{number}.png")
            truth = json.dumps({"gt_parse": parse, "text_lines": ["Shop", f"Total {number}"]})
            rows.append(json.dumps({"file_name": f"{number}.png", "ground_truth": truth}))
        (folder / split / "metadata.jsonl").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return folder
