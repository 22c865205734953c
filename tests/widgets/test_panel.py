"""The chat panel on a dummy comm: what is sent, how much of it, and what a hostile page can do."""

from __future__ import annotations

import asyncio
import gc
import math
import re
import signal
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from nbchat import AIMessage, Chat, ChatPanel, init_chat_model, tool
from nbchat.notebook.render import renderers
from nbchat.notebook.render.safe import escape_text
from nbchat.notebook.widgets.panel.approvals import Approvals
from nbchat.notebook.widgets.panel.spent import spent
from nbchat.values.errors import ConfigurationError
from tests.servers import OpenAIServer, Reply
from tests.widgets.conftest import Page, in_a_loop


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with OpenAIServer() as server:
        yield server


def model(server: OpenAIServer) -> Any:
    return init_chat_model("gpt-4o-mini", model_provider="openai", base_url=server.base_url, api_key="sk-secret-1234")


async def said(page: Page, text: str, **more: Any) -> None:
    """Send a message and wait for its answer."""
    await done(page, "send", text=text, **more)


async def done(page: Page, name: str, **content: Any) -> None:
    """Have something asked, and wait for its answer."""
    before = page.answers
    page.do(name, **content)
    await page.until(lambda: page.answers > before)


@in_a_loop
async def test_a_message_is_answered_and_both_are_shown(page: Page, server: OpenAIServer) -> None:
    panel = ChatPanel(model(server))
    page.open(panel)
    await said(page, "hello")
    assert "You said: hello" in page.text and "tokens" in page.state["total"]
    assert [m.type for m in panel.messages] == ["human", "ai"]


