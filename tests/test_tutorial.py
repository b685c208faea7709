"""The notebook in `docs/tutorial`: clean as it is stored, and run from beginning to end."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from agent.emotion import manifest as manifests
from agent.emotion.labels import EMOTIONS

SMALL = {"FER2013": "not-here.csv", "DRAWN": 640, "PICTURES": 640, "EPOCHS": 4}
"""Faces are drawn: the real tables are not at hand everywhere, and take longer."""


@pytest.fixture(scope="module")
def notebook(project: Path) -> Path:
    return project / "docs/tutorial/expressions.ipynb"


def code_cells(book: Any) -> list[Any]:
    return [cell for cell in book.cells if cell.cell_type == "code"]


def printed(book: Any, name: str) -> str:
    """What the cell of that name printed on standard output."""
    (cell,) = [cell for cell in book.cells if cell.id == name]
    return "".join(out.text for out in cell.outputs if out.get("name") == "stdout")


@pytest.fixture(scope="module")
def executed(
    notebook: Path, demo_file: Any, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Any, Path]:
    """The notebook after a run with few drawn faces, and the folder that it wrote to."""
    for name in ("blazeface-back", "astronaut.png", "grace_hopper.jpg"):
        demo_file(name)
    work = tmp_path_factory.mktemp("tutorial")
    book = nbformat.read(notebook, as_version=4)
    (place,) = [
        number
        for number, cell in enumerate(book.cells)
        if "parameters" in cell.metadata.get("tags", ())
    ]
    given = "\n".join(f"{key} = {value!r}" for key, value in (SMALL | {"WORK": str(work)}).items())
    book.cells.insert(place + 1, nbformat.v4.new_code_cell(given))
    where = {"metadata": {"path": str(notebook.parent)}}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("IPYTHONDIR", str(work / "ipython"))  # not into the user's own history
        patch.setenv("JUPYTER_RUNTIME_DIR", str(work / "jupyter"))
        NotebookClient(book, timeout=None, kernel_name="python3", resources=where).execute()
    return book, work


def test_the_stored_notebook_shows_no_picture_and_no_other_output(notebook: Path) -> None:
    book = nbformat.read(notebook, as_version=4)
    nbformat.validate(book)
    assert len(code_cells(book)) > 10
    for cell in code_cells(book):
        assert cell.outputs == [], cell.id
        assert cell.execution_count is None, cell.id
    # Nor one that was pasted into the text.
    assert all("attachments" not in cell for cell in book.cells)
    assert "data:image" not in notebook.read_text()


def test_its_links_lead_somewhere(notebook: Path) -> None:
    links = re.findall(r"\]\((\.\./[^)#]+)", notebook.read_text())
    assert len(links) > 3
    for link in links:
        assert (notebook.parent / link).resolve().exists(), link


def test_every_cell_runs_without_a_warning(executed: tuple[Any, Path]) -> None:
    book, _ = executed
    for cell in code_cells(book):
        assert cell.execution_count is not None, cell.id
        said = [out.text for out in cell.outputs if out.get("name") == "stderr"]
        assert said == [], cell.id
        assert "WARNING" not in printed(book, cell.id), cell.id


def test_its_network_learns_the_drawn_faces(executed: tuple[Any, Path]) -> None:
    book, _ = executed
    assert "drawing faces instead" in printed(book, "prepare")
    found = re.search(r"^accuracy +(\S+) %$", printed(book, "evaluate"), re.MULTILINE)
    assert found is not None
    assert float(found[1]) > 60  # one in eight by chance, nine in ten at best


def test_its_file_says_the_same_and_the_agent_reads_both_portraits_with_it(
    executed: tuple[Any, Path],
) -> None:
    book, work = executed
    manifest = manifests.read(work / "models/tutorial")
    assert manifest.file_for("tflite", "int8") is not None
    agreement = re.search(r"^int8 .* same answer in (\S+)%", printed(book, "parity"), re.MULTILINE)
    assert agreement is not None
    assert float(agreement[1]) > 95
    assert manifest.crops
    lines = printed(book, "agent").splitlines()
    assert [line for line in lines if not line.startswith(" ")] == ["tutorial:", "fer-compact:"]
    read = re.findall(r"(\w+)\.(?:png|jpg): face at .* (\w+) \d+ %", "\n".join(lines))
    assert [name for name, _ in read] == ["astronaut", "grace_hopper"] * 2
    assert {emotion for _, emotion in read} <= set(EMOTIONS)
    assert read[2:] == [("astronaut", "happiness"), ("grace_hopper", "neutral")]


def test_it_shows_what_each_part_does_to_pictures(executed: tuple[Any, Path]) -> None:
    book, _ = executed
    for name in ("portraits", "augment", "convolution", "dropout", "inside", "confusion"):
        (cell,) = [cell for cell in book.cells if cell.id == name]
        shown = [out for out in cell.outputs if "image/png" in out.get("data", {})]
        assert shown, name


def test_nothing_is_written_beside_the_notebook(executed: tuple[Any, Path], notebook: Path) -> None:
    assert [path.name for path in notebook.parent.iterdir()] == [notebook.name]
