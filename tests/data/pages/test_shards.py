"""WebDataset shards: names, order, samples, and archives that mean no good."""

from __future__ import annotations

import io
import json
import pickle
import random
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from golden_documents import cases, name_of
from page_data import encoded, frames, page, pdf, png_header
from pixlm.data.pages.example import DocumentExample
from pixlm.data.pages.naming import PAGES
from pixlm.data.pages.shards.archive import ShardError
from pixlm.data.pages.shards.examples import ShardExamples
from pixlm.data.pages.shards.index import Shard, load_index
from pixlm.data.pages.shards.intervals import (
    Intervals,
    batches_per_interval,
    resampled_shards,
    shard_order,
    split_by_node_and_worker,
)
from pixlm.data.pages.shards.names import expand
from pixlm.data.pages.shards.stream import PageStream, Tolerance, fetched, open_stream
from pixlm.data.readers.problems import Problems
from pixlm.data.sampler import BatchSampler
from pixlm.data.splits import find
from pixlm.errors import RunError, UsageError
from pixlm.tasks import find_task

OCR = find_task("ocr")


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("PIXLM_CACHE", str(tmp_path / "cache"))


def archive(path: Path, files: list[tuple[str, bytes]], mode: str = "w") -> str:
    with tarfile.open(path, mode) as tar:
        for name, data in files:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return str(path)


def sample(number: int, **more: Any) -> list[tuple[str, bytes]]:
    key = f"{number:04d}"
    text = json.dumps({"pages": [{"text": [f"page {number}"]}], **more}).encode()
    return [(f"{key}.png", encoded(page(str(number)))), (f"{key}.json", text)]


def shards(folder: Path, count: int = 4, each: int = 5) -> list[str]:
    for shard in range(count):
        files = [file for number in range(each) for file in sample(shard * each + number)]
        archive(folder / f"shard-{shard:03d}.tar", files)
    return expand(str(folder / f"shard-{{000..{count - 1:03d}}}.tar"))


def examples(names: list[str], **options: Any) -> ShardExamples:
    problems = options.pop("problems", Problems())
    return ShardExamples(names, OCR.examples, labelled=True, problems=problems, **options)


def texts(found: Any) -> list[str]:
    return [one.targets[0] for one in found]


# Names and order


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("a.tar", ["a.tar"]),
        ("a-{08..11}.tar", ["a-08.tar", "a-09.tar", "a-10.tar", "a-11.tar"]),
        ("{a,b}-{0..1}.tar", ["a-0.tar", "a-1.tar", "b-0.tar", "b-1.tar"]),
        ("{0..6..3}", ["0", "3", "6"]),
        ("{2..0}", ["2", "1", "0"]),
        ("a.tar::s3://b/{0..1}.tar", ["a.tar", "s3://b/0.tar", "s3://b/1.tar"]),
        ("pipe:cat {0..1}.tar", ["pipe:cat 0.tar", "pipe:cat 1.tar"]),
    ],
)
def test_names(source, names):
    assert expand(source) == names


@pytest.mark.parametrize("source", ["", "::", "{0..99999999}", "{0..3..0}", "{x}", "{0..999}{0..999}{0..999}"])
def test_names_that_make_no_sense(source):
    with pytest.raises(UsageError):
        expand(source)


def test_a_list_of_shards(tmp_path):
    (tmp_path / "train.shards").write_text("# comment\nx-{0..1}.tar\ns3://bucket/y.tar\n\n")
    names = expand(str(tmp_path / "train.shards"))
    assert names == [str(tmp_path / "x-0.tar"), str(tmp_path / "x-1.tar"), "s3://bucket/y.tar"]
    (tmp_path / "loop.shards").write_text("loop.shards\n")
    with pytest.raises(UsageError, match="line 1: a list of lists"):
        expand(str(tmp_path / "loop.shards"))


@pytest.mark.parametrize("case", cases("data_order"), ids=name_of)
def test_recorded_order(case):
    given, wanted = case["input"], case["output"]
    match case["kind"]:
        case "shuffled_shards" | "shuffled_shards_sub_intervals":
            parts = given.get("num_sub_intervals", 1)
            found = shard_order(expand(given["urls"]), seed=given["seed"], interval=given["interval"], parts=parts)
        case "resampled_shards":
            found = resampled_shards(
                expand(given["urls"]),
                seed=given["worker_seed"],
                interval=given["interval"],
                count=given["count"],
                weights=given["weights"],
            )
        case "train_batch_count":
            batches, samples = batches_per_interval(
                given["num_samples"],
                batch_size=given["batch_size"],
                workers=given["workers"],
                world=given["world_size"],
                rounding=given["round"],
            )
            found = {"num_batches": batches, "num_samples": samples}
        case "page_choice_sequence":
            rng = random.Random(given["seed"])
            found = [rng.randint(0, given["num_pages"] - 1) for _ in range(given["draws"])]
    assert found == wanted


