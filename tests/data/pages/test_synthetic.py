"""Made-up pages: what stands on them is what is said of them, in any script, and the same however they are made."""

from __future__ import annotations

import errno
import io
import itertools
import json
import tarfile
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pixlm import files
from pixlm.data.pages.facts import facts_of
from pixlm.data.pages.folders import read_pages
from pixlm.data.pages.synthetic.draft import Style
from pixlm.data.pages.synthetic.fields import tables
from pixlm.data.pages.synthetic.kinds import KINDS
from pixlm.data.pages.synthetic.page import Maker, Making
from pixlm.data.pages.synthetic.sheet import Fonts
from pixlm.data.pages.synthetic.texts import FOLDER, find_texts, load_texts
from pixlm.data.pages.synthetic.wear import KINDS as WEAR
from pixlm.data.pages.synthetic.wear import Wear
from pixlm.data.readers.problems import Problems
from pixlm.errors import UsageError

CLEAN = Wear(share=0)
LATIN, ARABIC, HINDI, CHINESE = "en", "ar", "hi", "zh"
SMALL = ("--size", "320", "320", "--letters", "9", "11", "--plain", "--worn", "0", "--languages", "en")
FONTS = Path(__file__).parents[2] / "golden" / "fonts"


def maker(language: str, kind: str, **changes) -> Maker:
    style = changes.pop("style", Style(size=(480, 560), letters=(10, 13)))
    settings = {"wear": CLEAN, "style": style, "kinds": ((kind, 1.0),), "image": "png", **changes}
    return Maker(Making(texts=(FOLDER / f"{language}.txt",), **settings), "train")


def ink(pixels: np.ndarray, box) -> int:
    """How far the darkest and the brightest pixel of a box are apart."""
    left, top, right, bottom = (round(side) for side in box)
    part = pixels[max(top, 0) : bottom, max(left, 0) : right].astype(int).sum(-1)
    return int(part.max() - part.min()) if part.size else 0


@pytest.mark.parametrize("language", [LATIN, ARABIC, HINDI, CHINESE])
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_in_every_script(kind, language):
    for number in range(2):
        page = maker(language, kind).page(number)
        pixels = np.asarray(page.worn.image)
        annotation = page.annotation
        assert annotation["form"]
        for line in annotation["form"]:
            assert " ".join(word["text"] for word in line["words"]) == line["text"]
            for word in line["words"]:
                left, top, right, bottom = word["box"]
                assert 0 <= left < right <= page.worn.image.width
                assert 0 <= top < bottom <= page.worn.image.height
                assert line["box"][0] <= left
                assert right <= line["box"][2]
                if any(unicodedata.category(char)[0] in "LN" for char in word["text"]):
                    assert ink(pixels, word["box"]) > 200, (kind, language, word)
        (facts,) = facts_of(annotation)
        assert facts.label == kind
        assert facts.lines == tuple(line["text"] for line in annotation["form"])
        assert sorted(leaves(annotation["tree"])) == sorted(facts.lines)


def leaves(node) -> list[str]:
    inside = node.get("children", node.get("lines"))
    if inside is not None:
        return [text for child in inside for text in leaves(child)]
    return [] if "image" in node else [node["text"]]


@pytest.mark.parametrize("kind", ["lines", "strings"])
def test_lines_are_as_long_as_asked(kind):
    lengths = []
    for number in range(40):
        making = maker(LATIN, kind, style=Style(size=(800, 200), letters=(16, 20), characters=(10, 40)))
        (line,) = making.page(number).annotation["form"]
        lengths.append(len(line["text"]))
    assert min(lengths) >= 10
    assert max(lengths) <= 40
    assert len(set(lengths)) > 15


@pytest.mark.parametrize("kind", KINDS)
def test_lines_do_not_overlap(kind):
    for number in range(3):
        lines = [line["box"] for line in maker(LATIN, kind).page(number).annotation["form"]]
        for (a, b, c, d), (e, f, g, h) in itertools.combinations(lines, 2):
            assert c <= e or g <= a or d <= f or h <= b, (kind, number)


