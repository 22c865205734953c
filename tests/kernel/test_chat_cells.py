"""`%%chat` in a real kernel: streaming, stopping, errors, names."""

from __future__ import annotations

from typing import Any

import pytest

from tests.kernel.conftest import Kernel
from tests.servers import OpenAIServer, Reply, faulty, openai_answer, openai_stream

LONG = "word " * 2000
EVENTS = openai_stream(openai_answer("one two three four"))


@pytest.fixture
def choose(kernel: Kernel) -> Any:
    def use(server: OpenAIServer) -> None:
        code = f"""
import os
os.environ["OPENAI_API_KEY"] = "sk-test-never-shown"
os.environ["OPENAI_BASE_URL"] = {server.base_url!r}
"""
        assert kernel.run(code).status == "ok"
        ran = kernel.run("%chat openai:gpt-test")
        assert ran.status == "ok", ran.traceback

    return use


@pytest.mark.parametrize("models", [[], ["openai:gpt-a", "openai:gpt-b"]], ids=["one model", "two models"])
def test_stop_keeps_the_partial_answer_and_the_next_cell_runs(kernel: Kernel, choose: Any, models: list[str]) -> None:
    with OpenAIServer(lambda body: LONG, gap=0.02) as server:
        choose(server)
        state = {"draws": 0}

        def interrupt_after_some(message: dict[str, Any]) -> None:
            if "display_data" in message["msg_type"]:
                state["draws"] += 1
                if state["draws"] == 5:
                    kernel.manager.interrupt_kernel()

        line = " ".join(["%%chat -o reply", *(f"-m {model}" for model in models)])
        stopped = kernel.finish(kernel.start(f"{line}\nTell me a long story."), seen=interrupt_after_some)
        assert "word word" in stopped.shown["text/plain"]
        assert "stopped" in stopped.shown["text/html"]
        assert len(stopped.traceback) <= 1
        assert "Traceback" not in "".join(stopped.traceback)
        server.wait_for(lambda: len(server.closed_by_client) == max(1, len(models)))

        after = kernel.run("""
chat = get_ipython().magics_manager.registry["ChatMagics"].session.chat
print([type(m).__name__ for m in chat.messages], chat.messages[-1].interrupted, chat.messages[-1].text[:9])
""")
        assert after.printed.strip() == "['HumanMessage', 'AIMessage'] True word word"


def test_the_answer_streams_and_is_saved_as_html_markdown_and_text(kernel: Kernel, choose: Any) -> None:
    with OpenAIServer(lambda body: "# Title\n\n- **one**\n- two\n", gap=0.03) as server:
        choose(server)
        ran = kernel.run("%%chat\nA list, please.")
    draws = [m for m in ran.outputs if "display_data" in m["msg_type"]]
    assert len(draws) > 2
    assert "<strong>one</strong>" in ran.shown["text/html"]
    assert ran.shown["text/markdown"].startswith("# Title\n\n- **one**")
    assert "- **one**" in ran.shown["text/plain"]
    assert "tok" in ran.shown["text/html"] or "out" in ran.shown["text/html"]


def test_the_conversation_goes_on_from_cell_to_cell_and_new_starts_afresh(kernel: Kernel, choose: Any) -> None:
    with OpenAIServer(lambda body: f"{len(body['messages'])} messages") as server:
        choose(server)
        assert "1 messages" in kernel.run("%%chat\nfirst").shown["text/plain"]
        assert "3 messages" in kernel.run("%%chat\nsecond").shown["text/plain"]
        assert "1 messages" in kernel.run("%%chat -n\nthird").shown["text/plain"]