def test_weights_of_shards():
    drawn = resampled_shards(["a", "b"], seed=1, interval=2, count=400, weights=[1, 3])
    assert 0.68 < drawn.count("b") / 400 < 0.82


def test_shares_of_nodes_and_workers():
    names = [str(number) for number in range(8)]
    shares = [
        split_by_node_and_worker(names, rank=rank, world=2, worker=worker, workers=3)
        for rank in range(2)
        for worker in range(3)
    ]
    assert sorted(name for share in shares for name in share) == names
    assert all(shares)
    with pytest.raises(UsageError, match="8 shards for 3 processes with 4 workers"):
        split_by_node_and_worker(names, world=3, workers=4)


@pytest.mark.parametrize("replacement", [False, True])
def test_intervals_are_a_function_of_their_number(replacement):
    made = [Intervals([5, 0, 7, 3], seed=1, samples=4, replacement=replacement, stretch=2) for _ in range(2)]
    for interval in (3, 0, 11):
        first, second = (one.rows(interval) for one in made)
        assert np.array_equal(first[0], second[0])
        assert np.array_equal(first[1], second[1])
        assert len(first[0]) == 4
    if not replacement:
        seen = np.concatenate([made[0].rows(interval)[0] for interval in range(15)])
        for number in range(4):
            assert sorted(seen[15 * number : 15 * number + 15].tolist()) == list(range(15))
        visits = np.concatenate([made[0].rows(interval)[1] for interval in range(15)])
        assert visits.tolist() == [number // 15 for number in range(60)]
    else:
        assert len({tuple(made[0].rows(interval)[0]) for interval in range(10)}) > 1


def test_weights_of_indexed_shards():
    drawn = Intervals([10, 10], seed=0, samples=2000, replacement=True, weights=[1, 0]).rows(0)[0]
    assert drawn.max() < 10
    for wrong in ([1], [1, -1], [0, 0]):
        with pytest.raises(UsageError, match="weights"):
            Intervals([10, 10], seed=0, replacement=True, weights=wrong)
    with pytest.raises(UsageError, match="no sample"):
        Intervals([0], seed=0)
    with pytest.raises(UsageError, match="must be 1 or more"):
        Intervals([5], seed=0, samples=0)


def test_the_batch_sampler_takes_intervals_and_resumes():
    intervals = Intervals([5, 7, 3], seed=1, samples=8)
    options = {"batch_size": 4, "micro_batch_size": 2, "steps": 6, "seed": 0, "world": 2}
    straight = [list(BatchSampler(intervals, rank=rank, **options)) for rank in range(2)]
    for rank in range(2):
        resumed = list(BatchSampler(intervals, rank=rank, first_step=3, **options))
        assert resumed == straight[rank][3:]
    first = [draw.index for step in range(2) for rank in range(2) for draw in straight[rank][step]]
    assert sorted(first) == sorted(intervals.rows(0)[0].tolist())


# Samples


def test_samples(tmp_path):
    found = examples(shards(tmp_path))
    assert (len(found), found.sizes) == (20, [5, 5, 5, 5])
    assert texts(found) == [f"page {number}" for number in range(20)]
    assert texts(found[17:19]) == ["page 17", "page 18"]
    assert found[-1].id == "0019"
    assert OCR.sample(found[7], None).image.tobytes() == page("7").tobytes()
    thawed = pickle.loads(pickle.dumps(found))
    assert thawed[7].targets == ("page 7",)
    with pytest.raises(IndexError):
        found[20]


def test_the_index_is_made_once(tmp_path, monkeypatch):
    names = shards(tmp_path, count=1)
    first = load_index(Shard(names[0]))
    monkeypatch.setattr(tarfile, "open", None)
    assert load_index(Shard(names[0])) == first
    monkeypatch.undo()
    monkeypatch.setenv("PIXLM_CACHE", str(tmp_path / "cache"))
    (stored,) = (tmp_path / "cache" / "shards").iterdir()
    stored.write_bytes(b"damaged")
    assert load_index(Shard(names[0])) == first
    archive(tmp_path / "shard-000.tar", sample(99))
    assert [one.key for one in load_index(Shard(names[0])).samples] == ["0099"]


def test_kinds_of_images_and_annotations(tmp_path):
    two = json.dumps({"pages": [{"text": ["one"]}, {"text": []}, {"text": ["three"]}]}).encode()
    name = archive(
        tmp_path / "a.tar",
        [
            ("dir/a.tif", frames("TIFF")),
            ("dir/a.json", two),
            ("dir/._a.json", b"what macOS adds"),
            ("b.jpg", encoded(page("b"), "JPEG")),
            ("b.png", encoded(page("b"))),
            ("b.txt", b"first\nsecond\n"),
            ("c.pdf", pdf(["c"])),
            ("c.json", json.dumps(["id", {"pages": [{"text": ["c"]}]}]).encode()),
        ],
    )
    document, picture, portable = examples([name])
    assert isinstance(document, DocumentExample)
    assert [(one.page, one.targets) for one in document.pages] == [(0, ("one",)), (2, ("three",))]
    rng = [np.random.default_rng(seed) for seed in range(20)]
    assert {OCR.sample(document, one).target for one in rng} == {"one", "three"}
    assert OCR.sample(document, None).image.getpixel((50, 70)) == (255, 0, 0)
    assert picture.targets == ("first\nsecond",)
    assert picture.image.name.endswith("a.tar:b.png")
    assert OCR.sample(portable, None, dpi=72).image.size == (200, 100)


def test_object_stores(tmp_path):
    import fsspec

    names = shards(tmp_path, count=1)
    with fsspec.open("memory://bucket/x-0.tar", "wb") as file:
        file.write(Path(names[0]).read_bytes())
    found = examples(expand("memory://bucket/x-{0..0}.tar"))
    assert texts(found) == texts(examples(names))
    assert OCR.sample(found[3], None).image.tobytes() == page("3").tobytes()
    with pytest.raises(ShardError, match="no such file"):
        examples(["memory://bucket/none.tar"])
    with pytest.raises(ShardError, match="nonesuch"):
        examples(["nonesuch://bucket/none.tar"])


def test_splits_in_shards(tmp_path):
    for split in ("train", "val"):
        for number in range(2):
            archive(tmp_path / f"{split}-{number}.tar", sample(number))
    sources = find(str(tmp_path), {}, PAGES)
    assert [path.name for path in sources.train] == ["train-0.tar", "train-1.tar"]
    assert [path.name for path in sources.dev] == ["val-0.tar", "val-1.tar"]
    assert len(OCR.read(sources.train)) == 2
    named = find(None, {"train": str(tmp_path / "train-{0..1}.tar")}, PAGES)
    assert named.train == sources.train
    assert find(str(tmp_path / "train-{0..1}.tar"), {}, PAGES).train == sources.train
    with pytest.raises(UsageError, match=r"train-2\.tar: no such file"):
        find(None, {"train": str(tmp_path / "train-{0..2}.tar")}, PAGES)
    with pytest.raises(UsageError, match=r"train\.shards"):
        find(None, {"train": "s3://bucket/x.tar"}, PAGES)


def test_shards_without_a_split_are_for_training(tmp_path):
    shards(tmp_path, count=2)
    assert len(find(str(tmp_path), {}, PAGES).train) == 2


# Streams


@pytest.mark.parametrize("replacement", [False, True])
def test_streams(tmp_path, replacement):
    names = shards(tmp_path)
    stream = PageStream(names, OCR.examples, seed=3, replacement=replacement, buffer=4)
    first = texts(stream.interval(1))
    assert first == texts(stream.interval(1))
    assert first != texts(stream.interval(2))
    if not replacement:
        assert sorted(first) == sorted(f"page {number}" for number in range(20))
        parts = [
            texts(stream.interval(1, rank=rank, world=2, worker=worker, workers=2))
            for rank in (0, 1)
            for worker in (0, 1)
        ]
        assert sorted(text for part in parts for text in part) == sorted(first)


def test_an_interval_may_be_longer_than_its_shards(tmp_path):
    stream = PageStream(shards(tmp_path, count=1), OCR.examples, count=12)
    found = texts(stream.interval(0))
    assert len(found) == 12
    assert len(set(found)) == 5


def test_commands_are_run_only_when_allowed(tmp_path):
    (name,) = shards(tmp_path, count=1)
    mark = tmp_path / "was-run"
    command = f"pipe:touch {mark}; cat {name}"
    for refused in (lambda: fetched(command), lambda: list(PageStream([command], OCR.examples).interval(0))):
        with pytest.raises(UsageError, match="allow-commands"):
            refused()
    assert not mark.exists()
    assert len(list(PageStream([command], OCR.examples, commands=True).interval(0))) == 5
    assert mark.exists()
    (tmp_path / "train.shards").write_text(command + "\n")
    found = OCR.read([tmp_path / "train.shards"], problems=Problems(commands=True))
    assert texts(found) == texts(examples([name]))
    mark.unlink()
    OCR.read([tmp_path / "train.shards"], problems=Problems(commands=True))
    assert not mark.exists()  # kept from the first time


def test_commands_that_fail(tmp_path):
    (name,) = shards(tmp_path, count=1)
    for command in ("pipe:exit 3", f"pipe:cat {name}; exit 3", f"pipe:head -c 700 {name}; exit 3"):
        with pytest.raises(ShardError, match="exit code 3"):
            fetched(command, commands=True)
    assert not list((tmp_path / "cache" / "fetched").glob("*.tar"))
    tolerance = Tolerance("raise")
    with pytest.raises(UsageError, match="exit code 3"):
        list(PageStream(["pipe:exit 3"], OCR.examples, commands=True, tolerance=tolerance).interval(0))
    with open_stream(f"pipe:yes | cat - {name}", commands=True) as file:
        assert file.read(1) == b"y"  # what is left of an endless command is ended


def test_compressed_archives_are_streams(tmp_path):
    name = archive(tmp_path / "a.tar.gz", [*sample(1), *sample(2)], "w:gz")
    assert sorted(texts(PageStream([name], OCR.examples).interval(0))) == ["page 1", "page 2"]
    with pytest.raises(ShardError, match="no tar archive"):
        examples([name])


# Archives that mean no good


def link(name: str, kind: bytes, target: str) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


class Evil:
    def __reduce__(self):
        return (Path.touch, (Path("evil-was-here"),))


def hostile(path: Path, name: str, data: bytes = b"x") -> str:
    return archive(path, [*sample(1), (name, data), *sample(3)])


BAD: dict[str, tuple[list[tuple[str, bytes]], str]] = {
    "up": ([("../0002.png", encoded(page())), ("../0002.txt", b"x")], "leads out of its folder"),
    "absolute": ([("/0002.png", encoded(page())), ("/0002.txt", b"x")], "leads out of its folder"),
    "backslash": ([("x\\..\\0002.png", encoded(page())), ("x\\..\\0002.txt", b"x")], "leads out of its folder"),
    "pickle": ([("0002.png", encoded(page())), ("0002.pkl", pickle.dumps(Evil()))], "serialised Python object"),
    "torch": ([("0002.png", encoded(page())), ("0002.target.PTH", b"x")], "serialised Python object"),
    "twice": ([("0002.png", encoded(page())), ("0002.png", b"x"), ("0002.txt", b"x")], "two files 0002.png"),
    "no image": ([("0002.txt", b"x")], "no image"),
    "again": ([("0002.png", encoded(page())), ("0002.txt", b"x"), *sample(4), ("0002.txt", b"y")], "0002"),
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_members(tmp_path, monkeypatch, kind):
    monkeypatch.chdir(tmp_path)
    files, message = BAD[kind]
    name = archive(tmp_path / "a.tar", [*sample(1), *files, *sample(3)])
    good = ["page 1", "page 3"] if kind != "again" else ["page 1", "x", "page 4", "page 3"]
    with pytest.raises(UsageError, match=message) as error:
        examples([name])
    assert "\n" not in str(error.value)
    problems = Problems(on_error="skip")
    assert texts(examples([name], problems=problems)) == good
    assert problems.skipped == 1
    with pytest.raises(UsageError, match=message):
        list(PageStream([name], OCR.examples, tolerance=Tolerance("raise")).interval(0))
    stream = PageStream([name], OCR.examples)
    assert sorted(texts(stream.interval(0))) == sorted(good)
    assert stream.tolerance.skipped == 1
    assert not (tmp_path / "evil-was-here").exists()
    assert sorted(path.name for path in tmp_path.iterdir() if path.name != "cache") == ["a.tar"]


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE])
def test_links_and_devices(tmp_path, kind):
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        tar.addfile(link("0001.png", kind, "/etc/passwd"))
        for name, data in sample(2):
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    with pytest.raises(UsageError, match=r"is a link|is no plain file"):
        examples([str(tmp_path / "a.tar")])
    problems = Problems(on_error="skip")
    assert texts(examples([str(tmp_path / "a.tar")], problems=problems)) == ["page 2"]


