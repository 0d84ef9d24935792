"""PIXEL's prerendered Parquet files."""

from __future__ import annotations

import io
import pickle

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
from PIL import Image

from pixlm.data.readers.prerendered import PrerenderedParquet
from pixlm.data.readers.problems import Problems
from pixlm.errors import UsageError


def png(array):
    file = io.BytesIO()
    Image.fromarray(array).save(file, "PNG")
    return file.getvalue()


def picture(seed, patches=8):
    return np.random.default_rng(seed).integers(0, 256, (16, 16 * patches), np.uint8)


def write(path, cells, counts, **columns):
    """As datasets writes an Image column: a struct of the bytes and the name of a file."""
    values = [{"bytes": cell, "path": None} for cell in cells]
    table = pyarrow.table({"pixel_values": values, "num_patches": counts, **columns})
    pyarrow.parquet.write_table(table, path, row_group_size=2)
    return path


def test_rows_come_back_as_they_were(tmp_path):
    first = write(tmp_path / "a.parquet", [png(picture(i)) for i in range(5)], [7, 1, 5, 3, 6])
    second = write(tmp_path / "b.parquet", [png(picture(9))], [4])
    rows = PrerenderedParquet([first, second])
    assert len(rows) == 6
    assert rows.lengths.tolist() == [8, 2, 6, 4, 7, 5]
    for index, seed in enumerate([0, 1, 2, 3, 4, 9]):
        assert np.array_equal(rows[index].pixel_values, picture(seed))
    assert rows[-1].num_patches == 4
    assert [row.num_patches for row in rows[1:3]] == [1, 5]
    assert [row.num_patches for row in PrerenderedParquet([first, second], min_patches=4)] == [7, 5, 6, 4]
    assert np.array_equal(pickle.loads(pickle.dumps(rows))[3].pixel_values, picture(3))


def test_pictures_that_are_none(tmp_path):
    wide = png(np.zeros((16, 20), np.uint8))
    rows = PrerenderedParquet([write(tmp_path / "a.parquet", [b"no PNG", wide, None, png(picture(1))[:60]], [1] * 4)])
    for index, message in enumerate(
        ["row 1: no PNG", "row 2: a picture of 20 x 16 pixels", "row 1: no PNG", "row 2: no PNG"]
    ):
        with pytest.raises(UsageError, match=message):
            rows[index]


def test_files_that_are_none(tmp_path):
    good = write(tmp_path / "good.parquet", [png(picture(1))], [3])
    pyarrow.parquet.write_table(pyarrow.table({"text": ["x"]}), tmp_path / "other.parquet")
    (tmp_path / "broken.parquet").write_bytes(good.read_bytes()[:100])
    for name, message in (
        ("none", "no such file"),
        ("other", "no column num_patches, pixel_values; it has: text"),
        ("broken", "no Parquet file"),
    ):
        paths = [good, tmp_path / f"{name}.parquet"]
        with pytest.raises(UsageError, match=f"{name}.parquet: {message}"):
            PrerenderedParquet(paths)
        problems = Problems("skip")
        assert len(PrerenderedParquet(paths, problems=problems)) == 1
        assert problems.skipped == 1
    with pytest.raises(UsageError, match="no row with 22 patches or more"):
        PrerenderedParquet([good], min_patches=22)
