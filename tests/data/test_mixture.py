"""Mixtures: shares, passes, and that everything follows from the seed and the epoch."""

from __future__ import annotations

import numpy as np
import pytest

from pixlm.data.pretraining.mixture import Mixture, shares
from pixlm.data.sampler import BatchSampler
from pixlm.errors import UsageError

SIZES = {"en": 800, "hi": 150, "uk": 50}


def mixture(seed: int = 0, **options) -> Mixture:
    share = list(shares(SIZES, **options).values())
    return Mixture(list(SIZES.values()), np.full(1000, 100), share, seed)


def test_shares():
    assert shares(SIZES) == pytest.approx({"en": 0.8, "hi": 0.15, "uk": 0.05})
    assert shares(SIZES, weights={"en": 2, "hi": 1, "uk": 1}) == {"en": 0.5, "hi": 0.25, "uk": 0.25}
    flat = shares(SIZES, temperature=2)
    assert flat["en"] / flat["uk"] == pytest.approx(4)
    assert shares(SIZES, temperature=1e-9) == {"en": 1, "hi": 0, "uk": 0}
    assert shares(SIZES, temperature=1e9) == pytest.approx(dict.fromkeys(SIZES, 1 / 3))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"weights": {"en": 1}}, "nothing for hi, uk"),
        ({"weights": {"en": 1, "hi": 1, "uk": 1, "zh": 1}}, "no source zh"),
        ({"weights": {"en": -1, "hi": 1, "uk": 1}}, "0 or more"),
        ({"weights": {"en": float("inf"), "hi": 1, "uk": 1}}, "finite"),
        ({"temperature": 0}, "above 0"),
    ],
)
def test_wrong_shares(options, message):
    with pytest.raises(UsageError, match=message):
        shares(SIZES, **options)


def test_a_small_source_is_visited_in_whole_passes_and_a_large_one_goes_on_where_it_stopped():
    mixed = mixture(temperature=1e9)
    assert sum(mixed.quotas) == 1000
    assert max(mixed.quotas) - min(mixed.quotas) <= 1
    visits: dict[int, list[int]] = {}
    for epoch in range(6):
        rows, passes = mixed.rows(epoch)
        for row, number in zip(rows.tolist(), passes.tolist(), strict=True):
            visits.setdefault(row, []).append(number)
    # No row is visited twice in one pass, and each source's passes are complete but for the last.
    assert all(numbers == list(range(len(numbers))) for numbers in map(sorted, visits.values()))
    first = {len(visits[row]) for row in range(800)}
    small = {len(visits[row]) for row in range(950, 1000)}
    assert first == {2, 3}  # six times a third of 1000, of 800
    assert small == {40} or small <= {39, 40, 41}


def test_without_weights_every_row_is_visited_once_an_epoch():
    rows, passes = mixture().rows(3)
    assert sorted(rows.tolist()) == list(range(1000))
    assert set(passes.tolist()) == {3}


def test_a_step_is_a_function_of_the_seed_and_processes_share_it():
    options = {"batch_size": 8, "micro_batch_size": 2, "steps": 300, "seed": 5}
    alone = list(BatchSampler(mixture(5, temperature=3), **options))
    assert alone == list(BatchSampler(mixture(5, temperature=3), **options))
    other = list(BatchSampler(mixture(6, temperature=3), **{**options, "seed": 6}))
    assert alone != other
    ranks = [list(BatchSampler(mixture(5, temperature=3), rank=rank, world=2, **options)) for rank in range(2)]
    for step in (0, 130, 299):
        whole = {draw for micro in alone[step * 4 : step * 4 + 4] for draw in micro}
        shared = [draw for rank in ranks for micro in rank[step * 2 : step * 2 + 2] for draw in micro]
        assert len(shared) == 8
        assert set(shared) == whole
    drawn = [draw.index for micro in alone for draw in micro]
    wanted = np.array(mixture(5, temperature=3).quotas) / 1000
    found = np.histogram(drawn, [0, 800, 950, 1000])[0] / len(drawn)
    assert np.abs(found - wanted).max() < 0.02
