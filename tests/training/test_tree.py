from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from training import tree
from training.errors import TrainingError
from training.ferplus import FerPlus, Part, read_csv_pair


@pytest.fixture
def data(tables: Any) -> FerPlus:
    return read_csv_pair(tables.fer2013, tables.ferplus)


def test_writes_the_layout_of_the_ferplus_repository(data: FerPlus, tmp_path: Path) -> None:
    tree.write_tree(data, tmp_path / "fer")
    files = sorted(str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if p.suffix)
    assert [f for f in files if f.startswith("fer/")] == [
        "fer/FER2013Train/fer0000000.png",
        "fer/FER2013Train/fer0000001.png",
        "fer/FER2013Train/label.csv",
        "fer/FER2013Valid/fer0000002.png",
        "fer/FER2013Valid/label.csv",
    ]
    assert (tmp_path / "fer/FER2013Train/label.csv").read_text() == (
        'fer0000000.png,"(0, 0, 48, 48)",8,0,0,0,0,0,0,0,2,0\n'
        'fer0000001.png,"(0, 0, 48, 48)",0,10,0,0,0,0,0,0,0,0\n'
    )


def test_pictures_keep_every_pixel(data: FerPlus, tmp_path: Path) -> None:
    tree.write_tree(data, tmp_path / "fer")
    again = cv2.imread(str(tmp_path / "fer/FER2013Train/fer0000001.png"), cv2.IMREAD_UNCHANGED)
    assert again is not None
    np.testing.assert_array_equal(again, data["train"].images[1])


def test_refuses_a_place_that_holds_a_tree_unless_forced(data: FerPlus, tmp_path: Path) -> None:
    place = tmp_path / "fer"
    tree.write_tree(data, place)
    (place / "FER2013Train/fer0009999.png").write_bytes(b"stale")
    with pytest.raises(TrainingError, match="holds a tree already; --force replaces it"):
        tree.write_tree(data, place)
    tree.write_tree(data, place, force=True)
    assert not (place / "FER2013Train/fer0009999.png").exists()
    assert (place / "FER2013Train/label.csv").exists()


@pytest.mark.parametrize("force", [False, True])
def test_never_replaces_a_folder_with_other_things(
    data: FerPlus, tmp_path: Path, force: bool
) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home/letter.txt").write_text("dear")
    with pytest.raises(TrainingError, match=r"holds 'letter.txt', which is no part of a FER"):
        tree.write_tree(data, tmp_path / "home", force)
    assert (tmp_path / "home/letter.txt").read_text() == "dear"


def test_refuses_a_file_as_place(data: FerPlus, tmp_path: Path) -> None:
    (tmp_path / "fer").write_text("")
    with pytest.raises(TrainingError, match="is a file; --tree needs a folder"):
        tree.write_tree(data, tmp_path / "fer", force=True)


def test_writes_into_an_empty_folder(data: FerPlus, tmp_path: Path) -> None:
    (tmp_path / "fer").mkdir()
    tree.write_tree(data, tmp_path / "fer")
    assert (tmp_path / "fer/FER2013Valid/fer0000002.png").exists()


def test_interrupted_leaves_the_old_tree_and_no_draft(data: FerPlus, tmp_path: Path) -> None:
    home = tmp_path / "trees"
    tree.write_tree(data, home / "fer")
    before = sorted(home.rglob("*"))

    def interrupt(_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tree.write_tree(data, home / "fer", force=True, progress=interrupt)
    assert sorted(home.rglob("*")) == before


@pytest.mark.parametrize("name", ["../fer0000000.png", "sub/a.png", "label.csv", "a.jpg"])
def test_refuses_names_that_leave_the_folder(tmp_path: Path, name: str) -> None:
    part = Part(np.zeros((1, 48, 48), np.uint8), np.zeros((1, 10), np.uint8), np.array([name]))
    with pytest.raises(TrainingError, match=r"expected a name like fer0000000.png"):
        tree.write_tree({"train": part}, tmp_path / "fer")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("second", "whole"), [(0, True), (9, False)])
def test_one_name_may_stand_for_equal_pictures_only(
    tmp_path: Path, second: int, whole: bool
) -> None:
    images = np.zeros((2, 48, 48), np.uint8)
    images[1] = second
    part = Part(images, np.full((2, 10), 1, np.uint8), np.array(["a.png", "a.png"]))
    if whole:
        tree.write_tree({"train": part}, tmp_path / "fer")
        assert len((tmp_path / "fer/FER2013Train/label.csv").read_text().splitlines()) == 2
    else:
        with pytest.raises(TrainingError, match=r"'a.png' stands for two different pictures"):
            tree.write_tree({"train": part}, tmp_path / "fer")
