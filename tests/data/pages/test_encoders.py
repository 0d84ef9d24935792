from __future__ import annotations

import json
import pickle

import numpy as np
import pytest
from PIL import Image

from golden_documents import tokenizer
from pixlm.data.pages.encoders import (
    IGNORE,
    PAGE_ENCODERS,
    START_IDS,
    DonutPages,
    PageSettings,
    PaliPages,
    Pix2StructPages,
    load_page_encoder,
)
from pixlm.data.pages.example import PageSample
from pixlm.errors import UsageError

SETTINGS = PageSettings(size=(64, 48), max_patches=40, max_target_length=16, max_prompt_length=8)
TAGS = ("<s_answer>", "<s_docvqa>")


def page(shade: int = 200) -> Image.Image:
    return Image.new("RGB", (90, 120), (shade, 255, 255))


def sample(**changes) -> PageSample:
    given = {"start": "<s_docvqa>price<s_answer>", "prompt": "price", "target": "coffee cake"}
    return PageSample(page(), **{**given, **changes})


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"kind": ["x"]}, "its kind is"),
        ({"decoder_start": "x"}, "decoder_start is 'x'"),
        ({"decoder_start": 10**9}, "decoder_start is 1000000000"),
        ({"size": [0, 0]}, "size .*: must be"),
        ({"size": [10**6, 10**6]}, "more than 80,000,000 pixels"),
        ({"max_patches": 0}, "max_patches 0: must be 1 or more"),
        ({"max_target_length": 0}, "max_target_length 0: must be 2 or more"),
        ({"mean": [1, 2]}, "one for each channel"),
        ({"std": []}, "one for each channel"),
        ({"std": [0]}, "must not be 0"),
    ],
)
def test_stored_settings_out_of_range(tmp_path, changed, message):
    DonutPages(tokenizer(*TAGS), SETTINGS).save_pretrained(tmp_path)
    path = tmp_path / "page_encoder.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changed}))
    with pytest.raises(UsageError, match=message) as error:
        load_page_encoder(tmp_path, tokenizer(*TAGS))
    assert str(error.value).count(str(path)) == 1


@pytest.fixture(params=PAGE_ENCODERS)
def encoder(request):
    return PAGE_ENCODERS[request.param](tokenizer(*TAGS), SETTINGS)


def test_labels_are_what_follows_the_start(encoder):
    samples = [sample(), sample(target="cake"), sample(target=None), sample(target="")]
    encoded = [encoder.encode(one) for one in samples]
    made, lost = encoder.targets(encoded, [one.target for one in samples])
    assert lost == 0
    assert {array.shape for array in made.values()} == {made["labels"].shape}
    for row, one in enumerate(samples):
        start = encoded[row].units[START_IDS]
        learnt = made["labels"][row][made["labels"][row] != IGNORE]
        assert made["decoder_input_ids"][row][: len(start)].tolist() == start.tolist()
        assert made["labels"][row][: len(start) - 1].tolist() == [IGNORE] * (len(start) - 1)
        if one.target is None:
            assert len(learnt) == 0
        else:
            assert learnt.tolist() == [*encoder.ids(one.target), encoder.eos_id]
            assert encoder.decode([*learnt, encoder.pad_id, 5]) == one.target


def test_a_cut_target_has_no_closing_token(encoder):
    encoded = encoder.encode(sample())
    made, lost = encoder.targets([encoded], ["coffee " * 30])
    whole = len(encoded.units[START_IDS]) + len(encoder.ids("coffee " * 30)) + 1
    assert lost == whole - 16
    assert made["decoder_input_ids"].shape == (1, 15)
    assert encoder.eos_id not in made["labels"]