CONTENTS: dict[str, tuple[list[tuple[str, bytes]], str]] = {
    "broken JSON": ([("0002.png", encoded(page())), ("0002.json", b"{broken")], "its json is no JSON"),
    "deep JSON": ([("0002.png", encoded(page())), ("0002.json", b"[" * 100_000)], "its json is no JSON"),
    "no UTF-8": ([("0002.png", encoded(page())), ("0002.json", b"\xff\xfe{}")], "no UTF-8"),
    "no pages": ([("0002.png", encoded(page())), ("0002.json", b'{"pages": []}')], "no list of pages"),
    "blank pages": ([("0002.png", encoded(page())), ("0002.json", b'{"pages": [{"text": []}]}')], "says nothing"),
    "bomb": ([("0002.png", png_header(65500, 65500)), ("0002.txt", b"x")], "pixels"),
    "truncated": ([("0002.jpg", encoded(page("x" * 9), "JPEG")[:-300]), ("0002.txt", b"x")], "damaged image"),
    "animation": ([("0002.webp", frames("WEBP")), ("0002.txt", b"x")], "animation"),
    "no image": ([("0002.png", b"some text that is no image"), ("0002.txt", b"x")], "no image that can be read"),
}


@pytest.mark.parametrize("kind", CONTENTS)
def test_bad_contents(tmp_path, kind):
    files, message = CONTENTS[kind]
    name = archive(tmp_path / "a.tar", [*sample(1), *files, *sample(3)])
    found = examples([name])
    assert OCR.sample(found[0], None).target == "page 1"
    with pytest.raises(UsageError, match=message) as error:
        OCR.sample(found[1], None)
    assert "0002" in str(error.value)
    assert "\n" not in str(error.value)
    tolerant = examples([name], problems=Problems(on_error="skip"))
    assert texts([tolerant[index] for index in range(3)]) == ["page 1", "page 3", "page 3"]
    assert tolerant.skipped == 1
    assert OCR.sample(tolerant[2], None).image.tobytes() == page("3").tobytes()
    strict = examples([name], problems=Problems(on_error="skip"), limit=0)
    with pytest.raises(RunError, match="more than 0 bad samples"):
        strict[1]
    stream = PageStream([name], OCR.examples)
    kept = texts(stream.interval(0))
    assert {"page 1", "page 3"} <= set(kept)
    assert stream.tolerance.skipped == (0 if kind == "truncated" else 1)  # what a header cannot show