@pytest.mark.parametrize("length", [5_000, 10_000])
@in_a_loop
async def test_traffic_is_linear_in_the_text_and_below_sixty_messages_a_second(length: int, page: Page) -> None:
    with OpenAIServer(lambda body: "word " * (length // 5), gap=0.0005) as server:
        page.open(ChatPanel(model(server)))
        await said(page, "go")
    seconds = page.sent[-1][0] - page.sent[0][0]
    assert len(page.sent) < 60 * seconds + 20
    assert sum(size for _, size in page.sent) < 8 * length + 20_000


@in_a_loop
async def test_a_stop_before_and_after_the_first_token_keeps_what_came(page: Page) -> None:
    with OpenAIServer(lambda body: "word " * 1000, latency=0.3, gap=0.01) as server:
        panel = ChatPanel(model(server))
        page.open(panel)
        page.do("send", text="one")
        await page.until(lambda: page.state.get("busy"))
        page.do("stop")
        await page.until(lambda: not page.state["busy"])
        assert panel.messages == [] and page.state["turns"][-1]["failed"]
        page.do("send", text="two")
        await page.until(lambda: "word word" in page.text)
        page.do("stop")
        await page.until(lambda: not page.state["busy"])
        assert panel.messages[-1].interrupted and 9 < len(panel.messages[-1].text) < 4900
        server.wait_for(lambda: server.connections_open == 0)


@in_a_loop
async def test_an_edit_and_another_answer_are_branches_to_go_back_to(page: Page, server: OpenAIServer) -> None:
    panel = ChatPanel(model(server))
    page.open(panel)
    await said(page, "first")
    await said(page, "second")
    first = page.state["turns"][0]["id"]
    await done(page, "edit", turn=first, text="other")
    assert [m.text for m in panel.messages] == ["other", "You said: other"]
    assert (page.state["turns"][0]["at"], page.state["turns"][0]["of"]) == (2, 2)
    page.do("branch", turn=page.state["turns"][0]["id"], by=-1)
    await page.until(lambda: len(page.state["turns"]) == 2)
    assert [m.text for m in panel.messages][::2] == ["first", "second"]
    await done(page, "again", turn=page.state["turns"][1]["id"])
    assert page.state["turns"][1]["of"] == 2 and len(panel.messages) == 4
    assert repr(panel.branches) == "<Branches: 4 turns, 3 branches>"


@in_a_loop
async def test_files_come_in_pieces_and_bad_ones_are_told(page: Page, server: OpenAIServer) -> None:
    png = b"\x89PNG\r\n\x1a\n" + b"\0" * 100

    page.open(ChatPanel(model(server)))
    page.do("piece", [png[:50]], id="a")
    page.do("piece", [png[50:]], id="a")
    await said(page, "look", files=[{"id": "a", "name": "x.png", "type": "image/png"}])
    assert server.requests[-1].json["messages"][-1]["content"][1]["type"] == "image_url"
    page.do("send", text="look", files=[{"id": "nobody's", "name": "y.png", "type": "image/png"}])
    await page.until(lambda: "y.png is empty" in page.state["error"])
    page.do("dismiss")
    await page.until(lambda: not page.state["error"])


@in_a_loop
async def test_a_tool_waits_for_a_word(page: Page, server: OpenAIServer) -> None:
    ran = []

    @tool
    def weather(city: str) -> str:
        """The weather."""
        ran.append(city)
        return "sunny"

    panel = ChatPanel(model(server), tools=[weather])
    page.open(panel)
    page.do("send", text="How is the weather in Rome and Oslo?")
    await page.until(lambda: page.state.get("ask"))
    assert page.state["ask"]["name"] == "weather" and page.state["ask"]["more"] == 1 and not ran
    assert panel.chat.approve is None  # a cell that asks meanwhile asks nobody
    page.do("verdict", id=999, verdict="run")
    await asyncio.sleep(0.05)
    assert not ran
    page.do("verdict", id=page.state["ask"]["id"], verdict="decline", reason="too hot")
    await page.until(lambda: (page.state["ask"] or {}).get("id") == 2)
    assert page.state["ask"]["more"] == 0 and not ran
    page.do("verdict", id=2, verdict="always")
    await page.until(lambda: not page.state["busy"])
    await said(page, "and the weather in Bern?")
    assert ran == ["Oslo", "Bern"]  # Bern needed no word
    assert "too hot" in next(message.text for message in panel.messages if message.type == "tool")


@in_a_loop
async def test_malformed_messages_do_not_end_the_panel(page: Page, server: OpenAIServer) -> None:
    page.open(ChatPanel(model(server)))
    for bad in (
        {"name": "nothing"}, {"name": "send"}, {"name": "send", "text": None}, {"name": "edit", "turn": "t0"},
        {"name": "branch"}, {"name": "verdict"}, {"name": "set", "values": {"temperature": "hot", "zzz": 1}},
        {"name": "export", "kind": "x"}, {"name": "take", "turn": None}, {"name": "piece", "id": "a"},
        {"name": "picture"}, {"name": "send", "text": " "}, {"name": "again", "turn": {}},
    ):  # fmt: skip
        page.do(**bad)
        await asyncio.sleep(0.01)
    await said(page, "still there?")
    assert "still there?" in page.text


@in_a_loop
async def test_model_and_parameters_are_set_and_a_wrong_name_is_told(page: Page, server: OpenAIServer) -> None:
    panel = ChatPanel(model(server), temperature=0.5)
    page.open(panel)
    await page.until(lambda: page.state)
    assert page.state["params"]["temperature"] == 0.5
    page.do("set", values={"temperature": "0.1", "system": "Be brief."})
    await said(page, "hi")
    sent = server.requests[-1].json
    assert sent["temperature"] == 0.1 and sent["messages"][0]["content"] == "Be brief."
    page.do("set", values={"model": "nobody:x"})
    await page.until(lambda: "nobody" in page.state["error"])
    assert panel.chat.model.model == "gpt-4o-mini"


@in_a_loop
async def test_exports_go_to_the_view_that_asked(page: Page, server: OpenAIServer) -> None:
    page.open(ChatPanel(model(server)))
    await said(page, "hello")
    for kind in ("markdown", "json", "cell"):
        page.do("export", kind=kind)
    page.do("take", turn=page.state["turns"][0]["id"], kind="copy")
    await page.until(lambda: len(page.notes) == 4)
    markdown, saved, cell, copied = page.notes
    assert "**You**" in markdown["file"]["text"] and "sk-secret" not in saved["file"]["text"]
    assert cell["cell"]["kind"] == "markdown" and copied["copy"] == "You said: hello"


@in_a_loop
async def test_a_second_view_gets_everything_also_while_it_streams(page: Page) -> None:
    with OpenAIServer(lambda body: "word " * 200, gap=0.005) as server:
        panel = ChatPanel(model(server))
        page.open(panel)
        page.do("send", text="go")
        await page.until(lambda: "word" in page.text)
        other = dict(page.slots)
        page.slots.clear()
        page.do("hello", view="v2")
        await page.until(lambda: len(page.slots) >= len(other))
        await page.until(lambda: not page.state["busy"])
        assert page.text.count("word") >= 200


@in_a_loop
async def test_closing_leaves_no_task_thread_or_connection(page: Page) -> None:
    with OpenAIServer(lambda body: "word " * 1000, gap=0.01) as server:
        threads = threading.active_count()
        tasks = asyncio.all_tasks()
        panel = ChatPanel(model(server))
        page.open(panel)
        page.do("send", text="go")
        await page.until(lambda: "word" in page.text)
        panel.close()
        await page.until(lambda: asyncio.all_tasks() == tasks and server.connections_open == 0)
        assert page.closed
        assert threading.active_count() <= threads + 1


@in_a_loop
async def test_panels_of_one_chat_show_the_same_and_take_turns(page: Page, server: OpenAIServer) -> None:
    chat = Chat(model(server))
    first = ChatPanel(chat)
    chat.ask("from a cell")
    second = ChatPanel(chat)
    page.open(second)
    await said(page, "from a panel")
    assert [[turn.question.text for turn in panel.branches.path()] for panel in (first, second)] == [
        ["from a cell", "from a panel"]
    ] * 2
    with OpenAIServer(lambda body: Reply(body=[math.inf])) as stalled:
        chat.model = model(stalled)
        page.do("send", text="one")
        await page.until(lambda: page.state["busy"])
        first.start(first.do_send({"text": "two", "view": "v9"}))
        await page.until(lambda: "in another panel" in first.error)
        page.do("stop")
        await page.until(lambda: not page.state["busy"])
    first.close()


def test_a_stop_heard_in_another_thread_ends_a_tool_that_keeps_the_loop_busy(page: Page, server: OpenAIServer) -> None:
    began, ended = threading.Event(), threading.Event()

    @tool
    def weather(city: str) -> str:
        """The weather."""
        began.set()
        time.sleep(60)
        return "sunny"

    def stop() -> None:
        began.wait(30)
        while not ended.wait(0.2):  # one that comes just before the tool falls asleep finds nobody to wake
            page.do("stop")

    async def run() -> None:
        panel = ChatPanel(model(server), tools=[weather], approve=False)
        page.open(panel)
        await page.until(lambda: page.state)
        thread = threading.Thread(target=stop)
        thread.start()
        await done(page, "send", text="How is the weather in Rome and Oslo?")
        ended.set()
        thread.join()
        assert [m.type for m in panel.messages] == ["human", "ai", "tool", "tool"]
        assert "stopped" in page.text and signal.getsignal(signal.SIGINT) is signal.SIG_IGN

    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # as in a kernel that runs no cell
    try:
        asyncio.run(run())
    finally:
        signal.signal(signal.SIGINT, before)


def test_the_total_counts_what_every_branch_has_used(page: Page, server: OpenAIServer) -> None:
    async def run() -> None:
        panel = ChatPanel(model(server))
        page.open(panel)
        await said(page, "hello")
        once = panel.chat.usage.total_tokens
        await done(page, "again", turn=page.state["turns"][0]["id"])
        assert page.state["total"].startswith(f"{2 * once:,} tokens · $")

    asyncio.run(run())
    assert (
        spent([AIMessage("a", usage_metadata={"input_tokens": 1, "output_tokens": 1, "total_tokens": 2})]) == "2 tokens"
    )


@in_a_loop
async def test_an_edit_that_failed_leaves_the_conversation_and_is_tried_again_in_its_place(page: Page) -> None:
    broken: list[bool] = []
    with OpenAIServer(lambda body: Reply(status=400, body={"error": {"message": "no"}}) if broken else "yes") as server:
        panel = ChatPanel(model(server))
        page.open(panel)
        await said(page, "first")
        await said(page, "second")
        broken.append(True)
        await done(page, "edit", turn=page.state["turns"][0]["id"], text="other")
        assert [m.text for m in panel.messages][::2] == ["first", "second"]
        assert page.state["turns"][-1]["failed"] and "no" in page.text
        broken.clear()
        await done(page, "again", turn=page.state["turns"][-1]["id"])
        assert [m.text for m in panel.messages] == ["other", "yes"] and page.state["turns"][0]["of"] == 2


@in_a_loop
async def test_a_text_file_is_folded_and_stays_with_a_message_that_is_edited(page: Page, server: OpenAIServer) -> None:
    page.open(ChatPanel(model(server)))
    page.do("piece", ["naïve ```\n<b>".encode()], id="a")
    await said(page, "read", files=[{"id": "a", "name": "n.md", "type": "text/markdown"}])
    name = page.state["turns"][0]["id"]
    assert "<summary>n.md</summary>" in page.slots[f"{name}.said"] and page.slots[f"{name}.text"] == "read"
    await done(page, "edit", turn=name, text="read well")
    sent = server.requests[-1].json["messages"][-1]["content"]
    assert sent.startswith("read well") and sent.endswith("n.md:\n````\nnaïve ```\n<b>\n````")


@in_a_loop
async def test_a_renderer_that_fails_is_told_and_the_panel_goes_on(
    page: Page, server: OpenAIServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken:
        def html(self, *_: Any) -> str:
            raise ValueError("the renderer is broken")

    panel = ChatPanel(model(server))
    page.open(panel)
    await page.until(lambda: page.state)
    with monkeypatch.context() as patch:
        patch.setattr(renderers, "_own", [Broken()])
        page.do("send", text="hello")
        await page.until(lambda: "the renderer is broken" in page.state["error"])
    await asyncio.sleep(0.2)
    await said(page, "again")
    assert "You said: again" in page.text


def test_what_no_panel_can_be_made_of_is_told_at_once_and_once(
    server: OpenAIServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    unheard: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", unheard.append)
    with pytest.raises(ConfigurationError, match="is temperature= meant"):
        ChatPanel(model(server), tempretaure=1)
    with pytest.raises(ConfigurationError, match="ChatPanel takes a model"):
        ChatPanel(5)  # type: ignore[arg-type]
    for given, tools in ((3, ()), (model(server), [3]), (model(server), "weather")):
        with pytest.raises(ConfigurationError):
            ChatPanel(given, tools=tools)
    gc.collect()
    assert unheard == []
    assert ChatPanel(model(server), models="openai:gpt-5")._models == ["openai:gpt-5"]


@in_a_loop
async def test_what_is_saved_has_the_feet_and_the_total_of_the_live_panel(page: Page, server: OpenAIServer) -> None:
    @tool
    def weather(city: str) -> str:
        """The weather."""
        time.sleep(0.12)
        raise ValueError("no weather today")

    panel = ChatPanel(model(server), tools=[weather], approve=False)
    page.open(panel)
    await said(page, "How is the weather in Rome?")
    await said(page, "hello")
    html, text = panel.saved()
    for turn in page.state["turns"]:
        for part in ("said", "0", "foot"):
            assert page.slots[f"{turn['id']}.{part}"] in html
    assert re.search(r"✗ failed [\d.]+ s<", html) and f"in total {escape_text(page.state['total'])}<" in html
    assert text.endswith(f"in total {page.state['total']}")
    reopened, replayed = ChatPanel(panel.chat).saved()
    assert reopened.count('<div class="foot"><b>gpt-4o-mini</b>') == 2 and "✗ failed</span>" in reopened
    assert all("0.0000" in shown and " in" in shown and " out" in shown for shown in (reopened, replayed, text))
    panel.chat.messages[-1].timing.clear()  # as of a cached one
    assert " 0 ms" not in ChatPanel(panel.chat).saved()[1].split("hello")[-1]


@in_a_loop
async def test_switches_of_what_is_saved_leave_those_of_the_live_panel_alone(page: Page, server: OpenAIServer) -> None:
    panel = ChatPanel(model(server), logprobs=True, top_logprobs=2)
    page.open(panel)
    await said(page, "hello")
    live, saved = ({*re.findall(r'name="(.+?)"', html)} for html in (page.text, panel.saved()[0]))
    assert live and saved and not live & saved


@in_a_loop
async def test_an_empty_answer_is_called_one(page: Page) -> None:
    with OpenAIServer(lambda body: "") as server:
        panel = ChatPanel(model(server))
        page.open(panel)
        await said(page, "hello")
        assert "an empty answer" in page.text and "an empty answer" in panel.saved()[0]


@in_a_loop
async def test_what_is_approved_hides_nothing() -> None:
    approvals = Approvals(lambda: None)
    asked = asyncio.ensure_future(approvals.ask("send\u202e", {"to": "a\u200bb", "text": "x" * 200_000}))
    await asyncio.sleep(0)
    shown = approvals.shown()
    assert shown is not None and "⟨U+202E⟩" in shown["name"] and "⟨U+200B⟩" in shown["args"]
    assert "more characters, which are not shown" in shown["args"]
    asked.cancel()
