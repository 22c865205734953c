"""An executed notebook reads the same with no kernel: as HTML and as Markdown."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbconvert import HTMLExporter, MarkdownExporter

from tests.servers import OpenAIServer

ANSWER = "# Heading\n\nSome **bold** words, `code`, and $x^2$.\n\n| a | b |\n|---|---|\n| 1 | 2 |\n"


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory) -> nbformat.NotebookNode:
    with OpenAIServer(lambda body: ANSWER) as server:
        cells = [
            f"import os\nos.environ['OPENAI_API_KEY'] = 'k'\nos.environ['OPENAI_BASE_URL'] = {server.base_url!r}",
            "%load_ext nbchat\n%chat openai:gpt-test",
            "%%chat\nhello",
        ]
        book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
        folder: Path = tmp_path_factory.mktemp("book")
        NotebookClient(book, timeout=60, resources={"metadata": {"path": str(folder)}}).execute()
    return book


def test_html_holds_the_rendered_answer_and_nothing_that_loads(executed: nbformat.NotebookNode) -> None:
    html, _ = HTMLExporter(template_name="lab").from_notebook_node(executed)
    answer = html[html.index('class="nbchat"') :]
    assert "<strong>bold</strong>" in answer
    assert "Heading</h3>" in answer
    assert "<td>1</td>" in answer
    assert "$x^2$" in answer


def test_markdown_holds_the_same_answer(executed: nbformat.NotebookNode) -> None:
    text, _ = MarkdownExporter().from_notebook_node(executed)
    answer = text[text.index('class="nbchat"') :]
    for shown in ("<strong>bold</strong>", "Heading</h3>", "<td>1</td>", "$x^2$", "gpt-test"):
        assert shown in answer


def test_only_one_output_is_saved_for_an_answer(executed: nbformat.NotebookNode) -> None:
    outputs = executed.cells[-1].outputs
    assert len(outputs) == 1
    assert set(outputs[0].data) == {"text/html", "text/markdown", "text/plain"}
    assert "**bold**" in outputs[0].data["text/plain"]