def test_broken_archives(tmp_path):
    (name,) = shards(tmp_path, count=1)
    whole = Path(name).read_bytes()
    for data, message in (
        (b"", "no tar archive"),
        (b"no archive " * 100, "no tar archive"),
        (whole[:3000], "breaks off|damaged archive"),
        (whole[:700], "breaks off|damaged archive"),
    ):
        (tmp_path / "b.tar").write_bytes(data)
        with pytest.raises(ShardError, match=message) as error:
            examples([str(tmp_path / "b.tar")])
        assert "\n" not in str(error.value)
        stream = PageStream([str(tmp_path / "b.tar"), name], OCR.examples)
        assert len(list(stream.interval(0))) >= 5
        assert stream.tolerance.skipped == 1
    with pytest.raises(ShardError, match="no such file"):
        examples([str(tmp_path / "none.tar")])


def test_a_member_said_to_be_huge(tmp_path):
    info = tarfile.TarInfo("0001.png")
    info.size = 10**12
    (tmp_path / "a.tar").write_bytes(info.tobuf() + b"\0" * 2048)
    with pytest.raises(ShardError, match=r"breaks off inside|damaged"):
        examples([str(tmp_path / "a.tar")])
    stream = PageStream([str(tmp_path / "a.tar")], OCR.examples, count=None)
    assert not list(stream.interval(0))


def test_an_archive_that_shrank(tmp_path):
    (name,) = shards(tmp_path, count=1)
    found = examples([name])
    Path(name).write_bytes(Path(name).read_bytes()[:2000])
    with pytest.raises(UsageError, match="shorter than when it was indexed"):
        found[4]


def test_indexes_stay_in_memory_as_far_as_there_is_room(tmp_path, monkeypatch):
    from pixlm.data.pages.shards import examples as module

    names = shards(tmp_path, count=3)
    found = examples(names)
    loaded = []
    monkeypatch.setattr(module, "load_index", lambda shard: loaded.append(shard.name) or load_index(shard))
    texts = [one.targets for one in found]
    assert [found[place].targets for place in (0, len(found) - 1, 1)] == [texts[0], texts[-1], texts[1]]
    assert not loaded, "indexes that were counted are not read again"
    monkeypatch.setattr(module, "_RECENT", 1)
    again = pickle.loads(pickle.dumps(found))
    assert [again[place].targets for place in range(len(again))] == texts
    assert loaded == names
    assert len(again._recent) == 1
