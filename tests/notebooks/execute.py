"""Run the notebooks, and keep what a reader on GitHub is to see: `python -m tests.notebooks.execute [NAME …]`."""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode

FOLDER = Path(__file__).parents[2] / "notebooks"
VIEW = "application/vnd.jupyter.widget-view+json"


def executed(path: Path, folder: str | Path) -> NotebookNode:
    """The notebook with what its cells gave, run in this folder."""
    book = nbformat.read(path, as_version=4)
    about = {"metadata": {"path": str(folder)}}
    client = NotebookClient(
        book, timeout=300, resources=about, record_timing=False, store_widget_state=False, coalesce_streams=True
    )
    client.execute()
    return book


def static(book: NotebookNode) -> NotebookNode:
    """The notebook without what means nothing later: views of widgets, beside which stands what they showed last;
    outputs that were taken back; which Python it was."""
    for cell in book.cells:
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if not _means_nothing(output.get("data", {}))]
    book.metadata.language_info = {"name": "python", "file_extension": ".py", "mimetype": "text/x-python"}
    return book


def _means_nothing(data: NotebookNode) -> bool:
    return VIEW in data or data == {"text/plain": ""}


if __name__ == "__main__":
    for path in [FOLDER / f"{name}.ipynb" for name in sys.argv[1:]] or sorted(FOLDER.glob("*.ipynb")):
        with TemporaryDirectory() as folder:
            nbformat.write(static(executed(path, folder)), path)
        print(path.name, f"{path.stat().st_size / 1000:,.0f} kB")