def test_all_ink_is_in_the_box_of_a_word():
    page = maker(ARABIC, "paragraphs", style=Style(size=(480, 560), letters=(11, 13), plain=True)).page(1)
    dark = np.asarray(page.worn.image).min(-1) < 200
    for line in page.annotation["form"]:
        for word in line["words"]:
            left, top, right, bottom = (int(side) for side in word["box"])
            dark[top:bottom, max(left - 2, 0) : right + 2] = False
    assert dark.sum() < 20


def test_right_to_left_is_mirrored():
    def sides(language: str) -> list[bool]:
        """Whether the name of each item stands left of its amount."""
        found = []
        for number in range(3):
            annotation = maker(language, "receipts").page(number).annotation
            boxes = {line["text"]: line["box"] for line in annotation["form"]}
            total = tables()[language]["total"]
            found.append(boxes[total][0] < boxes[annotation["gt_parse"]["total"]][0])
        return found

    assert sides("en") == [True] * 3
    assert sides("he") == [False] * 3


def cents(text: str, decimal: str) -> int:
    digits = "".join(str(unicodedata.digit(char)) for char in text if char.isdigit())
    assert decimal in text
    return int(digits)


@pytest.mark.parametrize("language", ["en", "ar", "ru", "hi"])
@pytest.mark.parametrize("kind", ["receipts", "invoices"])
def test_sums_add_up(kind, language):
    decimal = tables()[language]["decimal"]
    with_tax = 0
    for number in range(12):
        page = maker(language, kind).page(number)
        parse = page.annotation["gt_parse"]
        shown = [line["text"] for line in page.annotation["form"]]
        amounts = []
        for item in parse["menu"]:
            assert item["price"] in shown
            amounts.append(cents(item["price"], decimal))
            if "cnt" in item:
                count = int("".join(str(unicodedata.digit(char)) for char in item["cnt"]))
                assert count * cents(item["unitprice"], decimal) == amounts[-1]
        total = cents(parse["total"], decimal)
        if "tax" in parse:
            with_tax += 1
            assert cents(parse["subtotal"], decimal) == sum(amounts)
            assert cents(parse["subtotal"], decimal) + cents(parse["tax"], decimal) == total
        else:
            assert sum(amounts) == total
        if "change" in parse:
            assert cents(parse["cash"], decimal) - cents(parse["change"], decimal) == total
    assert 0 < with_tax < 12


def test_answers_stand_on_the_page():
    asked = 0
    for kind, language in itertools.product(("forms", "tables", "invoices", "receipts"), (LATIN, CHINESE, ARABIC)):
        annotation = maker(language, kind).page(0).annotation
        text = "".join(line["text"] for line in annotation["form"]).replace(" ", "")  # long ones go over two lines
        for one in annotation["questions"]:
            asked += 1
            assert one["answers"][0].replace(" ", "") in text
    assert asked > 30


@pytest.mark.parametrize("kind", WEAR)
def test_boxes_move_with_the_page(kind):
    """Where a word was, its ink is, whatever happened to the page."""
    moved = 0
    for number in range(8):
        making = {"style": Style(size=(480, 560), letters=(12, 14), plain=True)}
        clean = maker(LATIN, "paragraphs", **making).page(number)
        worn = maker(LATIN, "paragraphs", wear=Wear(share=1, kinds=(kind,), strength=1.5), **making).page(number)
        pairs = list(zip(words(clean), words(worn), strict=True))
        assert all(before["text"] == after["text"] for before, after in pairs)
        if kind not in worn.worn.kinds:
            assert pairs[0][0]["box"] == pairs[0][1]["box"]
            continue
        moved += pairs[0][0]["box"] != pairs[0][1]["box"]
        pixels = np.asarray(worn.worn.image.convert("L")).astype(int)
        contrast = [
            np.percentile(pixels[int(top) : int(bottom), int(left) : int(right)], [2, 90])
            for left, top, right, bottom in (after["box"] for _, after in pairs)
        ]
        assert np.mean([bright - dark > 50 for dark, bright in contrast]) > 0.97
    assert bool(moved) == (kind in ("fold", "skew"))


