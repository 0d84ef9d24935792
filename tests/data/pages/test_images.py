"""Opening pages: what is read, and what is refused before anything is decoded."""

from __future__ import annotations

import time
import tracemalloc

import pytest
from PIL import Image

from page_data import encoded, frames, page, pdf, png_header
from pixlm.data.pages.example import BytesImage, FileImage
from pixlm.data.pages.images import Limits, PageError, check_page, open_page


def opened(data: bytes, number: int = 0, **options) -> Image.Image:
    return open_page(BytesImage(data, "page.x"), number, **options)


@pytest.mark.parametrize("format", ["PNG", "JPEG", "TIFF", "WEBP", "BMP", "GIF", "PPM"])
def test_formats(format):
    image = opened(encoded(page("a", colour="lime"), format))
    assert (image.mode, image.size) == ("RGB", (60, 80))
    assert image.getpixel((50, 70))[1] > 240
    assert check_page(BytesImage(encoded(page(), format))) == 1


@pytest.mark.parametrize(
    ("image", "colour"),
    [
        (Image.new("RGBA", (4, 4), (0, 0, 0, 0)), 255),
        (Image.new("LA", (4, 4), (0, 0)), 255),
        (Image.new("I;16", (4, 4), 257 * 90), 90),
        (Image.new("L", (4, 4), 90), 90),
        (Image.new("1", (4, 4), 1), 255),
        (Image.new("CMYK", (4, 4), (0, 0, 0, 0)), 255),
    ],
)
def test_modes(image, colour):
    assert opened(encoded(image, "TIFF" if image.mode == "CMYK" else "PNG")).getpixel((1, 1)) == (colour,) * 3


def test_turned_by_its_mark():
    turned = page("up", (60, 80))
    marks = Image.Exif()
    marks[0x0112] = 6  # the camera was held upright
    assert opened(encoded(turned, "JPEG", exif=marks)).size == (80, 60)


def test_pages_of_a_tiff():
    data = frames("TIFF")
    assert check_page(BytesImage(data)) == 3
    assert [opened(data, number).getpixel((50, 70)) for number in range(3)] == [(255, 0, 0), (0, 255, 0), (0, 0, 255)]
    with pytest.raises(PageError, match="page 4 was asked for, but it has 3"):
        opened(data, 3)


def test_pages_of_a_pdf():
    data = pdf(["first", "second"])
    assert check_page(BytesImage(data)) == 2
    assert opened(data, 0, dpi=72).size == (200, 100)
    assert opened(data, 0, dpi=144).size == (400, 200)
    assert opened(data, 0).tobytes() != opened(data, 1).tobytes()
    with pytest.raises(PageError, match="page 3 was asked for, but it has 2"):
        opened(data, 2)
    with pytest.raises(PageError, match="pixels at 150 dpi"):
        opened(pdf(["x"], size=(14000, 14000)))


PASSWORD = (
    b"%PDF-1.4\n1 0 obj\n<< /Type /Catalog /Pages 2 0 R >>\nendobj\n2 0 obj\n<< /Type /Pages /Kids [] /Count 0 >>\n"
    b"endobj\n3 0 obj\n<< /Filter /Standard /V 1 /R 2 /P -4 /O <" + b"00" * 32 + b"> /U <" + b"11" * 32 + b"> >>\n"
    b"endobj\ntrailer\n<< /Size 4 /Root 1 0 R /Encrypt 3 0 R /ID [<00> <00>] >>\n%%EOF\n"
)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "is empty"),
        (b"no image at all, but some text", "no image that can be read"),
        (encoded(page("x" * 8), "JPEG")[:400], "damaged image"),
        (encoded(page("x" * 8), "PNG")[:120], "damaged image"),
        (encoded(page("x" * 8), "TIFF")[:200], "damaged image|no image"),
        (png_header(65500, 65500), "more than 80,000,000 pixels"),
        (png_header(65500, 2000), "65500 x 2000 pixels, more than"),
        (png_header(50, 50), "damaged image"),
        (frames("GIF"), "animation of 3 frames"),
        (frames("PNG"), "animation of 3 frames"),
        (frames("WEBP"), "animation of 3 frames"),
        (pdf(["x"])[:300], "no readable PDF|damaged PDF"),
        (b"%PDF-1.4 and nothing else", "no readable PDF"),
        (PASSWORD, "password"),
    ],
)  # fmt: skip
def test_refused(data, message):
    tracemalloc.start()
    start = time.monotonic()
    with pytest.raises(PageError, match=message) as error:
        opened(data)
    assert time.monotonic() - start < 5
    assert tracemalloc.get_traced_memory()[1] < 50_000_000
    tracemalloc.stop()
    assert "\n" not in str(error.value)
    assert str(error.value).startswith("page.x: ")


def test_bombs_are_seen_in_the_header_alone():
    with pytest.raises(PageError, match="more than"):
        check_page(BytesImage(png_header(30000, 30000)))
    with pytest.raises(PageError, match="bytes, more than 100"):
        check_page(BytesImage(b"x" * 101), limits=Limits(bytes=100))
    large_frame = encoded(page(), "TIFF", save_all=True, append_images=[page(size=(300, 400))])
    source = BytesImage(large_frame, "two.tif")
    limits = Limits(pixels=10_000)
    assert open_page(source, 0, limits=limits).size == (60, 80)
    with pytest.raises(PageError, match="300 x 400 pixels"):
        open_page(source, 1, limits=limits)


def test_missing_files(tmp_path):
    with pytest.raises(PageError, match="no such file"):
        open_page(FileImage(tmp_path / "x.png"))
    with pytest.raises(PageError, match="cannot be read"):
        open_page(FileImage(tmp_path))


def test_a_stretch_of_a_file(tmp_path):
    data = encoded(page())
    (tmp_path / "x").write_bytes(b"before" + data + b"behind")
    source = FileImage(tmp_path / "x", offset=6, size=len(data), member="a/b.png")
    assert open_page(source).size == (60, 80)
    assert source.name.endswith("x:a/b.png")