def test_batches():
    one, two = sample(), sample(prompt="coffee cake juice")
    donut = DonutPages(tokenizer(*TAGS), SETTINGS)
    assert donut.batch([donut.encode(one), donut.encode(two)])["pixel_values"].shape == (2, 3, 64, 48)
    grey = DonutPages(tokenizer(*TAGS), PageSettings(size=(64, 48), channels=1, fit="stretch", mean=(1.0,), std=(0.5,)))
    values = grey.encode(one).units["pixel_values"]
    level = page().convert("L").getpixel((0, 0))
    assert values.shape == (1, 64, 48)
    assert np.abs(values - (level / 255 - 1) / 0.5).max() < 1e-5

    pix2struct = Pix2StructPages(tokenizer(*TAGS), SETTINGS)
    made = pix2struct.batch([pix2struct.encode(one), pix2struct.encode(sample(prompt=""))])
    assert made["flattened_patches"].shape == (2, 40, 2 + 16 * 16 * 3)
    assert (made["attention_mask"] == (made["flattened_patches"][..., 0] > 0)).all()

    pali = PaliPages(tokenizer(*TAGS), SETTINGS)
    made = pali.batch([pali.encode(one), pali.encode(two)])
    assert made["pixel_values"].shape == (2, 3, 64, 48)
    assert made["input_ids"].shape == made["attention_mask"].shape
    assert pali.decode(made["input_ids"][0]) == "price"
    long = pali.encode(sample(prompt="coffee cake juice menu " * 5))
    assert long.length == 8
    assert long.units["input_ids"][-1] == pali.eos_id
    assert long.lost == len(pali.ids("coffee cake juice menu " * 5)) + 1 - 8


def test_the_header_stands_above_the_page():
    encoder = Pix2StructPages(tokenizer(*TAGS), PageSettings(max_patches=300))
    plain, asked = encoder.encode(sample(prompt="")), encoder.encode(sample(prompt="What is the total?"))
    other = encoder.encode(sample(prompt="Who is paid?"))
    assert not np.array_equal(asked.units["flattened_patches"], plain.units["flattened_patches"])
    assert asked.units["flattened_patches"].tobytes() != other.units["flattened_patches"].tobytes()
    assert encoder.encode(sample(prompt="word " * 5000)).lost > 0


def test_saving(encoder, tmp_path):
    encoder.save_pretrained(tmp_path)
    again = load_page_encoder(tmp_path, tokenizer(*TAGS))
    assert type(again) is type(encoder)
    assert again.fingerprint == encoder.fingerprint
    assert again.decoder_start == encoder.decoder_start
    first, second = encoder.encode(sample()), again.encode(sample())
    assert all(np.array_equal(first.units[name], second.units[name]) for name in first.units)
    assert load_page_encoder(tmp_path, tokenizer(*TAGS), dpi=72).settings.dpi == 72
    thawed = pickle.loads(pickle.dumps(encoder))
    assert all(np.array_equal(first.units[name], thawed.encode(sample()).units[name]) for name in first.units)


def test_damaged_settings(encoder, tmp_path):
    with pytest.raises(UsageError, match="is missing"):
        load_page_encoder(tmp_path, encoder.tokenizer)
    for text, message in (("{", "cannot be read"), ('{"kind": "x"}', "must be one of"), ("[]", "must be one of")):
        (tmp_path / "page_encoder.json").write_text(text)
        with pytest.raises(UsageError, match=message):
            load_page_encoder(tmp_path, encoder.tokenizer)


def test_tokens_are_added_sorted(encoder):
    before = len(encoder.tokenizer)
    assert encoder.add_tokens(["<s_menu>", "</s_menu>", "<s_menu>"]) == 2
    assert encoder.tokenizer.convert_ids_to_tokens([before, before + 1]) == ["</s_menu>", "<s_menu>"]
    assert encoder.add_tokens(["<s_menu>"]) == 0


def test_models_of_texts_only_are_told_apart(encoder):
    with pytest.raises(UsageError, match="reads pages"):
        encoder.windows(("a", "b"), stride=1, first_max_length=None)


def test_a_prompt_longer_than_the_decoder():
    with pytest.raises(UsageError, match="nothing is left"):
        DonutPages(tokenizer(*TAGS), SETTINGS).encode(sample(start="coffee " * 50))


def test_patches_of_another_size_than_the_models():
    from types import SimpleNamespace

    vision = SimpleNamespace(vision_config=SimpleNamespace(patch_size=16), vocab_size=100_000)
    Pix2StructPages(tokenizer(), SETTINGS).check_model(vision, "it")
    cut = Pix2StructPages(tokenizer(), PageSettings(patch_size=8, max_target_length=16))
    with pytest.raises(UsageError, match="patches of 8 pixels, and it reads 16"):
        cut.check_model(vision, "it")
