"""What the page answers to good and to bad input, without a server."""

from __future__ import annotations

import re

import pytest

import page_data
import toy_pages
from pixlm.app import answers, limits, links
from pixlm.app.models import Served, missing, serve_models
from pixlm.errors import UsageError

pytest.importorskip("gradio")


@pytest.fixture(scope="module")
def served(models):
    found = {name: Served(str(folder)) for name, folder in models.items()}
    for one in found.values():
        one.load()
    return found


def test_every_model_finds_its_tab(models):
    kinds = ("reconstruct", "generate", "label", "document")
    assert set(serve_models([str(models[name]) for name in kinds])) == set(kinds)
    with pytest.raises(UsageError, match=r"both for the tab 'label'"):
        serve_models([str(models["label"]), str(models["parsing"])])
    with pytest.raises(UsageError, match="no folder and no preset"):
        serve_models(["no-such-model"])
    assert "pixlm demo" in missing("document")


def test_a_reconstruction_has_four_panels_and_what_was_read(served):
    shown = answers.reconstruct(served["reconstruct"], "some words to mask", "", "random", 0.5, 1, "")
    assert shown.count("<figure>") == 4
    assert "removed characters read back" in shown
    assert "px-gone" in shown
    again = answers.reconstruct(served["reconstruct"], "some words to mask", "", "random", 0.5, 1, "")
    assert again == shown
    other = answers.reconstruct(served["reconstruct"], "some words to mask", "", "random", 0.5, 2, "")
    assert other != shown


def test_exactly_the_touched_patches_go(served):
    strip = answers.strip(served["reconstruct"], "some words", "", "1 3")
    assert re.findall(r'data-patch="(\d+)" aria-pressed="true"', strip) == ["1", "3"]
    shown = answers.reconstruct(served["reconstruct"], "some words", "", "chosen", 0.25, 1, "1 3")
    assert f"2 of {strip.count('<button')} patches removed" in shown


def test_another_strategy_is_drawn_and_said_to_be_one(served):
    shown = answers.reconstruct(served["reconstruct"], "some words", "continuous", "spans", 0.25, 1, "")
    assert "trained on grapheme-bigrams" in shown
    assert "nothing is read back" in shown


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (("", "", "spans", 0.25, 1, ""), "the text is empty"),
        (("x" * 100_000, "", "spans", 0.25, 1, ""), "has 100,000 characters; this page takes up to 2,000"),
        ((None, "", "spans", 0.25, 1, ""), "the text is empty"),
        (("a", "no-such", "spans", 0.25, 1, ""), "render strategy"),
        (("a", "", "no-such", 0.25, 1, ""), "masking"),
        (("a", "", "spans", 7, 1, ""), "mask ratio 7"),
        (("a", "", "spans", float("nan"), 1, ""), "must be a number"),
        (("a", "", "spans", "x", 1, ""), "must be a number"),
        (("a", "", "spans", 0.25, 10**400, ""), "must be a number"),
        (("a", "", "spans", 0.25, -1, ""), "seed -1"),
        (("a", "", "chosen", 0.25, 1, ""), "no patch is chosen"),
        (("a", "", "chosen", 0.25, 1, "99"), "the text has the patches 0 to"),
        (("a", "", "chosen", 0.25, 1, "-1"), "patches are whole numbers"),
        (("a", "", "chosen", 0.25, 1, "1 " * 5000), "patches are whole numbers"),
    ],
)
def test_bad_input_is_a_message(given, message, served):
    shown = answers.reconstruct(served["reconstruct"], *given)
    assert 'role="alert"' in shown
    assert message in shown


def test_text_is_shown_as_text(served):
    bad = "<script>alert(1)</script> <b>"
    for shown in (
        answers.reconstruct(served["reconstruct"], bad, "", "spans", 0.25, 1, ""),
        answers.label(served["label"], bad, ""),
        answers.label(served["parsing"], bad, ""),
        answers.label(served["classify"], bad, ""),
        answers.generate(served["generate"], bad, 4, False, 1.0, 0),
        answers.reconstruct(served["reconstruct"], bad, bad, "spans", 0.25, 1, ""),
    ):
        assert "<script>" not in shown
        assert "alert(1)" in shown or "&lt;" in shown or "<figure" in shown


def test_generation_goes_on(served):
    shown = answers.generate(served["generate"], "a line", 4, True, 1.0, 3)
    assert "new patches" in shown
    assert "<img" in shown
    assert "seed: must be a number from 0 to 2147483647" in answers.generate(
        served["generate"], "a line", 8, True, 1.0, None
    )
    assert "must be a number from 1 to 128" in answers.generate(served["generate"], "a line", 10_000, True, 1.0, 3)


def test_fine_tuned_models_say_what_they_know(served):
    tags = answers.label(served["label"], "Trời đẹp quá .", "")
    assert tags.count("px-tag") == 5
    tree = answers.label(served["parsing"], "Trời đẹp quá .", "")
    assert "<svg" in tree
    assert tree.count('class="word"') == 4
    classes = answers.label(served["classify"], "a good film", "")
    assert classes.count("px-bar") == 2
    assert "What speaks for it" in classes
    assert "<svg" in classes


def test_documents_are_read_and_what_is_none_is_refused(served, tmp_path):
    path = str(toy_pages.SOURCE / "000.jpg")
    assert "px-page" in answers.document(served["document"], path, "What is the total?")
    assert "wants an image and a question" in answers.document(served["document"], path, "")
    assert "no page is given" in answers.document(served["document"], None, "")
    fake = tmp_path / "fake.png"
    fake.write_bytes(b"this is no image at all")
    shown = answers.document(served["document"], str(fake), "What?")
    assert 'role="alert"' in shown
    assert "fake.png" in shown
    assert str(tmp_path) not in shown
    bomb = tmp_path / "bomb.png"
    bomb.write_bytes(page_data.png_header(50_000, 50_000))
    assert 'role="alert"' in answers.document(served["document"], str(bomb), "What?")


def test_a_damaged_model_is_said_and_nothing_ends(models, tmp_path):
    folder = tmp_path / "broken"
    folder.mkdir()
    for path in models["reconstruct"].iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    (folder / "model.safetensors").write_bytes(b"no weights")
    one = Served(str(folder))
    one.load()
    assert 'role="alert"' in answers.reconstruct(one, "a", "", "spans", 0.25, 1, "")


def test_unexpected_errors_are_logged_and_said(caplog):
    @answers.told
    def fails() -> str:
        raise KeyError("secret")

    shown = fails()
    assert "something went wrong" in shown
    assert "secret" not in shown
    assert "secret" in caplog.text


def test_links_carry_the_state_and_are_bounded():
    state = links.State(text="xin chào & <b>", masking="chosen", patches="1 2", seed="7", strategy="mono")
    query = links.to_query(state)
    from urllib.parse import parse_qsl

    assert links.from_query(dict(parse_qsl(query[1:]))) == state
    assert links.to_query(links.State()) == "?"
    with pytest.raises(UsageError, match="too long for a link"):
        links.to_query(links.State(text="ж" * 1900))
    damaged = {"text": "a", "masking": "chosen", "patches": "1 2 z"}
    assert links.from_query(damaged) == links.State(text="a", masking="chosen")
    assert links.from_query({"text": "x" * 3000, "seed": "9" * 500, "other": "y"}) == links.State()


@pytest.mark.parametrize("given", ["a" * (limits.MOST_TEXT + 1), "\0 \0", "  \n "])
def test_texts_are_bounded(given):
    with pytest.raises(UsageError):
        limits.text_of(given)
