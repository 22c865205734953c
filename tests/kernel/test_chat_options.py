"""The options of `%%chat` and the words of `%chat`, in a real kernel against a strict pretend server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.kernel.conftest import Kernel, Ran
from tests.servers import OpenAIServer

KEY = "sk-test-never-shown"


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with OpenAIServer() as running:
        yield running


@pytest.fixture
def cell(kernel: Kernel, server: OpenAIServer) -> Any:
    setup = f'import os\nos.environ["OPENAI_API_KEY"] = {KEY!r}\nos.environ["OPENAI_BASE_URL"] = {server.base_url!r}'
    assert kernel.run(setup).status == "ok"
    assert kernel.run("%chat openai:gpt-test").status == "ok"

    def run(code: str, *, fails: bool = False) -> Ran:
        ran = kernel.run(code)
        assert (ran.status == "error") == fails, ran.traceback or ran.outputs
        assert KEY not in str([message["content"] for message in ran.outputs])
        return ran

    return run


def test_tools_of_the_notebook_are_called_and_shown(cell: Any, server: OpenAIServer) -> None:
    cell('def weather(city: str) -> str:\n    """The weather in a city."""\n    return f"sunny in {city}"')
    ran = cell("%%chat --tools weather\nWhat is the weather in Boston and Tokyo?")
    html = ran.shown["text/html"]
    assert html.count("✓") == 2
    assert "sunny in Boston" in html
    assert "<b>weather</b>" in html
    assert "weather(city='Boston')" in ran.shown["text/markdown"]
    assert [m["role"] for m in server.requests[-1].json["messages"]] == ["user", "assistant", "tool", "tool"]


def test_a_frame_that_a_tool_gives_is_shown_as_itself(cell: Any) -> None:
    code = 'import pandas as pd\ndef table(name: str) -> object:\n    """A table."""\n    '
    cell(code + 'return pd.DataFrame({"<b>x": [1]})')
    html = cell("%%chat --tools table\nShow the table please").shown["text/html"]
    assert "&lt;b&gt;x" in html
    assert "<table" in html


def test_nobody_there_to_approve_means_declined(cell: Any, server: OpenAIServer) -> None:
    cell('def weather(city: str) -> str:\n    """The weather."""\n    raise SystemExit')
    ran = cell("%%chat --tools weather --approve\nWhat is the weather in Boston?")
    assert "nobody was there" in ran.shown["text/html"]


def test_several_models_answer_side_by_side(cell: Any, server: OpenAIServer) -> None:
    ran = cell("%%chat -m openai:gpt-a -m openai:gpt-b --to both\nhello")
    assert ran.shown["text/html"].count('role="article"') == 2
    assert "grid" in ran.shown["text/html"]
    assert sorted(r.json["model"] for r in server.requests) == ["gpt-a", "gpt-b"]
    assert cell("print(len(both))").printed == "2\n"


def test_one_failing_model_leaves_the_other_alone(cell: Any) -> None:
    html = cell("%%chat -m openai:does-not-exist -m openai:gpt-b\nhello").shown["text/html"]
    assert "NotFoundError" in html
    assert "tok" in html or "out" in html


def test_an_answer_in_a_form_of_the_notebook(cell: Any, server: OpenAIServer) -> None:
    cell("from pydantic import BaseModel\nclass City(BaseModel):\n    name: str\n    people: int")
    ran = cell("%%chat --schema City --to city\nDescribe Ulm")
    assert '<th scope="row">name</th>' in ran.shown["text/html"]
    assert json.loads(ran.shown["text/markdown"].split("```")[1].removeprefix("json"))
    assert cell("print(type(city).__name__, type(city.people).__name__)").printed == "City int\n"
    assert server.requests[-1].json["response_format"]["type"] == "json_schema"


def test_logprobs_tint_the_tokens_and_name_the_least_certain(cell: Any, server: OpenAIServer) -> None:
    ran = cell("%%chat --logprobs 3\nhello there")
    html = ran.shown["text/html"]
    assert html.count('<span tabindex="0"') >= 2
    assert "perplexity" in html
    assert "perplexity" in ran.shown["text/markdown"]
    assert server.requests[-1].json["top_logprobs"] == 3


def test_frames_functions_and_pictures_in_a_prompt(cell: Any, server: OpenAIServer) -> None:
    cell(
        "import pandas as pd, numpy as np\nfrom matplotlib.figure import Figure\n"
        "df = pd.DataFrame({'a|b': range(30)})\nfig = Figure()\nimg = np.zeros((2, 2))\n"
    )
    cell("%%chat -n --image img\nSee {{df}} and {{fig}} please")
    content = server.requests[-1].json["messages"][-1]["content"]
    assert [part["type"] for part in content] == ["text", "image_url", "text", "image_url"]
    assert "(10 more rows not shown)" in content[0]["text"]
    assert "a\\|b" in content[0]["text"]


def test_a_dry_run_shows_what_would_be_sent_and_sends_nothing(cell: Any, server: OpenAIServer) -> None:
    ran = cell("%%chat --dry-run -s 'Be brief.' -t 0.5\nhello")
    assert server.count == 0
    shown = json.loads(ran.shown["text/markdown"].split("```")[1].removeprefix("json"))
    assert shown["messages"] == [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "hello"}]
    assert shown["temperature"] == 0.5
    assert "nothing was sent" in ran.shown["text/html"]


def test_conversations_by_name_and_questions_without_one(cell: Any, server: OpenAIServer) -> None:
    def sent() -> int:
        return len(server.requests[-1].json["messages"])

    cell("%%chat --chat one\nfirst")
    cell("%%chat --chat two\nfirst")
    assert sent() == 1
    cell("%%chat --chat one\nsecond")
    assert sent() == 3
    cell("%%chat --chat one --no-history\nalone")
    assert sent() == 1
    cell("%%chat --chat one\nthird")
    assert sent() == 5


def test_any_parameter_and_the_effort(cell: Any, server: OpenAIServer) -> None:
    cell("%%chat -n --set top_p=0.5 --set user=me --think low\nhello")
    body = server.requests[-1].json
    assert (body["top_p"], body["user"], body["reasoning_effort"]) == (0.5, "me", "low")


def test_a_key_in_a_cell_is_refused_before_it_is_sent(cell: Any, server: OpenAIServer) -> None:
    ran = cell("%%chat --set api_key=sk-pasted-carelessly\nhello", fails=True)
    assert "saved with the notebook" in "".join(ran.traceback)
    assert "sk-pasted" not in "".join(ran.traceback)
    assert server.count == 0


def test_raw_shows_the_text_as_it_is(cell: Any) -> None:
    assert "<pre>" in cell("%%chat --raw\n**hello**").shown["text/html"]


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("", "gpt-test"),
        ("history", "hello"),
        ("usage", "tokens"),
        ("models", "gpt"),
        ("help", "--logprobs"),
        ("undo", "2 messages"),
        ("reset", "forgotten"),
    ],
)
def test_the_words_of_the_line_magic(cell: Any, words: str, shown: str) -> None:
    cell("%%chat -n\nhello")
    assert shown in cell(f"%chat {words}").shown["text/plain"]


def test_a_conversation_is_saved_and_gone_on_with(cell: Any, server: OpenAIServer, tmp_path: Any) -> None:
    cell("%%chat -n\nhello")
    cell(f"%chat save {tmp_path}/talk.json")
    cell("%chat reset")
    cell(f"%chat load {tmp_path}/talk.json")
    cell("%%chat\nmore")
    assert len(server.requests[-1].json["messages"]) == 3
    assert KEY not in (tmp_path / "talk.json").read_text()


def test_live_shows_the_users_own_calls(cell: Any) -> None:
    ran = cell(
        "import nbchat\nmodel = nbchat.init_chat_model('openai:gpt-test')\n"
        "with nbchat.live():\n    a = model.invoke('one two three')\n    b = model.invoke('four')\n"
    )
    ends = [
        m["content"]["data"]["text/html"]
        for m in ran.outputs
        if "display_data" in m["msg_type"] and 'aria-busy="false"' in m["content"]["data"]["text/html"]
    ]
    assert len(ends) == 2


def test_tab_completes_options_models_and_names(kernel: Kernel, cell: Any) -> None:
    def complete(line: str) -> list[str]:
        kernel.client.complete(line, len(line))
        reply = kernel.client.get_shell_msg(timeout=20)
        while reply["msg_type"] != "complete_reply":
            reply = kernel.client.get_shell_msg(timeout=20)
        return reply["content"]["matches"]

    cell("my_function = print")
    assert "--logprobs" in complete("%%chat --lo")
    assert any(match.startswith("local:") or "smollm2" in match for match in complete("%chat lo"))
    assert "my_function" in complete("%%chat --tools my_f")
