"""Every notebook of the project runs to its end on the embedded model, with no key."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

FOLDER = Path(__file__).parents[2] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
SHOWN = {"compare"}  # kept with their outputs: what their widgets leave is what a reader on GitHub wants to see
VIEW = "application/vnd.jupyter.widget-view+json"


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def notebook(request: pytest.FixtureRequest) -> Path:
    return request.param


@pytest.mark.local
@pytest.mark.timeout(400)
def test_a_notebook_runs_to_its_end_and_every_chat_cell_holds_its_answer(notebook: Path, tmp_path: Path) -> None:
    book = nbformat.read(notebook, as_version=4)
    NotebookClient(book, timeout=300, resources={"metadata": {"path": str(tmp_path)}}).execute()
    cells = [cell for cell in book.cells if cell.cell_type == "code"]
    for cell in cells:
        if cell.source.startswith("%%chat"):
            bundles = [output.data for output in cell.outputs if output.output_type == "display_data"]
            assert bundles, f"no answer below {cell.source!r}"
            assert {"text/html", "text/markdown", "text/plain"} <= bundles[-1].keys()
            assert 'aria-busy="false"' in bundles[-1]["text/html"]
            assert len(bundles[-1]["text/markdown"].strip()) > 20
    nbformat.validate(book)


def test_a_notebook_is_committed_without_outputs_and_keys(notebook: Path) -> None:
    book = nbformat.read(notebook, as_version=4)
    outputs = [output for cell in book.cells if cell.cell_type == "code" for output in cell.outputs]
    assert not outputs or notebook.stem in SHOWN
    assert not re.search(r"sk-|/(tmp|home|root)/", notebook.read_text())
    assert "127.0.0.1" not in str(outputs)  # a source may start a server of its own
    assert "widgets" not in book.metadata  # GitHub shows no notebook that holds a part of their state
    assert all("text/html" in output.data for output in outputs if VIEW in output.get("data", {}))
