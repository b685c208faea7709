from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.training.conftest import Tables
from training.errors import TrainingError
from training.ferplus import save_arrays
from training.loading import load_data


@pytest.mark.parametrize("archived", [False, True])
def test_a_folder_with_both_tables_is_read(tables: Tables, archived: bool) -> None:
    (tables.fer2013 if archived else tables.archive).unlink()

    found = load_data(tables.folder)

    assert {part: len(rows) for part, rows in found.data.items()} == {"train": 2, "valid": 1}
    assert found.files == (tables.archive if archived else tables.fer2013, tables.ferplus)


def test_prepared_arrays_are_read_by_file_and_by_folder(tables: Tables, tmp_path: Path) -> None:
    arrays = tmp_path / "prepared" / "ferplus.npz"
    save_arrays(load_data(tables.folder).data, arrays)

    for place in (arrays, arrays.parent):
        found = load_data(place)
        assert found.files == (arrays,)
        np.testing.assert_array_equal(
            found.data["train"].images, load_data(tables.folder).data["train"].images
        )


def test_prepared_arrays_win_over_the_tables_beside_them(tables: Tables) -> None:
    data = load_data(tables.folder).data
    save_arrays(data, tables.folder / "ferplus.npz")
    tables.fer2013.write_text("broken")

    assert load_data(tables.folder).files == (tables.folder / "ferplus.npz",)


def test_a_folder_with_only_one_table_is_told_what_is_missing(tables: Tables) -> None:
    tables.ferplus.unlink()

    with pytest.raises(TrainingError, match=r"holds neither ferplus\.npz .* fer2013new\.csv"):
        load_data(tables.folder)


def test_a_place_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="gone: no such file"):
        load_data(tmp_path / "gone")
