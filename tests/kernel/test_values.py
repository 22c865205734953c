"""Values show themselves as a cell's last line, with or without %load_ext."""

from __future__ import annotations

import pytest

from tests.kernel.conftest import Kernel

SETUP = """
import nbchat
from nbchat import AIMessage, HumanMessage, ToolMessage, Chat, init_chat_model, tool
from nbchat.values.usage import Usage
from nbchat.values.logprobs import Logprobs, TokenLogprob
address = "http://127.0.0.1:9/v1"
model = init_chat_model("x", model_provider="openai", base_url=address, api_key="sk-never-shown", stop="z")
@tool
def add(a: int, b: int) -> int:
    "Add <b>two</b> numbers."
    return a + b
"""


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("AIMessage('**hi**', usage_metadata=Usage.of(3, 4))", "<strong>hi"),
        ("HumanMessage('<script>x</script>')", "&lt;script&gt;"),
        ("ToolMessage('42', 'c1')", "42"),
        ("Usage.of(1000, 2, output_details={'reasoning': 1})", "1,000"),
        ("Logprobs([TokenLogprob('a', -0.1)])", "perplexity"),
        ("add", "Add &lt;b&gt;two"),
        ("Chat(model)", "tokens"),
        ("model", "OpenAIChat"),
        ("nbchat.providers()", "anthropic"),
    ],
)
def test_a_value_shows_itself(kernel: Kernel, line: str, shown: str) -> None:
    ran = kernel.run(SETUP + line)
    results = [m["content"]["data"] for m in ran.outputs if m["msg_type"] == "execute_result"]
    assert results, ran.traceback
    assert shown in results[0]["text/html"]
    assert "text/plain" in results[0]
    assert "never-shown" not in str(results)
