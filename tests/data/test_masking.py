from __future__ import annotations

import json
import random
from pathlib import Path

import numpy as np
import pytest

from pixlm.data.masking import RandomMasking, SpanMasking, removed_patches
from pixlm.errors import UsageError

GOLDEN = Path(__file__).parents[1] / "golden" / "pixel-models" / "span-statistics.json"
SETTINGS = [
    pytest.param(setting, id=f"{i}-{setting['flavour']}-{setting['seq_len']}-{setting['spacing']}")
    for i, setting in enumerate(json.loads(GOLDEN.read_text())["settings"])
]


def masking_of(setting: dict) -> SpanMasking:
    weights = setting["cumulative_span_weights"]
    return SpanMasking(
        mask_ratio=setting["mask_ratio"],
        max_span_length=setting["max_span_length"],
        spacing=setting["spacing"],
        cumulative_span_weights=None if weights is None else tuple(weights),
        flavour="pixel-m4" if setting["flavour"] == "m4" else "pixel",
    )


@pytest.mark.parametrize("setting", SETTINGS)
def test_recorded_masks_and_distributions(setting):
    """The first masks of the original generators exactly, and what 300 of them have in common with 10,000."""
    masking = masking_of(setting)
    rng = random.Random(setting["seed_of_python_random"])
    length, attended = setting["seq_len"], setting["num_text_patches_argument"]
    masks = np.stack([masking.patch_mask(length, attended, rng) for _ in range(300)])
    assert ["".join(map(str, mask)) for mask in masks[:5]] == setting["first_five_masks"]
    assert (masks.sum(1) == setting["num_patches_to_mask"]).mean() == pytest.approx(
        setting["share_reaching_target"], abs=0.01
    )
    inside = masks[:, :attended].sum(1)
    tolerance = 4 * inside.std() / 300**0.5 + 0.01
    assert inside.mean() == pytest.approx(setting["mean_masked_inside_text"], abs=tolerance)
    assert (inside == 0).mean() == pytest.approx(setting["share_of_masks_with_no_text_patch"], abs=0.12)


@pytest.mark.parametrize("masking", [RandomMasking(), SpanMasking(), SpanMasking(flavour="pixel-m4")])
def test_a_function_of_seed_epoch_and_index(masking):
    random.seed(1)
    np.random.seed(1)  # noqa: NPY002 - the global state must not matter
    first = masking.draw(128, 60, seed=1, epoch=2, index=3)
    random.seed(2)
    np.random.seed(2)  # noqa: NPY002
    state = random.getstate()
    again = masking.draw(128, 60, seed=1, epoch=2, index=3)
    assert random.getstate() == state
    assert np.array_equal(first.noise, again.noise)
    assert np.array_equal(first.removed, again.removed)
    for other in ({"seed": 2}, {"epoch": 3}, {"index": 4}):
        drawn = masking.draw(128, 60, **{"seed": 1, "epoch": 2, "index": 3, **other})
        assert not np.array_equal(drawn.removed, first.removed)


def test_masks_stay_the_same_between_versions():
    """Resumed runs and published seeds depend on it."""
    drawn = SpanMasking().draw(32, 20, seed=42, epoch=0, index=7)
    assert np.flatnonzero(drawn.removed).tolist() == [3, 4, 5, 9, 13, 14, 15, 24]
    assert drawn.noise.dtype == np.float32
    assert drawn.noise[:2].tolist() == [0.16932159662246704, 0.8189842700958252]
    assert np.flatnonzero(RandomMasking().draw(12, 12, seed=42, epoch=0, index=7).removed).tolist() == [9, 10, 11]


@pytest.mark.parametrize("length", [1, 2, 3, 7, 64, 529])
@pytest.mark.parametrize("ratio", [0.0, 0.25, 0.4, 0.75, 0.99])
def test_the_number_removed_is_fixed(length, ratio):
    for masking in (RandomMasking(ratio), SpanMasking(ratio, spacing=0)):
        for attended in {1, (length + 1) // 2, length}:
            drawn = masking.draw(length, attended, seed=0, epoch=0, index=attended)
            assert drawn.removed.sum() == length - int(length * (1 - ratio))
            assert drawn.noise.shape == drawn.removed.shape == (length,)


def test_random_masking_always_removes_text():
    for index in range(200):
        assert RandomMasking(0.05).draw(64, 1, seed=0, epoch=0, index=index).removed[0]


def test_spans_win_over_noise():
    """All asked-for patches go as long as there is room; the shortfall is filled at random."""
    masking = SpanMasking(0.25)
    drawn = masking.draw(529, 300, seed=0, epoch=0, index=0)
    assert drawn.patch_mask.dtype == np.uint8
    assert np.array_equal(drawn.removed, drawn.patch_mask.astype(bool))
    few = np.zeros(16, np.uint8)
    few[3] = 1
    noise = np.linspace(0, 0.9, 16, dtype=np.float32)
    assert np.flatnonzero(removed_patches(noise, 0.25, patch_mask=few)).tolist() == [3, 13, 14, 15]
    many = np.ones(16, np.uint8)
    assert np.flatnonzero(removed_patches(noise, 0.25, patch_mask=many)).tolist() == [12, 13, 14, 15]


def test_ties_fall_to_the_later_patches():
    assert np.flatnonzero(removed_patches(np.zeros(8, np.float32), 0.5, attention_mask=np.ones(8))).tolist() == [
        0,
        5,
        6,
        7,
    ]


def test_spacing_zero_is_honoured():
    masks = [SpanMasking(0.7, spacing=0).patch_mask(64, 64, random.Random(i)) for i in range(20)]
    spaced = [SpanMasking(0.7, spacing="span").patch_mask(64, 64, random.Random(i)) for i in range(20)]
    assert all(mask.sum() == 45 for mask in masks)
    assert all(mask.sum() < 45 for mask in spaced)  # no room: 100 attempts fail


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"mask_ratio": 1.0}, "mask_ratio"),
        ({"mask_ratio": -0.1}, "mask_ratio"),
        ({"max_span_length": 0, "cumulative_span_weights": None}, "max_span_length"),
        ({"max_span_length": 4}, "cumulative_span_weights"),
        ({"cumulative_span_weights": (0.5, 0.4, 0.6, 0.8, 0.9, 1.0)}, "cumulative_span_weights"),
        ({"spacing": -1}, "spacing"),
        ({"spacing": "wide"}, "spacing"),
        ({"flavour": "m5"}, "flavour"),
    ],
)
def test_wrong_settings_are_named(arguments, message):
    with pytest.raises(UsageError, match=message):
        SpanMasking(**arguments)
    if set(arguments) == {"mask_ratio"}:
        with pytest.raises(UsageError, match=message):
            RandomMasking(**arguments)


def test_needs_no_torch():
    import subprocess
    import sys

    code = "import sys, pixlm.data.masking; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