def words(page) -> list[dict]:
    return [word for line in page.annotation["form"] for word in line["words"]]


def test_a_page_takes_a_font_that_has_its_letters():
    files = tuple(FONTS / f"{name}-Regular.ttf" for name in ("NotoSans", "NotoSansHebrew"))
    fonts = Fonts(files)
    texts = {code: load_texts([FOLDER / f"{code}.txt"], "train").texts[0] for code in ("en", "he", "hi")}
    assert fonts.choices(texts["en"].letters) == [files[0]]
    assert fonts.choices(texts["he"].letters) == [files[1]]
    assert fonts.choices(texts["hi"].letters) == [None], "the default family"
    page = maker("he", "receipts", fonts=files).page(0)  # labels and digits come from the fonts that have them
    assert all(ink(np.asarray(page.worn.image), word["box"]) > 200 for word in words(page))


def test_splits_share_no_paragraph():
    paths = find_texts((), ("en", "th"))
    splits = [
        {p for text in load_texts(paths, split).texts for p in text.passages} for split in ("train", "dev", "test")
    ]
    assert all(splits)
    assert not any(a & b for a, b in itertools.combinations(splits, 2))


def test_text_that_no_font_has_is_left_out(tmp_path):
    file = tmp_path / "a.txt"
    file.write_text(
        "\n".join(f"All of these words can be drawn, number {n}" for n in range(20)) + "\n\ue123\ue124\n" * 5
    )
    texts = load_texts([file], "train")
    assert texts.left_out == 5
    assert all("\ue123" not in passage for text in texts.texts for passage in text.passages)


def test_directions_marks_and_controls_are_not_shown(tmp_path):
    file = tmp_path / "a.txt"
    file.write_text("\n".join(f"\u202eword\u00ad number\x07 {n}\u200f" for n in range(20)))
    assert all(p.isascii() and p.isprintable() for p in load_texts([file], "train").texts[0].passages)


# ---- writing


def made(pixlm, output: Path, *arguments: object) -> tuple[int, str, str]:
    return pixlm("data", "pages", "--output", output, *SMALL, *arguments)


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != ".lock"
    }


@pytest.mark.parametrize("form", ["shards", "folder"])
def test_any_number_of_workers_makes_the_same(pixlm, tmp_path, form):
    arguments = ("--pages", "5", "--dev", "2", "--part-size", "2", "--format", form, "--worn", "0.8")
    for name, workers in (("one", "1"), ("two", "2")):
        code, out, error = made(pixlm, tmp_path / name, *arguments, "--workers", workers)
        assert code == 0, error
        assert "5 train, 2 dev pages in 4 parts (4 made now)" in out
        assert "pages/s per core" in out
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    assert made(pixlm, tmp_path / "other", *arguments, "--seed", "1")[0] == 0
    assert contents(tmp_path / "other") != contents(tmp_path / "one")


def test_both_forms_hold_the_same_pages(pixlm, tmp_path, monkeypatch):
    monkeypatch.setenv("PIXLM_CACHE", str(tmp_path / "cache"))
    for form in ("shards", "folder"):
        assert made(pixlm, tmp_path / form, "--pages", "3", "--format", form, "--image", "png")[0] == 0
    records = read_pages(tmp_path / "folder" / "train", problems=Problems())
    with tarfile.open(tmp_path / "shards" / "train-00000.tar") as archive:
        for number, record in enumerate(records):
            (facts,) = facts_of(json.load(archive.extractfile(f"{number:08}.json")))
            assert facts == record.facts
            assert facts.questions
            data = archive.extractfile(f"{number:08}.png").read()
            assert Image.open(io.BytesIO(data)).size == Image.open(record.image.open()).size


