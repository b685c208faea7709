from __future__ import annotations

import gzip
import re
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from training.errors import TrainingError
from training.ferplus import FerPlus, Part, load_arrays, read_csv_pair, save_arrays


def test_reads_both_tables_side_by_side(tables: Any) -> None:
    data = read_csv_pair(tables.fer2013, tables.ferplus)
    assert list(data) == ["train", "valid"]
    assert data["train"].votes.tolist() == [[8, 0, 0, 0, 0, 0, 0, 0, 2, 0], [0, 10] + 8 * [0]]
    assert data["valid"].names.tolist() == ["fer0000002.png"]
    for number, row in enumerate(tables.rows[:2]):
        np.testing.assert_array_equal(data["train"].images[number], row.image)


def test_reads_the_archive_as_the_plain_file(tables: Any) -> None:
    plain = read_csv_pair(tables.fer2013, tables.ferplus)
    packed = read_csv_pair(tables.archive, tables.ferplus)
    np.testing.assert_array_equal(plain["train"].images, packed["train"].images)


def test_drops_rows_without_an_image_name(tables: Any) -> None:
    tables.add("Training", *10 * [0], named=False)
    data = read_csv_pair(tables.write().fer2013, tables.ferplus)
    assert len(data["train"]) == 2


def test_reads_a_table_that_a_spreadsheet_has_marked(tables: Any) -> None:
    for table in (tables.fer2013, tables.ferplus):
        table.write_bytes(b"\xef\xbb\xbf" + table.read_bytes())
    assert len(read_csv_pair(tables.fer2013, tables.ferplus)["train"]) == 2


def test_counts_the_rows_that_it_reads(tables: Any) -> None:
    steps: list[int] = []
    read_csv_pair(tables.fer2013, tables.ferplus, steps.append)
    assert sum(steps) == 3


def refusal(fer2013: Path, ferplus: Path) -> str:
    with pytest.raises(TrainingError) as refused:
        read_csv_pair(fer2013, ferplus)
    message = str(refused.value)
    assert "\n" not in message
    return message


@pytest.mark.parametrize(
    ("table", "line", "old", "new", "complaint"),
    [
        ("fer2013", 1, "pixels", "colours", r"fer2013.csv, line 1: missing column 'pixels'"),
        ("ferplus", 1, ",fear", "", r"fer2013new.csv, line 1: missing column 'fear'"),
        ("fer2013", 3, ",Training", "", r"fer2013.csv, line 3: 2 columns, the header has 3"),
        ("ferplus", 4, ",1,0,0,0", "", r"fer2013new.csv, line 4: 8 columns, the header has 12"),
        ("fer2013", 2, " ", " 7 ", r"fer2013.csv, line 2: 2305 pixels, expected 2304"),
        ("fer2013", 2, " ", " 7x ", r"fer2013.csv, line 2: a pixel is not a whole number"),
        ("fer2013", 2, " ", " 256", r"fer2013.csv, line 2: pixel 256\d* is out of range 0 to 255"),
        ("fer2013", 3, " ", " -", r"fer2013.csv, line 3: pixel -\d+ is out of range 0 to 255"),
        ("fer2013", 3, " ", " " + 30 * "9", r"fer2013.csv, line 3: pixel \d+ is out of range"),
        ("ferplus", 3, ",10,", ",-1,", r"fer2013new.csv, line 3: a vote is out of range"),
        ("ferplus", 3, ",10,", ",256,", r"fer2013new.csv, line 3: a vote is out of range"),
        ("ferplus", 3, ",10,", ",ten,", r"fer2013new.csv, line 3: a vote is not a whole number"),
        (
            "ferplus",
            4,
            "PublicTest",
            "Training",
            r"fer2013new.csv, line 4: Usage is 'Training' but .*fer2013.csv, line 4, has 'PublicTe",
        ),
    ],
)
def test_names_file_and_line_of_a_broken_row(
    tables: Any, table: str, line: int, old: str, new: str, complaint: str
) -> None:
    tables.change(getattr(tables, table), line, old, new)
    assert re.search(complaint, refusal(tables.fer2013, tables.ferplus))


def test_refuses_an_unknown_usage(tables: Any) -> None:
    tables.change(tables.fer2013, 2, "Training", "Trainig")
    tables.change(tables.ferplus, 2, "Training", "Trainig")
    message = refusal(tables.fer2013, tables.ferplus)
    assert "fer2013.csv, line 2: Usage is 'Trainig', expected one of Training" in message


@pytest.mark.parametrize("shorter", ["fer2013", "ferplus"])
def test_refuses_tables_of_different_length(tables: Any, shorter: str) -> None:
    table: Path = getattr(tables, shorter)
    table.write_text("\n".join(table.read_text().splitlines()[:-1]) + "\n")
    message = refusal(tables.fer2013, tables.ferplus)
    assert message.startswith(f"{table} ends at line 3 but ")
    assert message.endswith("the two files do not belong together")


@pytest.mark.parametrize("table", ["fer2013", "ferplus"])
@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "the file is empty"),
        (b"\x89PNG\r\n\x1a\n\x00\xff\xfe\xfd", "line 1: not a CSV row"),
        (b"PK\x03\x04\x00\x00,\n", "line 1: "),
    ],
)
def test_refuses_a_file_that_is_no_table(
    tables: Any, table: str, content: bytes, complaint: str
) -> None:
    path: Path = getattr(tables, table)
    path.write_bytes(content)
    message = refusal(tables.fer2013, tables.ferplus)
    assert message.startswith(str(path))
    assert complaint in message


