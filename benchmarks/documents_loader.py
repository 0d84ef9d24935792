"""How fast pages come from tar shards: pixlm against plain tarfile and Pillow, side by side in one run.

    python benchmarks/documents_loader.py                        # pages drawn from text that ships with the repository
    python benchmarks/documents_loader.py --images ../shared/data/documents/sroie/train/img

Every row reads all pages of one archive; rows take turns, and the best of the rounds counts. The plain rows do the
least that can be done: no check of the header, no limit, no random access. The last two rows also bring the page to
Donut's canvas, as float32 in -1..1.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image
from rich.console import Console
from rich.table import Table

from pixlm import TextRenderer
from pixlm.data.pages.canvas import to_canvas
from pixlm.data.pages.images import open_page
from pixlm.data.pages.shards.examples import ShardExamples
from pixlm.data.pages.shards.stream import Tolerance, stream_records
from pixlm.data.readers.problems import Problems
from pixlm.tasks import find_task

TEXTS = Path(__file__).resolve().parent.parent / "demo" / "data" / "text" / "vi.train.txt"
CANVAS = (640, 480)


def drawn_pages(count: int) -> Iterator[bytes]:
    """Pages of text as grey JPEGs of 640 x 1200 pixels."""
    renderer = TextRenderer(font_size=14, dpi=120)
    lines = TEXTS.read_text(encoding="utf-8").splitlines()
    for number in range(count):
        text = "\n".join(lines[number * 20 % max(len(lines) - 20, 1) :][:20])
        page = renderer.render_page(text, size=(640, 1200))
        yield jpeg(Image.fromarray(page.pixel_values))


def jpeg(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=72)
    return file.getvalue()


def make_shard(path: Path, pages: list[bytes]) -> None:
    with tarfile.open(path, "w") as tar:
        for number, data in enumerate(pages):
            text = json.dumps({"pages": [{"text": [f"page {number}"]}]}).encode()
            for suffix, content in (("jpg", data), ("json", text)):
                info = tarfile.TarInfo(f"{number:05d}.{suffix}")
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))


def plain(path: Path) -> Iterator[Image.Image]:
    with tarfile.open(path) as tar:
        for member in tar:
            opened = tar.extractfile(member)
            assert opened is not None
            data = opened.read()
            if member.name.endswith(".json"):
                json.loads(data)
            else:
                yield Image.open(io.BytesIO(data)).convert("RGB")


def streamed(path: Path) -> Iterator[Image.Image]:
    for (record,) in stream_records(str(path), Tolerance("raise")):
        yield open_page(record.image)


def indexed(path: Path) -> Iterator[Image.Image]:
    """In random order, which a tar archive by itself does not allow."""
    examples = ShardExamples([str(path)], find_task("ocr").examples, labelled=True, problems=Problems())  # type: ignore[attr-defined]
    for index in np.random.default_rng(0).permutation(len(examples)):
        yield open_page(examples[int(index)].image)


def plain_canvas(image: Image.Image) -> np.ndarray:
    """Pillow's thumbnail on a black page."""
    image = image.resize((CANVAS[1], max(CANVAS[1] * image.height // image.width, 1)), Image.Resampling.BILINEAR)
    image.thumbnail((CANVAS[1], CANVAS[0]))
    page = Image.new("RGB", (CANVAS[1], CANVAS[0]))
    page.paste(image, ((CANVAS[1] - image.width) // 2, (CANVAS[0] - image.height) // 2))
    return np.moveaxis(np.asarray(page), -1, 0).astype(np.float32) / 127.5 - 1


def own_canvas(image: Image.Image) -> np.ndarray:
    return (to_canvas(image, CANVAS, "donut") - 0.5) / 0.5


Read = Callable[[Path], Iterator[Image.Image]]


def all_of(pages: Read, finish: Callable[[Image.Image], object]) -> Callable[[Path], int]:
    """How many pages were read and finished."""
    return lambda path: sum(finish(page) is not None for page in pages(path))


def size_of(image: Image.Image) -> tuple[int, int]:
    return image.size


ROWS: list[tuple[str, Callable[[Path], int], str]] = [
    ("tarfile + Pillow", all_of(plain, size_of), ""),
    ("pixlm, streamed", all_of(streamed, size_of), "tarfile + Pillow"),
    ("pixlm, indexed, random order", all_of(indexed, size_of), "tarfile + Pillow"),
    ("tarfile + Pillow, Donut's canvas", all_of(plain, plain_canvas), ""),
    ("pixlm, indexed, Donut's canvas", all_of(indexed, own_canvas), "tarfile + Pillow, Donut's canvas"),
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, help="folder of JPEG files; default pages drawn for the purpose")
    parser.add_argument("--pages", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    if options.images:
        files = sorted(options.images.glob("*.jpg"))
        pages = [files[number % len(files)].read_bytes() for number in range(options.pages)]
    else:
        pages = list(drawn_pages(options.pages))
    best = dict.fromkeys((name for name, _, _ in ROWS), float("inf"))
    with tempfile.TemporaryDirectory() as folder:
        os.environ["PIXLM_CACHE"] = folder
        path = Path(folder) / "shard.tar"
        make_shard(path, pages)
        for _ in range(options.rounds):
            for name, read, _ in ROWS:
                start = time.perf_counter()
                assert read(path) == len(pages)
                best[name] = min(best[name], time.perf_counter() - start)
    table = Table(
        "way", "pages/s", "time against plain", title=f"{len(pages)} pages, {sum(map(len, pages)) >> 10:,} KiB"
    )
    for name, _, against in ROWS:
        ratio = f"{best[name] / best[against]:.2f}" if against else ""
        table.add_row(name, f"{len(pages) / best[name]:,.0f}", ratio)
    Console().print(table)


if __name__ == "__main__":
    main()
