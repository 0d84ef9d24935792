"""Batches are a pure function of (seed, step), complete per epoch, and the same for one process and for many."""

from __future__ import annotations

import itertools
from collections import Counter

import numpy as np
import pytest

from pixlm.data.sampler import BatchSampler, SequentialBatchSampler, width_for, widths

LENGTHS = np.random.default_rng(0).integers(1, 400, 103)


def sampler(**changes):
    options = {"batch_size": 8, "micro_batch_size": 4, "steps": 40, "seed": 1}
    return BatchSampler(LENGTHS, **{**options, **changes})


def test_every_epoch_visits_every_example_and_fills_the_last_batch():
    batches = list(itertools.chain.from_iterable(sampler(steps=13)))
    assert {draw.epoch for draw in batches} == {0}
    counts = Counter(draw.index for draw in batches)
    assert set(counts) == set(range(103))
    assert sum(counts.values()) == 13 * 8
    assert max(counts.values()) == 2


def test_the_same_seed_gives_the_same_batches_and_epochs_differ():
    assert list(sampler()) == list(sampler())
    assert list(sampler()) != list(sampler(seed=2))
    one = sampler(steps=26)
    assert not np.array_equal(one.epoch_batches(0), one.epoch_batches(1))


def test_a_longer_run_begins_like_a_shorter_one():
    assert list(sampler(steps=40))[: 2 * 17] == list(sampler(steps=17))


def test_length_is_the_number_of_micro_batches():
    assert len(sampler()) == 80 == len(list(sampler()))


def test_two_processes_share_the_batches_of_one():
    one = list(sampler())
    whole = [set(one[i]) | set(one[i + 1]) for i in range(0, len(one), 2)]
    shares = [list(sampler(rank=rank, world=2)) for rank in (0, 1)]
    assert [set(a) | set(b) for a, b in zip(*shares, strict=True)] == whole


def test_batches_hold_rows_of_similar_length():
    lengths = np.random.default_rng(3).integers(1, 500, 5000)
    batches = BatchSampler(lengths, batch_size=16, micro_batch_size=16, steps=300, seed=0)
    spread = np.mean([np.ptp([lengths[draw.index] for draw in batch]) for batch in batches])
    assert spread < 0.1 * 500


def test_fewer_examples_than_a_batch_still_make_batches():
    small = BatchSampler(np.ones(3), batch_size=8, micro_batch_size=8, steps=2, seed=0)
    assert [len(batch) for batch in small] == [8, 8]


@pytest.mark.parametrize("world", [1, 3])
def test_evaluation_visits_every_example_once(world):
    seen = [
        draw.index
        for rank in range(world)
        for batch in SequentialBatchSampler(LENGTHS, batch_size=7, rank=rank, world=world)
        for draw in batch
    ]
    assert sorted(seen) == list(range(103))


def test_widths_leave_room_for_the_class_token():
    fine, middle, coarse = [15, 31, 47, 63, 79, 95, 111, 127], [159, 191, 223, 255], [319, 383, 447, 511, 529]
    assert widths(529) == fine + middle + coarse
    assert widths(64) == [15, 31, 47, 63, 64]
    assert widths(20) == [15, 20]
    assert width_for(32, 529) == 47
    assert width_for(600, 529) == 529