def test_options_reach_the_server_and_the_reply_reaches_a_variable(kernel: Kernel, choose: Any) -> None:
    with OpenAIServer(lambda body: "fine") as server:
        choose(server)
        kernel.run("%%chat -n -s 'Be brief.' -t 0.25 --max-tokens 9 --to answer\nhello")
        body = server.requests[-1].json
        assert body["messages"][0] == {"role": "system", "content": "Be brief."}
        assert (body["temperature"], body["max_completion_tokens"]) == (0.25, 9)
        assert kernel.run("print(answer.text, answer.usage_metadata['output_tokens'] > 0)").printed == "fine True\n"


def test_double_braces_are_evaluated_and_single_ones_are_not(kernel: Kernel, choose: Any) -> None:
    with OpenAIServer(lambda body: "fine") as server:
        choose(server)
        kernel.run("town = {'name': 'Ulm'}")
        kernel.run('%%chat -n\n{{town["name"]}} {town} {{ {"a": 1}["a"] + 1 }} $x^{2}$')
        assert server.requests[-1].json["messages"][-1]["content"] == "Ulm {town} 2 $x^{2}$"


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ("%%chat\n{{nowhere}}", "nowhere"),
        ("%%chat --tempature 1\nhi", "--temperature"),
        ("%%chat -t warm\nhi", "warm"),
        ("%%chat --system 'open\nhi", "quot"),
        ("%%chat\n\n", "prompt"),
        ("%%chat -m nosuch:model\nhi", "nosuch"),
        ("%%chat -m anthropic:claude-test\nhi", "ANTHROPIC_API_KEY"),
        ("%%chat --to 'not a name'\nhi", "--to"),
    ],
)
def test_a_mistake_gives_one_readable_error_that_stops_run_all(
    kernel: Kernel, choose: Any, cell: str, said: str
) -> None:
    with OpenAIServer(lambda body: "fine") as server:
        choose(server)
        ran = kernel.run(cell)
    assert ran.status == "error"
    assert said in "".join(ran.traceback)
    assert len("".join(ran.traceback)) < 500
    assert server.count == 0


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (faulty.html_page(), "HTML"),
        (faulty.cut_stream(EVENTS, after=3), "cut"),
        (faulty.garbage_stream(), "openai"),
        (Reply(status=401, body={"error": {"message": "bad key sk-test-never-shown"}}), "key"),
    ],
)
def test_a_failing_server_gives_one_readable_error_and_no_key(
    kernel: Kernel, choose: Any, reply: Reply, said: str
) -> None:
    with OpenAIServer(first=[reply] * 9) as server:
        choose(server)
        kernel.run("%chat openai:gpt-test")
        ran = kernel.run("%%chat\nhi")
    assert ran.status == "error"
    text = "".join(ran.traceback)
    assert said.lower() in text.lower()
    assert len(text) < 900
    assert "never-shown" not in text + str([m["content"] for m in ran.outputs])


def test_no_model_says_how_to_choose_one(kernel: Kernel) -> None:
    ran = kernel.run("%%chat\nhi")
    assert ran.status == "error"
    assert "%chat local:smollm2-135m" in "".join(ran.traceback)


def test_the_first_cell_may_name_the_model_and_the_next_ones_go_on_with_it(kernel: Kernel) -> None:
    with OpenAIServer(lambda body: f"{body['model']}: {len(body['messages'])} messages") as server:
        kernel.run(
            "import os\nos.environ.pop('NBCHAT_MODEL', None)\nos.environ['OPENAI_API_KEY'] = 'sk-test-never-shown'\n"
            f"os.environ['OPENAI_BASE_URL'] = 'http://127.0.0.1:9/v1'\n%chat --set base_url={server.base_url}"
        )
        for line, said in (
            ("-m nosuch:model", ""), ("-m openai:gpt-a -m openai:gpt-b", "gpt-a: 1"), ("", "gpt-a: 3"),
            ("-n", "gpt-a: 1"), ("--chat other", "gpt-a: 1"),
        ):  # fmt: skip
            ran = kernel.run(f"%%chat {line}\nhi")
            assert said in ran.shown["text/plain"] if said else ran.status == "error", ran.traceback
