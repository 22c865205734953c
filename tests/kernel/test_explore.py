"""`explore` in a real kernel: it finds what the `%%chat` cells asked, with whom, and how."""

from __future__ import annotations

from tests.kernel.conftest import Kernel
from tests.servers import OpenAIServer

BRANCH = "m = await e.branch(0, 1)"


def test_the_last_answer_of_the_cells_is_explored_with_their_model_and_options(kernel: Kernel) -> None:
    with OpenAIServer(lambda body: "Hello there.") as server:
        assert kernel.run("import os, nbchat\nos.environ['OPENROUTER_API_KEY'] = 'k'").status == "ok"
        options = f"--set base_url={server.base_url} -t 0.25 --system 'Be brief.'"
        assert kernel.run(f"%chat openrouter:gpt-test {options}").status == "ok"
        assert kernel.run("%%chat --logprobs 3 -o reply\nHi?").status == "ok"
        assert kernel.run("%%chat\nAnd now?").status == "ok"
        for given in ("", "reply", "nbchat.ChatPanel()"):
            ran = kernel.run(f"e = nbchat.explore({given})\n{BRANCH}\nprint(e.branches[0] is reply, m.text)")
            assert ran.status == "ok", ran.traceback
            assert ran.printed.startswith("True ")
            asked = server.requests[-1].json
            assert [m["content"] for m in asked["messages"][:-1]] == ["Be brief.", "Hi?"]
            assert asked["messages"][-1]["role"] == "assistant"
            assert asked["temperature"] == 0.25


def test_before_anything_was_asked_it_says_what_to_do(kernel: Kernel) -> None:
    ran = kernel.run("import nbchat\nnbchat.explore()")
    assert ran.status == "error"
    assert "explore takes an answer or a chat, and nothing was asked yet" in "\n".join(ran.traceback)


def test_a_shown_explorer_leaves_its_text_in_the_file(kernel: Kernel) -> None:
    entries = "[{'token': t, 'logprob': -0.5, 'top_logprobs': []} for t in ('a ', '<b>', ' c')]"
    answer = f"nbchat.AIMessage('a <b> c', response_metadata={{'logprobs': {{'content': {entries}}}}})"
    ran = kernel.run(f"import nbchat\nnbchat.explore({answer})")
    assert ran.status == "ok", ran.traceback
    shown = [m["content"]["data"] for m in ran.outputs if m["msg_type"] == "display_data"]
    html = "".join(data.get("text/html", "") for data in shown)
    assert "&lt;b&gt;" in html
    assert "<b>" not in html
    assert any("a <b> c" in data.get("text/plain", "") for data in shown)