def test_an_interrupted_run_goes_on(pixlm, tmp_path, monkeypatch):

    arguments = ("--pages", "6", "--part-size", "2")
    assert made(pixlm, tmp_path / "whole", *arguments)[0] == 0
    broken, done = tmp_path / "broken", []
    add = tarfile.TarFile.addfile

    def full(self, info, file=None):
        done.append(info.name)
        if len(done) > 7:
            raise OSError(errno.ENOSPC, "No space left on device")
        add(self, info, file)

    with monkeypatch.context() as patch:
        patch.setattr(tarfile.TarFile, "addfile", full)
        code, _, error = made(pixlm, broken, *arguments)
    assert code == 1
    assert error.count("\n") == 1
    assert "No space left on device; finished parts are kept" in error
    first = (broken / "train-00000.tar").stat()
    assert not (broken / "train-00001.tar").exists()
    (broken / ".train-00001.tar.1.partial").write_bytes(b"of a process that was killed")
    code, out, error = made(pixlm, broken, *arguments)
    assert code == 0, error
    assert "(2 made now)" in out
    assert (broken / "train-00000.tar").stat().st_mtime_ns == first.st_mtime_ns
    assert contents(broken) == contents(tmp_path / "whole")
    with files.lock(broken / ".lock"):
        assert "another process is writing there" in made(pixlm, broken, *arguments)[2]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--pages", "0"), "no pages asked for"),
        (("--pages", "-1"), "--pages -1"),
        (("--kinds", "poems"), "--kinds poems: no such kind"),
        (("--kinds", "forms=x"), "is no weight"),
        (("--kinds", "forms=-1"), "must be above 0"),
        (("--size", "20", "20"), "128 to 8000"),
        (("--letters", "40", "48"), "too narrow"),
        (("--letters", "11", "9"), "the smaller first"),
        (("--worn", "2"), "--worn 2.0"),
        (("--strength", "-1"), "--strength"),
        (("--wear", "mould"), "--wear mould"),
        (("--workers", "0"), "--workers 0"),
        (("--part-size", "0"), "--part-size 0"),
        (("--seed", "-1"), "--seed -1"),
        (("--languages", "tlh"), "--languages tlh"),
        (("--text", "nowhere.txt"), "--languages chooses"),
        (("--fonts", "nowhere.ttf"), "cannot read the font file"),
        (("--words", "nowhere.yaml"), "nowhere.yaml"),
        (("--characters", "9", "3"), "--characters 9 3"),
    ],
)
def test_bad_flags_are_one_line(pixlm, tmp_path, monkeypatch, arguments, said):
    monkeypatch.chdir(tmp_path)
    code, _, error = made(pixlm, tmp_path / "out", *arguments)
    assert code == 2
    assert said in error
    assert error.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_bad_files_are_one_line(pixlm, tmp_path):
    folder = tmp_path / "full"
    folder.mkdir()
    (folder / "diary.txt").write_text("mine")
    assert "holds diary.txt" in made(pixlm, folder, "--pages", "1")[2]
    assert made(pixlm, tmp_path / "out", "--pages", "1")[0] == 0
    code, _, error = made(pixlm, tmp_path / "out", "--pages", "1", "--kinds", "lists")
    assert (code, error.count("\n")) == (2, 1)
    assert "made with other kinds" in error
    bad = tmp_path / "bad.txt"
    bad.write_bytes(b"\xff\xfe\xfd\n")
    plain = ("--size", "320", "320", "--letters", "9", "11")
    for file, said in ((bad, "UTF-"), (tmp_path / "none.txt", "no such file")):
        code, _, error = pixlm("data", "pages", "--output", tmp_path / "x", *plain, "--text", file)
        assert code == 2
        assert said in error


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("[1]", "a table of words for each language"),
        ("en: 3", "en is no table"),
        ("en: {totl: x}", "has 'totl'"),
        ("en: {total: [x]}", "total must be"),
        ("en: {digits: '012'}", "ten characters"),
        ("a: [", "no YAML"),
    ],
)
def test_bad_tables_of_words(tmp_path, table, said):
    file = tmp_path / "words.yaml"
    file.write_text(table)
    with pytest.raises(UsageError, match=said.replace("[", r"\[")):
        tables(file)
