"""Every notebook of the project runs to its end on the embedded model, with no key; and is kept as it then looks."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest

from tests.notebooks.execute import FOLDER, VIEW, executed, static

LARGEST = 300_000  # bytes of a file


@pytest.fixture(params=sorted(FOLDER.glob("*.ipynb")), ids=lambda path: path.stem)
def notebook(request: pytest.FixtureRequest) -> Path:
    return request.param


@pytest.mark.local
@pytest.mark.timeout(400)
def test_a_notebook_runs_to_its_end_and_every_chat_cell_holds_its_answer(notebook: Path, tmp_path: Path) -> None:
    book = static(executed(notebook, tmp_path))
    assert "loading SmolLM2" not in str(book)  # that was said while it was so
    cells = [cell for cell in book.cells if cell.cell_type == "code"]
    for cell in cells:
        if cell.source.startswith("%%chat"):
            bundles = [output.data for output in cell.outputs if output.output_type == "display_data"]
            assert bundles, f"no answer below {cell.source!r}"
            assert {"text/html", "text/markdown", "text/plain"} <= bundles[-1].keys()
            assert 'aria-busy="false"' in bundles[-1]["text/html"]
            assert len(bundles[-1]["text/markdown"].strip()) > 20
    nbformat.validate(book)


def test_a_notebook_is_kept_as_a_reader_without_a_kernel_is_to_see_it(notebook: Path) -> None:
    """`python -m tests.notebooks.execute` makes it so."""
    book = nbformat.read(notebook, as_version=4)
    cells = [cell for cell in book.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    outputs = [output for cell in cells for output in cell.outputs]
    assert outputs and all(output.output_type != "error" for output in outputs)
    assert "widgets" not in book.metadata  # GitHub shows no notebook that holds a part of their state
    assert not any(VIEW in output.get("data", {}) for output in outputs)
    assert not any("execution" in cell.metadata for cell in cells)  # when it ran is nobody's business
    assert not re.search(r"sk-|/(tmp|home|root|Users)/", notebook.read_text())
    assert not re.search(r"127\.0\.0\.1:(3[2-9]|[4-6]\d)\d{3}", str(outputs))  # a port that was free in that run
    assert notebook.stat().st_size < LARGEST
