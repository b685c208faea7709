"""`emotion-train` from its arguments to its files and exit status."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from training.cli import main
from training.ferplus import load_arrays
from training.plan import Plan

Capture = pytest.CaptureFixture[str]


def train_arguments(prepared: Path, out: Path, *more: str) -> list[str]:
    plan = ["--model", "tiny", "--epochs", "2", "--batch", "32", "--precision", "float32"]
    return ["train", "--data", str(prepared), "--out", str(out), *plan, *more]


def only_error_line(capsys: Capture) -> str:
    """What a refused command says; it must be one line."""
    captured = capsys.readouterr()
    assert captured.out == ""
    lines = captured.err.splitlines()
    assert len(lines) == 1, captured.err
    assert lines[0].startswith("emotion-train: error: ")
    return str(lines[0])


def test_prepare_writes_the_array_file_and_counts(
    tables: Any, tmp_path: Path, capsys: Capture
) -> None:
    tables.add("Training", *10 * [0], named=False)
    tables.write()
    assert main([*tables.arguments, "--out", str(tmp_path / "build/fer.npz")]) == 0
    data = load_arrays(tmp_path / "build/fer.npz")
    assert {part: len(rows) for part, rows in data.items()} == {"train": 2, "valid": 1}
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["train", "2", "pictures"] in lines
    assert ["valid", "1", "pictures"] in lines
    assert ["1", "rows", "dropped:"] in [line[:3] for line in lines]


def test_prepare_reads_the_archive(tables: Any, tmp_path: Path) -> None:
    out = tmp_path / "fer.npz"
    arguments = ["prepare", "--fer2013", str(tables.archive), "--ferplus", str(tables.ferplus)]
    assert main([*arguments, "--out", str(out)]) == 0
    assert len(load_arrays(out)["train"]) == 2


def test_prepare_writes_a_tree_and_will_not_write_over_it(
    tables: Any, tmp_path: Path, capsys: Capture
) -> None:
    arguments = [*tables.arguments, "--tree", str(tmp_path / "fer")]
    assert main(arguments) == 0
    assert (tmp_path / "fer/FER2013Train/label.csv").exists()
    capsys.readouterr()
    assert main(arguments) == 1
    assert "--force replaces it" in only_error_line(capsys)
    assert main([*arguments, "--force"]) == 0


def test_prepare_interrupted_leaves_nothing(
    tables: Any, tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: Any, **__: Any) -> None:
        signal.raise_signal(signal.SIGINT)

    out = tmp_path / "out"
    for module, name, place in (
        (np, "savez_compressed", ["--out", str(out / "fer.npz")]),
        (cv2, "imencode", ["--tree", str(out / "fer")]),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(module, name, interrupted)
            assert main([*tables.arguments, *place]) == 130
        assert list(out.iterdir()) == []
        assert capsys.readouterr().err == "emotion-train: interrupted; nothing was written\n"


def test_bad_tables_give_one_line_with_file_and_line(
    tables: Any, tmp_path: Path, capsys: Capture
) -> None:
    tables.change(tables.ferplus, 3, ",10,", ",ten,")
    assert main([*tables.arguments, "--out", str(tmp_path / "fer.npz")]) == 1
    assert f"{tables.ferplus}, line 3: a vote is not a whole number" in only_error_line(capsys)
    assert not (tmp_path / "fer.npz").exists()


def test_a_place_that_cannot_be_written_gives_one_line(
    tables: Any, tmp_path: Path, capsys: Capture
) -> None:
    (tmp_path / "file").write_text("")
    assert main([*tables.arguments, "--out", str(tmp_path / "file/fer.npz")]) == 1
    assert str(tmp_path / "file") in only_error_line(capsys)
    assert main([*tables.arguments, "--out", str(tmp_path)]) == 1
    assert "is a folder; --out needs a file name" in only_error_line(capsys)


def test_process_prints_one_table_a_part(prepared: Path, capsys: Capture) -> None:
    assert main(["process", "--data", str(prepared)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if line.endswith("pictures")] == [
        "train: 96 pictures",
        "valid: 40 pictures",
        "test: 16 pictures",
    ]
    assert ["kept", "96", "96", "96", "96"] in [line.split() for line in lines]
    assert ["fear", "5", "5", "5", "5"] in [line.split() for line in lines]


def test_process_prints_json_for_one_mode(prepared: Path, capsys: Capture) -> None:
    assert main(["process", "--data", str(prepared), "--targets", "majority", "--json"]) == 0
    plain = json.loads(capsys.readouterr().out)
    assert list(plain["valid"]) == ["majority"]
    assert plain["valid"]["majority"]["kept"] == 40
    assert plain["valid"]["majority"]["classes"]["contempt"] == 5


def test_train_then_evaluate(
    prepared: Path, tiny_network: str, tmp_path: Path, capsys: Capture
) -> None:
    run = tmp_path / "run"
    assert main(train_arguments(prepared, run)) == 0
    assert capsys.readouterr().out.splitlines()[-1] == f"the model is {run / 'model.keras'}"

    arguments = ["evaluate", str(run / "model.keras"), "--data", str(prepared)]
    assert main([*arguments, "--out", str(run / "evaluation")]) == 0
    assert "40 of the valid part" in capsys.readouterr().out
    assert sorted(path.name for path in (run / "evaluation").iterdir()) == [
        "confusion.png",
        "curves.png",
        "metrics.json",
        "reliability.png",
    ]
    assert main([*arguments, "--part", "test", "--json"]) == 0
    plain = json.loads(capsys.readouterr().out)
    assert (plain["part"], plain["pictures"]) == ("test", 16)
    assert "fer2013new.csv" in plain["protocol"]


def test_evaluation_agrees_with_the_last_line_of_the_history(
    prepared: Path, tiny_network: str, tmp_path: Path, capsys: Capture
) -> None:
    assert main(train_arguments(prepared, tmp_path, "--rate", "0.05")) == 0
    capsys.readouterr()
    model = str(tmp_path / "model.keras")
    assert main(["evaluate", model, "--data", str(prepared), "--json"]) == 0
    plain = json.loads(capsys.readouterr().out)
    last = (tmp_path / "history.csv").read_text().splitlines()[-1].split(",")
    assert plain["cross_entropy"] == pytest.approx(float(last[3]), abs=1e-4)
    assert plain["accuracy"] == pytest.approx(float(last[4]), abs=1e-6)


def test_train_without_plan_flags_follows_the_usual_plan(
    prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from training import train  # noqa: PLC0415

    seen: list[tuple[Plan, Path]] = []

    def noted(
        _: Any, plan: Plan, folder: Path, fresh: bool, after_epoch: Any, devices: Any
    ) -> Path:
        seen.append((plan, folder))
        assert (fresh, after_epoch, devices.count) == (False, None, 1)
        return folder

    monkeypatch.setattr(train, "train", noted)
    assert main(["train", "--data", str(prepared)]) == 0
    assert seen == [(Plan(), Path("build/train/fer-compact"))]


def test_train_interrupted_keeps_the_finished_epoch_and_says_so(
    prepared: Path,
    tiny_network: str,
    tmp_path: Path,
    capsys: Capture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from training import train  # noqa: PLC0415

    save = train._save_checkpoint

    def save_then_interrupt(run: Any) -> None:
        save(run)
        signal.raise_signal(signal.SIGINT)

    arguments = train_arguments(prepared, tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(train, "_save_checkpoint", save_then_interrupt)
        assert main(arguments) == 130
    (last,) = capsys.readouterr().err.splitlines()
    assert last.startswith("emotion-train: interrupted; the last finished epoch is kept in")
    assert str(tmp_path) in last
    assert main(arguments) == 0
    assert "after epoch 1" in capsys.readouterr().out
    assert len((tmp_path / "history.csv").read_text().splitlines()) == 3


def test_train_interrupted_in_the_first_epoch_keeps_nothing(
    prepared: Path,
    tiny_network: str,
    tmp_path: Path,
    capsys: Capture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from training import train  # noqa: PLC0415

    monkeypatch.setattr(train, "follower", lambda *_: lambda _: signal.raise_signal(signal.SIGINT))
    assert main(train_arguments(prepared, tmp_path)) == 130
    said = capsys.readouterr().err
    assert said == "emotion-train: interrupted; no epoch was finished, nothing is kept\n"


def test_train_with_another_plan_says_what_to_do(
    prepared: Path, tiny_network: str, tmp_path: Path, capsys: Capture
) -> None:
    assert main(train_arguments(prepared, tmp_path, "--epochs", "1")) == 0
    capsys.readouterr()
    assert main(train_arguments(prepared, tmp_path)) == 1
    assert "other settings (epochs); choose another --out, or --fresh" in only_error_line(capsys)
    assert main(train_arguments(prepared, tmp_path, "--fresh")) == 0


@pytest.mark.parametrize("command", ["process", "train", "evaluate"])
def test_missing_data_gives_one_line(command: str, tmp_path: Path, capsys: Capture) -> None:
    missing = tmp_path / "none.npz"
    model = ["model.keras"] if command == "evaluate" else []
    assert main([command, *model, "--data", str(missing)]) == 1
    line = only_error_line(capsys)
    assert f"{missing}: no such file; make it with `emotion-train prepare`" in line


def test_a_model_folder_without_manifest_gives_one_line(
    prepared: Path, tmp_path: Path, capsys: Capture
) -> None:
    assert main(["evaluate", str(tmp_path), "--data", str(prepared)]) == 1
    assert "manifest.json: No such file" in only_error_line(capsys)


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["fly"],
        ["prepare"],
        ["prepare", "--fer2013", "a", "--ferplus", "b", "--out", "c", "--tree", "d"],
        ["process", "--targets", "all-of-them"],
        ["train", "--epochs", "0"],
        ["train", "--epochs", "many"],
        ["train", "--batch", "1.5"],
        ["train", "--rate", "0"],
        ["train", "--rate", "nan"],
        ["train", "--weight-decay", "-1"],
        ["train", "--warm-up", "1"],
        ["train", "--seed", "-1"],
        ["train", "--precision", "float8"],
        ["train", "--devices", "tpu:4"],
        ["train", "--devices", "cpu:0"],
        ["train", "--devices", "cpu:all"],
        ["train", "--workers", "one:2222"],
        ["train", "--workers", "one:2222,two"],
        ["evaluate"],
        ["evaluate", "model.keras", "--part", "PublicTest"],
    ],
)
def test_wrong_usage_exits_with_2(arguments: list[str], capsys: Capture) -> None:
    with pytest.raises(SystemExit) as left:
        main(arguments)
    assert left.value.code == 2
    assert "usage: emotion-train" in capsys.readouterr().err


def test_help_and_process_need_no_tensorflow() -> None:
    script = (
        "import sys; from training import cli\n"
        "try: cli.main(['--help'])\n"
        "except SystemExit as left: assert left.code == 0\n"
        "heavy = {'keras', 'tensorflow', 'matplotlib', 'tqdm'} & set(sys.modules)\n"
        "sys.exit(f'loaded: {heavy}' if heavy else 0)"
    )
    subprocess.run([sys.executable, "-c", script], check=True, stdout=subprocess.DEVNULL)


def test_a_missing_extra_is_named(
    tables: Any, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "training.prepare", raising=False)
    monkeypatch.setitem(sys.modules, "tqdm", None)
    assert main(tables.arguments) == 1
    assert "tqdm is not installed: pip install 'emotion-agent[train]'" in only_error_line(capsys)


def test_a_teacher_that_is_not_there_is_told_before_the_data_is_read(
    tmp_path: Path, capsys: Capture
) -> None:
    teacher = str(tmp_path / "nowhere.keras")
    assert main(["train", "--data", str(tmp_path / "nothing.npz"), "--teacher", teacher]) == 1
    assert f"{teacher}: no such teacher" in only_error_line(capsys)