def test_refuses_tables_with_a_header_alone(tables: Any) -> None:
    for table in (tables.fer2013, tables.ferplus):
        table.write_text(table.read_text().splitlines()[0] + "\n")
    assert refusal(tables.fer2013, tables.ferplus) == f"{tables.fer2013}: no rows"


def test_refuses_a_missing_file(tables: Any) -> None:
    tables.ferplus.unlink()
    assert refusal(tables.fer2013, tables.ferplus) == f"{tables.ferplus}: No such file or directory"


def test_refuses_an_archive_without_the_table(tables: Any) -> None:
    with tarfile.open(tables.archive, "w:gz") as archive:
        archive.add(tables.ferplus, "fer2013/readme.csv")
    assert refusal(tables.archive, tables.ferplus) == f"{tables.archive}: holds no fer2013.csv"


@pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 0.7, 0.99])
def test_refuses_a_truncated_archive_wherever_it_ends(tables: Any, share: float) -> None:
    whole = tables.archive.read_bytes()
    tables.archive.write_bytes(whole[: int(share * len(whole))])
    message = refusal(tables.archive, tables.ferplus)
    assert message.startswith(str(tables.archive))


def test_refuses_an_archive_with_a_damaged_middle(tables: Any) -> None:
    whole = bytearray(tables.archive.read_bytes())
    whole[len(whole) // 2] ^= 0xFF
    whole[len(whole) // 2 + 1] ^= 0xFF
    tables.archive.write_bytes(bytes(whole))
    assert refusal(tables.archive, tables.ferplus).startswith(str(tables.archive))


def test_refuses_a_file_that_only_calls_itself_an_archive(tables: Any) -> None:
    tables.archive.write_bytes(gzip.compress(b"not a tar archive"))
    assert "not a readable tar archive" in refusal(tables.archive, tables.ferplus)


def test_array_file_gives_back_what_was_saved(tables: Any, tmp_path: Path) -> None:
    data = read_csv_pair(tables.fer2013, tables.ferplus)
    path = tmp_path / "deep" / "ferplus.npz"
    save_arrays(data, path)
    again = load_arrays(path)
    assert list(again) == list(data)
    for part in data:
        np.testing.assert_array_equal(again[part].images, data[part].images)
        np.testing.assert_array_equal(again[part].votes, data[part].votes)
        np.testing.assert_array_equal(again[part].names, data[part].names)
    assert [entry.name for entry in path.parent.iterdir()] == ["ferplus.npz"]


def test_failed_save_keeps_the_old_file_and_no_draft(
    tables: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "kept" / "ferplus.npz"
    path.parent.mkdir()
    path.write_bytes(b"old")
    data = read_csv_pair(tables.fer2013, tables.ferplus)

    def interrupted(stream: Any, **arrays: Any) -> None:
        stream.write(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(np, "savez_compressed", interrupted)
    with pytest.raises(KeyboardInterrupt):
        save_arrays(data, path)
    assert path.read_bytes() == b"old"
    assert list(path.parent.iterdir()) == [path]


def test_missing_array_file_says_how_to_make_it(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="no such file; make it with `emotion-train prepare`"):
        load_arrays(tmp_path / "ferplus.npz")


@pytest.mark.parametrize(
    "arrays",
    [
        {"weights": np.zeros(3)},
        {"train_images": np.zeros((2, 48, 48), np.uint8)},
        {
            "train_images": np.zeros((2, 48, 48), np.uint8),
            "train_votes": np.zeros((3, 10), np.uint8),
            "train_names": np.array(["a.png", "b.png"]),
        },
        {
            "train_images": np.zeros((2, 48, 48), np.float32),
            "train_votes": np.zeros((2, 10), np.uint8),
            "train_names": np.array(["a.png", "b.png"]),
        },
        {
            "train_images": np.array([{}, {}]),
            "train_votes": np.zeros((2, 10), np.uint8),
            "train_names": np.array(["a.png", "b.png"]),
        },
    ],
)
def test_refuses_an_array_file_of_another_kind(tmp_path: Path, arrays: dict[str, Any]) -> None:
    path = tmp_path / "other.npz"
    np.savez(path, **arrays)
    with pytest.raises(TrainingError, match=rf"^{re.escape(str(path))}: not a prepared FER\+ file"):
        load_arrays(path)


def test_refuses_an_array_file_that_is_none(tmp_path: Path) -> None:
    path = tmp_path / "text.npz"
    path.write_text("hello")
    with pytest.raises(TrainingError, match=r"not a prepared FER\+ file"):
        load_arrays(path)


def test_real_tables_give_the_published_pictures(real_data: FerPlus) -> None:
    from training.targets import majority_labels  # noqa: PLC0415

    data = real_data
    assert {part: len(rows) for part, rows in data.items()} == {"train": 28561, "valid": 3579}

    def kept(part: Part) -> int:
        return len(majority_labels(part.votes)[0])

    assert (kept(data["train"]), kept(data["valid"])) == (25060, 3199)
