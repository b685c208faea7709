"""The curves of a run as TensorBoard reads them, by TensorFlow's own writer.

TensorBoard itself is not needed to write them, so the scalars are described here as its plugin for
scalars wants them (`tf.summary.scalar` would ask for the whole of TensorBoard).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from training.history import HISTORY_COLUMNS, read_history

FOLDER: Final = "tensorboard"
"""Below the run's folder."""


class Curves:
    """Called after each epoch, adds its line of `history.csv` to the run's event file.

    The file is made at the first epoch; a run that is taken up goes on in another one beside it.
    """

    def __init__(self, run: Path) -> None:
        self._run = run
        self._writer: Any = None

    def __call__(self, epoch: int, _accuracy: float) -> None:
        import tensorflow as tf  # noqa: PLC0415  # seconds to load

        if self._writer is None:
            self._writer = tf.summary.create_file_writer(str(self._run / FOLDER))
        row = read_history(self._run / "history.csv")[-1]
        described = tf.compat.v1.SummaryMetadata()
        described.plugin_data.plugin_name = "scalars"
        described.data_class = 1  # DATA_CLASS_SCALAR of tensorflow/core/framework/summary.proto
        with self._writer.as_default(step=epoch):
            for name in HISTORY_COLUMNS[1:]:
                tf.summary.write(name, tf.constant(float(row[name])), metadata=described)
        self._writer.flush()
