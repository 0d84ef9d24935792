"""`pixlm bench documents`: the suite, the scores, what is refused."""

from __future__ import annotations

import json

import pytest

from pixlm.tasks.scoring.transcripts import transcript_scores
from pixlm.training.bench_documents import DocumentsBenchConfig, cells, pages_of_cell

SMALL = {"languages": ("en", "ar"), "layouts": ("lines", "forms"), "pages": 2, "size": (320, 320), "letters": (9, 11)}


@pytest.fixture(scope="module")
def reader(tmp_path_factory):
    """A model that has seen two steps of lines."""
    from pixlm.cli import main

    folder = tmp_path_factory.mktemp("reader")
    lines = ("--kinds", "lines", "--languages", "en", "--pages", "6", "--dev", "2", "--output", folder / "lines")
    assert main(["data", "pages", *map(str, lines)]) == 0
    data = ("--model", "pix2struct-tiny", "--data", folder / "lines", "--output", folder / "run")
    few = (
        "--train.max-steps",
        "2",
        "--train.batch-size",
        "2",
        "--page.max-patches",
        "32",
        "--task.max-new-tokens",
        "9",
    )
    room = ("--page.max-target-length", "48")
    assert main(["finetune", "ocr", *map(str, (*data, *few, *room))]) == 0
    return folder / "run"


def test_the_suite_is_a_function_of_its_settings():
    config = DocumentsBenchConfig(**SMALL)
    suite = list(cells(config))
    assert len(suite) == 2 * 2 * 3
    pages = {cell: pages_of_cell(config, cell) for cell in suite}
    for cell, found in pages.items():
        again = pages_of_cell(config, cell)
        assert [page.image.open().read() for page in found] == [page.image.open().read() for page in again]
        clean = next(one for one in suite if (one.language, one.layout, one.noise) == (*_place(cell), "clean"))
        assert [page.targets for page in found] == [page.targets for page in pages[clean]], "noise changed the text"
    images = {page.image.open().read() for found in pages.values() for page in found}
    assert len(images) == sum(map(len, pages.values())), "two cells have the same page"
    other = DocumentsBenchConfig(**SMALL, seed=1)
    assert [page.targets for page in pages_of_cell(other, suite[0])] != [page.targets for page in pages[suite[0]]]


def _place(cell):
    return cell.language, cell.layout


def test_the_table_and_the_files(reader, tmp_path, pixlm):
    given = [
        value for name, one in SMALL.items() for value in (f"--{name}", *(one if isinstance(one, tuple) else (one,)))
    ]
    code, out, error = pixlm("bench", "documents", "--model", reader, *given, "--output", tmp_path)
    assert code == 0, error
    assert "character error rate" in out
    assert "clean" in out
    assert "heavy" in out
    report = json.loads((tmp_path / "bench.json").read_text())
    assert report["settings"]["pages"] == 2
    assert len(report["rows"]) == 12
    rows = [json.loads(line) for line in (tmp_path / "predictions.jsonl").read_text().splitlines()]
    assert len(rows) == 24
    for cell in report["rows"]:
        name = "-".join(cell["cell"][part] for part in ("layout", "language", "noise"))
        mine = [row for row in rows if row["page"].rpartition("-")[0] == name]
        scores = transcript_scores([row["wanted"] for row in mine], [row["read"] for row in mine])
        assert (cell["cer"], cell["wer"]) == (scores["cer"], scores["wer"])
        assert cell["characters"] == sum(len(row["wanted"]) for row in mine)
    assert any(row["lost"] for row in report["rows"] if row["cell"]["layout"] == "forms"), "forms exceed the decoder"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("--model", "pix2struct-tiny"), "learns its tokens"),
        (("--model", "pixlm-tiny"), "have no head for text about pages"),
        ((), "no model given"),
        (("--model", "x", "--noise", "loud"), "--noise loud: there are clean, light, heavy"),
        (("--model", "x", "--layouts", "poems"), "no such kind"),
        (("--model", "x", "--languages", "xx"), "--languages xx"),
        (("--model", "x", "--pages", "0"), "--pages 0: must be 1 or more"),
        (("--model", "x", "--batch-size", "0"), "--batch-size 0: must be 1 or more"),
    ],
)
def test_what_is_refused(given, said, tmp_path, pixlm):
    code, _, error = pixlm("bench", "documents", *given, "--output", tmp_path)
    assert code == 2
    assert said in error
    assert "\n" not in error.strip()


def test_two_models_of_one_name(reader, tmp_path, pixlm):
    code, _, error = pixlm("bench", "documents", "--model", reader, "--baseline", reader, "--output", tmp_path)
    assert code == 2
    assert "two are called run" in error
