"""The event files that `emotion-train train --tensorboard` leaves, read back record by record."""

from __future__ import annotations

from pathlib import Path

import pytest

from training.cli import main
from training.history import HISTORY_COLUMNS, read_history
from training.tensorboard import FOLDER


def test_each_epoch_is_told_once_though_the_run_was_taken_up(
    prepared: Path, tiny_network: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import tensorflow as tf  # noqa: PLC0415  # after the fixture has loaded it quietly
    from tensorflow.core.util import event_pb2  # noqa: PLC0415

    from training import tensorboard  # noqa: PLC0415

    told = tensorboard.Curves.__call__

    def told_then_stopped(curves: tensorboard.Curves, epoch: int, accuracy: float) -> None:
        told(curves, epoch, accuracy)
        raise KeyboardInterrupt

    command = ["train", "--data", str(prepared), "--out", str(tmp_path), "--tensorboard"]
    command += ["--model", "tiny", "--epochs", "2", "--batch", "32", "--precision", "float32"]
    with monkeypatch.context() as patch:
        patch.setattr(tensorboard.Curves, "__call__", told_then_stopped)
        assert main(command) == 130
    assert main(command) == 0

    found: dict[tuple[int, str], float] = {}
    for path in sorted((tmp_path / FOLDER).iterdir()):
        for record in tf.data.TFRecordDataset(str(path)):
            event = event_pb2.Event.FromString(record.numpy())
            for value in event.summary.value:
                assert value.metadata.plugin_data.plugin_name == "scalars"
                assert (event.step, value.tag) not in found
                found[event.step, value.tag] = float(tf.make_ndarray(value.tensor))
    rows = read_history(tmp_path / "history.csv")
    names = HISTORY_COLUMNS[1:]
    assert found == {
        (int(row["epoch"]), name): pytest.approx(float(row[name]), abs=1e-6)
        for row in rows
        for name in names
    }
    assert len(found) == 2 * len(names)
