"""A model that reads pages, as one object."""

from __future__ import annotations

import io

import pytest
from PIL import Image

import pixlm as library
import toy_pages
from pixlm.errors import UsageError

ONE = ("--train.max-steps", "1", "--train.batch-size", "2", "--train.warmup", "0", "--task.max-new-tokens", "6")


@pytest.fixture(scope="module")
def asked(tmp_path_factory) -> library.inference.PixelLM:
    """A model for questions that has hardly learnt anything."""
    from pixlm.cli import main

    folder = tmp_path_factory.mktemp("inference")
    pages, run = toy_pages.folder(folder / "pages"), folder / "run"
    small = ("--page.size", "64", "48", "--data", str(pages), "--output", str(run))
    assert main(["finetune", "docvqa", "--model", "pali-tiny", *ONE, *small]) == 0
    return library.load(str(run))


def test_pages_come_in_many_forms_and_mean_the_same(asked):
    path = toy_pages.SOURCE / "000.jpg"
    question = "What is the total?"
    picture = Image.open(path).convert("RGB")
    file = io.BytesIO()
    picture.save(file, "PNG")
    given = [(str(path), question), (path, question), (path.read_bytes(), question), (picture, question)]
    given.append({"image": str(path), "question": question})
    found = [each["prediction"] for each in asked.predict([*given, (file.getvalue(), question)])]
    assert len(set(found)) == 1
    one = asked.predict((path, question))
    assert one == {"file": str(path), "question": question, "prediction": found[0]}
    assert asked.predict([]) == []


def test_wrong_inputs_are_named(asked, tmp_path):
    with pytest.raises(UsageError, match="wants an image and a question"):
        asked.predict(str(toy_pages.SOURCE / "000.jpg"))
    with pytest.raises(UsageError, match="path of an image"):
        asked.predict((3, "What?"))
    with pytest.raises(UsageError, match="none"):
        asked.predict((tmp_path / "none.jpg", "What?"))
    with pytest.raises(UsageError, match="reads pages"):
        asked.embed(["a text"])
    with pytest.raises(UsageError, match="masked model"):
        asked.reconstruct("a text")
