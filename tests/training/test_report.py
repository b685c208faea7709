from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from agent.emotion.labels import EMOTIONS
from agent.emotion.manifest import FILE_NAME, read
from agent.emotion.preprocess import Preprocessing
from training.candidate import Candidate
from training.errors import TrainingError
from training.ferplus import FerPlus, load_arrays
from training.history import HISTORY_COLUMNS
from training.model_card import card, write_card
from training.report import ModelReport, examine, write_report
from training.robustness import CONDITIONS


@pytest.fixture
def data(prepared: Path) -> FerPlus:
    return load_arrays(prepared)


@pytest.fixture
def found(data: FerPlus, tmp_path: Path) -> ModelReport:
    """Of a model that knows the validation part by heart, but for its first picture."""
    answers = data["valid"].votes[:, :8].argmax(axis=1)
    answers[0] = (answers[0] + 3) % 8

    def outputs(inputs: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
        return np.asarray(np.eye(8)[answers] * 4, np.float64)

    history = tmp_path / "history.csv"
    history.write_text(",".join(HISTORY_COLUMNS) + "\n1,0.1,1.5,1.4,0.5\n2,0,1.2,1.1,0.6\n")
    prior = dict.fromkeys(EMOTIONS, 0.1) | {"neutral": 0.3}
    candidate = Candidate("<drawn>", 2.0, 48, Preprocessing(), outputs, prior)
    return examine(candidate, data, "valid", history, say=lambda line: None)


class Page(HTMLParser):
    """Checks that tags close in order, and keeps what a person reads."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.words: list[str] = []
        self.images = 0
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "img":
            self.images += 1
            assert str(dict(attrs)["src"]).startswith("data:image/png;base64,")
        elif tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open and data.strip():
            self.words.append(data.strip())


def test_page_shows_plots_tables_and_mistakes_by_name(
    found: ModelReport, data: FerPlus, tmp_path: Path
) -> None:
    page, *plots = write_report(found, tmp_path / "out")
    assert [path.name for path in plots] == [
        "confusion.png",
        "recall.png",
        "reliability.png",
        "robustness.png",
        "curves.png",
    ]
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in plots)
    shown = Page(page.read_text())
    assert shown.images == len(plots)
    assert "<drawn>: a report" in shown.words
    assert "97.50 %" in shown.words
    assert str(data["valid"].names[0]) in shown.words
    assert "neutral 7, happiness 3" in shown.words
    assert set(CONDITIONS) <= set(shown.words)
    assert "http" not in page.read_text()  # nothing is fetched from elsewhere


def test_only_wrong_answers_are_mistakes(found: ModelReport, data: FerPlus) -> None:
    (mistake,) = found.mistakes
    assert mistake.name == data["valid"].names[0]
    assert (mistake.label, mistake.answer) == ("neutral", "sadness")
    assert mistake.confidence == pytest.approx(np.exp(2) / (np.exp(2) + 7), abs=1e-3)


def test_expecting_every_emotion_as_often_is_measured_by_strength(found: ModelReport) -> None:
    assert list(found.uniform) == [0, 0.25, 0.5, 0.75, 1]
    assert found.uniform[0].as_dict() == found.evaluation.metrics.as_dict()
    neutral = [metrics.cross_entropy for metrics in found.uniform.values()]
    assert len(set(neutral)) == 5


def test_the_temperature_is_told_from_none(found: ModelReport) -> None:
    metrics = found.evaluation.metrics
    assert found.uncalibrated.accuracy == metrics.accuracy
    assert found.uncalibrated.calibration_error < metrics.calibration_error


def test_the_shipped_models_card_tells_what_manifest_and_report_say(
    found: ModelReport, project: Path
) -> None:
    manifest = read(project / "models/fer-compact")
    text = card(manifest, found)
    assert text.startswith(f"# {manifest.model_id}\n")
    for file in manifest.files:
        accuracy = manifest.metrics["files"][file.file]["valid"]["accuracy"]
        assert re.search(rf"{file.file}` \| {file.bytes:,} \| {100 * accuracy:.2f} %", text)
    for condition in CONDITIONS:
        assert f"| {condition} |" in text
    assert "Article 5" in text
    assert "Mean recall 97.5 %" in text
    prose = [line for line in text.splitlines() if not line.startswith("|")]
    assert max(map(len, prose)) <= 100


def test_a_card_lies_in_the_models_folder(
    found: ModelReport, project: Path, tmp_path: Path
) -> None:
    manifest = read(project / "models/fer-compact")
    assert write_card(manifest, found, tmp_path) == tmp_path / "README.md"
    assert (tmp_path / "README.md").read_text() == card(manifest, found)


def test_the_shipped_card_is_that_of_the_shipped_files(project: Path) -> None:
    folder = project / "models/fer-compact"
    text = (folder / "README.md").read_text()
    manifest = read(folder)
    assert text.startswith(f"# {manifest.model_id}\n")
    for file in manifest.files:
        assert f"`{file.file}` | {file.bytes:,} |" in text
    assert (folder / FILE_NAME).is_file()


def test_a_part_that_is_not_there_is_refused(data: FerPlus, tmp_path: Path) -> None:
    del data["test"]
    candidate = Candidate("none", 1.0, 48, Preprocessing(), lambda inputs: np.zeros((1, 8)))
    with pytest.raises(TrainingError, match="the data has no test part"):
        examine(candidate, data, "test", tmp_path / "none.csv", say=lambda line: None)
