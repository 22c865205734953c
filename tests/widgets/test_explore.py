"""The logprob explorer without a browser: branches, what is sent to the model, and what the page is sent."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from nbchat import Chat, ChatPanel, explore, init_chat_model
from nbchat.notebook.widgets.explore.explorer import Explorer
from nbchat.values.errors import ConfigurationError, ServerError, UnsupportedError
from nbchat.values.messages import AIMessage, HumanMessage
from tests.render.attacks import attacks
from tests.servers import OpenAIServer, Reply
from tests.servers.openai import openai_answer, openai_stream
from tests.widgets.conftest import Page, in_a_loop

QUESTION = "Who composed it?"


def entry(token: str, *others: str) -> dict[str, Any]:
    """A token of even chances."""
    tops = [{"token": each, "logprob": -1.0} for each in (token, *others)]
    return {**tops[0], "top_logprobs": tops}


def answered(*entries: dict[str, Any]) -> AIMessage:
    text = "".join(each["token"] for each in entries)
    return AIMessage(text, response_metadata={"logprobs": {"content": list(entries)}})


CLARA = answered(entry("It"), entry(" was"), entry(" Clara", " Robert", " Johannes"), entry(" Schu"), entry("mann"))


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with OpenAIServer(lambda body: " went on.") as server:
        yield server


def explorer(server: OpenAIServer, message: AIMessage = CLARA, provider: str = "openrouter") -> Explorer:
    return explore(message, init_chat_model(f"{provider}:gpt-test", base_url=server.base_url, api_key="k"), QUESTION)


@in_a_loop
async def test_a_branch_goes_on_from_its_token(server: OpenAIServer) -> None:
    explored = explorer(server)
    message = await explored.branch(2, " Robert")
    assert message.text == "It was Robert went on."
    assert "".join(token.token for token in message.logprobs or ()) == message.text
    asked = server.requests[0].json
    assert [(m["role"], m["content"]) for m in asked["messages"]] == [
        ("user", QUESTION),
        ("assistant", "It was Robert"),
    ]
    assert (asked["logprobs"], asked["top_logprobs"]) == (True, 3)
    assert explored.message == message
    assert [each.text for each in explored.branches] == ["It was Clara Schumann", "It was Robert went on."]


@in_a_loop
async def test_a_branch_of_what_is_shared_belongs_to_whom_it_is_shared_with(server: OpenAIServer) -> None:
    explored = explorer(server)
    await explored.branch(2, "Robert")  # found though the space is missing
    await explored.branch(2, " Johannes")  # a sibling, though the first is looked at
    await explored.branch(3, 0)  # the likeliest once more
    frame = explored.frame
    assert frame["parent"].fillna(-1).tolist() == [-1, 0, 0, 2]
    assert frame["became"].tolist()[1:3] == [" Robert", " Johannes"]
    assert frame["was"].tolist()[1:3] == [" Clara", " Clara"]
    assert frame["text"][3].startswith("It was Johannes")
    explored.choose(0)
    assert explored.message is CLARA


@in_a_loop
async def test_the_end_and_pieces_of_characters_as_alternatives(server: OpenAIServer) -> None:
    tops = [{"token": "", "bytes": [], "logprob": -1}, {"token": "\ufffd", "bytes": [227], "logprob": -2}]
    last = {**entry("."), "top_logprobs": [*entry(".")["top_logprobs"], *tops]}
    explored = explorer(server, answered(entry("Yes"), last))
    _, slots = explored.picture()
    assert [name for name, *_ in json.loads(slots["0"])[1]["a"]] == [".", "∎", "⟨E3⟩"]
    assert (await explored.branch(1, 1)).text == "Yes"
    assert server.requests == []
    with pytest.raises(ConfigurationError, match="piece of a character"):
        await explored.branch(1, 2)


@pytest.mark.parametrize(("at", "token"), [(99, 0), (-1, 0), (2, " Brahms"), (2, 7), (2, -1)])
@in_a_loop
async def test_what_is_not_there_cannot_be_chosen(server: OpenAIServer, at: int, token: str | int) -> None:
    explored = explorer(server)
    with pytest.raises(ConfigurationError, match=r"there is no token|none of the alternatives"):
        await explored.branch(at, token)
    assert len(explored.branches) == 1


@in_a_loop
async def test_without_prefill_it_says_so_and_can_tell_the_model_in_words(server: OpenAIServer) -> None:
    explored = explorer(server, provider="openai")
    state, _ = explored.picture()
    assert "no prefill" in state["obstacle"]
    assert state["tellable"]
    with pytest.raises(UnsupportedError, match=r"no prefill.*by_instruction=True"):
        await explored.branch(2, 1)
    assert server.requests == []
    message = await explored.branch(2, 1, by_instruction=True)
    roles = [each["role"] for each in server.requests[0].json["messages"]]
    assert roles == ["user", "assistant", "user"]
    assert message.text == "It was Robert went on."
    assert explored.frame["note"].tolist() == ["", "by instruction"]


@in_a_loop
async def test_without_a_model_or_a_question_it_can_only_be_looked_at() -> None:
    for explored in (explore(CLARA), explore(CLARA, init_chat_model("vllm:m"))):
        state, _ = explored.picture()
        assert "explore(answer, model, messages)" in state["obstacle"]
        assert not state["tellable"]
        with pytest.raises(ConfigurationError, match="explore\\(answer"):
            await explored.branch(2, 1)
    state, _ = explore(CLARA, init_chat_model("anthropic:claude-sonnet-4-5", api_key="k"), QUESTION).picture()
    assert "has no logprobs" in state["obstacle"]
    assert not state["tellable"]


def test_a_chat_brings_its_model_and_its_history(server: OpenAIServer) -> None:
    chat = Chat(init_chat_model("openrouter:gpt-test", base_url=server.base_url, api_key="k"), system="Be brief.")
    chat.ask("One?", logprobs=True, top_logprobs=2)
    chat.ask("Two?")
    explored = explore(chat, max_tokens=9)  # the last answer that has logprobs
    asyncio.run(explored.branch(1, 1))
    sent = [m["content"] for m in server.requests[-1].json["messages"]]
    assert sent == ["Be brief.", "One?", " went other0"]
    assert server.requests[-1].json["max_tokens"] == 9
    assert len(chat.messages) == 4


@in_a_loop
async def test_a_panel_brings_its_parameters_too(page: Page, server: OpenAIServer) -> None:
    model = init_chat_model("openrouter:gpt-test", base_url=server.base_url, api_key="k")
    panel = ChatPanel(model, max_tokens=10, logprobs=True, top_logprobs=2)
    page.open(panel)
    page.do("send", text="One?")
    await page.until(lambda: page.answers)
    panel.params["temperature"] = 0.5  # as on its page
    await explore(panel, max_tokens=9).branch(1, 1)
    sent = server.requests[-1].json
    assert (sent["max_tokens"], sent["temperature"], sent["top_logprobs"]) == (9, 0.5, 2)
    await explore(panel).branch(1, 1)
    assert server.requests[-1].json["max_tokens"] == 10


def test_what_is_no_model_and_no_branch_is_told_at_once(server: OpenAIServer) -> None:
    for given in (CLARA, Chat("vllm:m")):
        with pytest.raises(ConfigurationError, match="a model or its name to go on with, not 5"):
            explore(given, 5, QUESTION)  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="is messages= meant"):
        explore(CLARA, "vllm:m", mesages=QUESTION)
    explored = explorer(server)
    for number in (9, -1, "x", None):
        with pytest.raises(ConfigurationError, match=f"no branch {number!r}: the answer has 1 branch, counted from 0"):
            explored.choose(number)  # type: ignore[arg-type]
    assert repr(explored) == "<Explorer: 5 tokens, 1 branch>"
    explored.choose(explored.frame.index.to_numpy()[0])


def test_an_answer_without_logprobs_is_refused_with_advice() -> None:
    for given in (AIMessage("Hi"), Chat("vllm:m"), None, "text"):
        with pytest.raises(ConfigurationError):
            explore(given)
    with pytest.raises(ConfigurationError, match="%%chat --logprobs"):
        explore(AIMessage("Hi"))


def streamed(text: str, **fields: Any) -> Reply:
    events = openai_stream(openai_answer(text, logprobs=2))
    return Reply(headers={"content-type": "text/event-stream"}, body=[*events[: fields.pop("events", None)]], **fields)


@in_a_loop
async def test_what_was_stopped_or_cut_stays_and_what_never_began_leaves_no_trace(page: Page) -> None:
    replies = [streamed(" word" * 50, gap=0.02), streamed(" word" * 9, events=5, cut=True), Reply(status=500)]
    with OpenAIServer(lambda body: replies.pop(0)) as server:
        explored = explorer(server)
        page.open(explored)
        task = asyncio.ensure_future(explored.branch(2, 1))
        await page.until(lambda: len(drawn(page)) > 5)
        page.do("stop")
        stopped = await task
        assert "It was Robert word" in stopped.text
        assert len(stopped.logprobs or ()) < 50
        explored.choose(0)
        await explored.branch(2, 1)
        notes = explored.frame["note"].tolist()
        assert notes[1] == "stopped"
        assert notes[2].startswith("cut: ")
        explored.choose(0)
        with pytest.raises(ServerError):
            replies.extend([Reply(status=500)] * 3)
            await explored.branch(2, 1)
        assert len(explored.branches) == 3
        assert explored.message is CLARA
        server.wait_for(lambda: len(server.closed_by_client) >= 1)


def drawn(page: Page) -> list[dict[str, Any]]:
    """The tokens as the page has them."""
    slots = sorted(filter(str.isdigit, page.slots), key=int)
    return [token for name in slots for token in json.loads(page.slots[name])]


@in_a_loop
async def test_the_page_asks_for_a_branch_and_sees_it_grow(page: Page, server: OpenAIServer) -> None:
    explored = explorer(server)
    page.open(explored)
    page.do("branch", at=2, choice=1, tell=False)
    await page.until(lambda: page.answers)
    assert "".join(token["t"] for token in drawn(page)) == "It was Robert went on."
    assert drawn(page)[2]["a"][1] == [" Robert", 0.36788, True]
    page.do("branch", at=2, choice=77, tell=False)
    await page.until(lambda: "none of the alternatives" in page.state["error"])
    page.do("branch", at="x")
    page.do("choose", branch=44)
    page.do("nonsense")
    await asyncio.sleep(0.05)
    page.do("choose", branch=0)
    await page.until(lambda: explored.message is CLARA)
    explored.close()
    await page.until(lambda: len(asyncio.all_tasks()) == 1)


async def grown(page: Page, tokens: int) -> tuple[int, int, float]:
    """(bytes, messages, seconds) of a branch of so many tokens."""
    with OpenAIServer(lambda body: " word" * tokens) as server:
        explored = explorer(server)
        page.slots.clear()
        page.open(explored)
        await page.until(lambda: page.slots)
        page.sent.clear()
        begun = time.monotonic()
        await explored.branch(2, 1)
        assert len(drawn(page)) == tokens + 3
        return sum(size for _, size in page.sent), len(page.sent), time.monotonic() - begun


@in_a_loop
async def test_what_is_sent_is_linear_in_the_tokens_and_comes_at_most_fifteen_times_a_second(page: Page) -> None:
    half, _, _ = await grown(page, 1500)
    whole, messages, seconds = await grown(page, 3000)
    assert whole < 2.3 * half
    assert messages <= 15 * seconds + 5


@in_a_loop
async def test_hostile_tokens_are_only_ever_text(page: Page, server: OpenAIServer) -> None:
    corpus = list(attacks().values())
    explored = explorer(server, answered(*(entry(text[:300], text[-300:]) for text in corpus)))
    page.open(explored)
    await page.until(lambda: page.slots)
    assert len(drawn(page)) == len(corpus)
    saved, _ = explored.saved()
    for bad in ("<script", "<img", "<iframe", "<svg"):
        assert bad not in saved.lower()


@in_a_loop
async def test_the_saved_state_is_the_inline_view_of_the_branch(server: OpenAIServer) -> None:
    explored = explorer(server)
    await explored.branch(2, 1)
    html, text = explored.saved()
    assert "“Clara” → “Robert”" in html
    assert '<span tabindex="0"' in html
    assert "It was Robert went on." in text


@pytest.mark.local
@pytest.mark.timeout(240)
@in_a_loop
async def test_on_the_embedded_model_what_is_shown_is_what_was_said() -> None:
    model = init_chat_model("local:smollm2-135m", temperature=0, max_tokens=25)
    question = [HumanMessage("Write one sentence about the café by the sea.")]
    answer = await model.ainvoke(question, logprobs=True, top_logprobs=4)
    explored = explore(answer, model, question)
    for at in (0, 1, 3, 6):
        explored.choose(0)
        chosen = next(n for n, a in enumerate(explored.message.logprobs[at].alternatives) if n and a.token.strip())  # type: ignore[index]
        message = await explored.branch(at, chosen)
        table = message.logprobs
        assert table is not None
        begun = "".join(token.token for token in table[: at + 1])
        said = [chunk.text async for chunk in model.astream([*question, AIMessage(begun)], prefill=True)]
        assert message.text == begun + "".join(said)
        assert all(token.alternatives for token in table[at + 1 :])
