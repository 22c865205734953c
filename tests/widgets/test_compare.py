"""The comparison's page: columns, votes, blindness and stops, on a dummy comm."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest

from nbchat import Compare, init_chat_model
from tests.render.attacks import attacks
from tests.servers import OpenAIServer, faulty, openai_answer, openai_stream
from tests.widgets.conftest import Page, in_a_loop


def models(server: OpenAIServer, *names: str) -> list[Any]:
    names = names or ("gpt-4o-mini", "gpt-5-mini", "gpt-test")
    return [
        init_chat_model(n, model_provider="openai", base_url=server.base_url, api_key="sk-secret-1", max_retries=0)
        for n in names
    ]


@pytest.fixture
def slow() -> Iterator[OpenAIServer]:
    with OpenAIServer(lambda body: "word " * 500, gap=0.01) as server:
        yield server


def states(page: Page) -> list[str]:
    return [column["state"] for column in page.state.get("columns", [])]


def told(page: Page, place: int) -> list[str]:
    return [text for text, _ in page.state["columns"][place]["facts"]]


async def settled(page: Page) -> None:
    """Wait until everything that is looked at was answered."""
    await page.until(lambda: states(page) and set(states(page)) <= {"done", "failed", "stopped"}, timeout=60)


async def streaming(page: Page, columns: int = 3) -> None:
    await page.until(lambda: sum("word" in html for html in page.slots.values()) == columns)


@in_a_loop
async def test_columns_stream_and_the_pages_vote_is_in_the_frame(page: Page, server: OpenAIServer) -> None:
    compare = Compare(models(server), "hi")
    page.open(compare)
    await settled(page)
    assert "gpt-5-mini says hi" in page.slots["0.1.0"]
    assert page.state["columns"][0]["name"] == "gpt-4o-mini"
    assert any("token" in fact for fact in told(page, 0)) and any("$" in fact for fact in told(page, 0))
    page.do("vote", best=1)
    await page.until(lambda: page.state["vote"] == 1)
    page.do("note", text="well said")
    await page.until(lambda: page.state["note"] == "well said")
    assert compare.frame.vote.tolist() == ["other", "best", "other"] and compare.frame.note[0] == "well said"
    page.do("ask", text="and now?")
    await page.until(lambda: page.state["at"] == 1)
    await settled(page)
    page.do("go", by=-1)
    await page.until(lambda: page.state["at"] == 0)
    page.do("vote", best=None)
    await page.until(lambda: page.state["vote"] is None)
    assert server.count == 6 and compare.frame.vote.isna().all()


@in_a_loop
async def test_a_list_is_asked_as_it_is_looked_at_or_all_at_once(page: Page, server: OpenAIServer) -> None:
    page.open(Compare(models(server), [f"q{i}" for i in range(5)]))
    await settled(page)
    assert server.count == 3 and page.state["unasked"] == 4
    page.do("go", by=1)
    await page.until(lambda: page.state["at"] == 1)
    await settled(page)
    assert server.count == 6
    page.do("all")
    page.do("all")
    await page.until(lambda: page.state["unasked"] == 0 and page.state["unfinished"] == 0)
    assert server.count == 15


@in_a_loop
async def test_one_that_fails_leaves_the_others_alone_and_is_asked_again(page: Page) -> None:
    broken = [True]

    def answer(body: Any) -> Any:
        return faulty.server_error() if body["model"] == "gpt-5-mini" and broken[0] else "fine"

    with OpenAIServer(answer) as server:
        page.open(Compare(models(server), "hi"))
        await settled(page)
        assert states(page) == ["done", "failed", "done"] and "ServerError" in page.slots["0.1.0"]
        page.do("vote", best=0)
        broken[0] = False
        page.do("again", column=1)
        page.do("again", column=1)
        await page.until(lambda: states(page) == ["done"] * 3)
        assert server.count == 4 and page.state["vote"] is None  # that vote was about other answers


@in_a_loop
async def test_blind_nothing_on_the_page_tells_who_it_is_until_the_names_are_shown(page: Page) -> None:
    def answer(body: Any) -> Any:
        return faulty.server_error() if body["model"] == "gpt-test" else "an answer"

    with OpenAIServer(answer) as server:
        compare = Compare(models(server), ["a", "b", "c", "d"], blind=True, seed=1)
        page.open(compare)
        await settled(page)
        failed = states(page).index("failed")
        seen = json.dumps(page.state) + page.text + "".join(compare.saved()) + repr(compare)
        assert not [n for n in ("gpt", "openai", "ServerError", "tok/s", "$", "sk-") if n in seen]
        page.do("reveal")
        await page.until(lambda: "vote first" in page.state["error"])
        best = (failed + 1) % 3
        page.do("vote", best=best)
        await page.until(lambda: page.state["vote"] == best)
        assert page.state["error"] == ""  # it was about what was done before
        page.do("reveal")
        await page.until(lambda: not page.state["hidden"])
        order = [c["name"] for c in page.state["columns"]]
        frame = compare.frame
        assert frame.model[frame.vote == "best"].tolist() == [order[best]] and sorted(order) == sorted(set(frame.model))
        assert "ServerError" in page.text and order[best] in compare.saved()[0]
        for late in ({"name": "vote", "best": failed}, {"name": "again", "column": failed}):
            page.do("dismiss")
            page.do(**late)
            await page.until(lambda: "no longer change" in page.state["error"])
        page.do("go", by=1)
        await page.until(lambda: page.state["at"] == 1)
        assert page.state["hidden"] and "gpt" not in json.dumps(page.state["columns"])
        assert len({tuple(compare.contest.order(p)) for p in range(4)}) > 1


@in_a_loop
async def test_a_blind_answer_that_broke_off_keeps_what_came_of_it(page: Page) -> None:
    events = openai_stream(openai_answer("word " * 30))
    with OpenAIServer(lambda body: faulty.cut_stream(events, 9)) as server:
        compare = Compare(models(server, "gpt-test", "gpt-5-mini"), "a", blind=True)
        page.open(compare)
        await page.until(lambda: states(page) == ["failed", "failed"])
        assert "word" in page.slots["0.0.0"] and "This one failed" in page.slots["0.0.1"] and "Error" not in page.text
        assert compare.frame.response.str.startswith("word").all() and compare.frame.error.notna().all()


@in_a_loop
async def test_one_or_all_are_stopped_and_asked_again(page: Page, slow: OpenAIServer) -> None:
    compare = Compare(models(slow), "hi")
    page.open(compare)
    await streaming(page)
    page.do("stop", column=0)
    await page.until(lambda: states(page)[0] == "stopped")
    assert states(page)[1] == "running"
    assert compare.frame.finish_reason[0] == "interrupted" and compare.frame.response[0].startswith("word")
    page.do("vote", best=0)  # while others still stream
    await page.until(lambda: page.state["vote"] == 0 and states(page)[2] == "running")
    page.do("stop")
    page.do("stop")
    await settled(page)
    await page.until(lambda: slow.connections_open == 0)
    page.do("again", column=1)
    await page.until(lambda: states(page)[1] == "running")
    compare.close()
    await page.until(lambda: slow.connections_open == 0)
    assert not compare._tasks and not compare._writing


@in_a_loop
async def test_what_waits_for_its_turn_is_stopped_too_and_counts_as_not_asked(page: Page, slow: OpenAIServer) -> None:
    compare = Compare(models(slow, "gpt-test", "gpt-5-mini"), [f"q{i}" for i in range(40)])
    page.open(compare)
    page.do("all")
    await page.until(lambda: page.state.get("unfinished", 0) > 20)
    page.do("stop")
    await page.until(lambda: page.state["unfinished"] == 0)
    assert 24 < page.state["unasked"] <= 40 and slow.count <= 16
    await page.until(lambda: slow.connections_open == 0)


@in_a_loop
async def test_the_last_view_takes_everything_with_it_and_another_brings_it_back(
    page: Page, slow: OpenAIServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nbchat.notebook.widgets.stage.FAREWELL_S", 0.05)

    compare = Compare(models(slow), "hi")
    page.open(compare)
    page.do("hello", view="v2")
    await streaming(page)
    page.do("hello", view="of a page that was reloaded")
    page.do("gone", view="v2")
    page.do("here")
    await asyncio.sleep(0.1)
    assert not page.closed and "running" in states(page)
    page.do("gone")
    await page.until(lambda: page.closed)
    await page.until(lambda: slow.connections_open == 0)
    await page.until(lambda: asyncio.all_tasks() == {asyncio.current_task()})
    assert compare.comm is None
    compare.open()
    page.open(compare)
    await page.until(lambda: states(page) == ["stopped"] * 3)
    assert "word" in page.slots["0.0.0"] and slow.count == 3


@in_a_loop
async def test_what_the_page_does_is_about_the_prompt_that_it_showed(page: Page, server: OpenAIServer) -> None:
    compare = Compare(models(server), ["a", "b"])
    page.open(compare)
    await settled(page)
    page.do("go", by=1)
    page.do("vote", at=0, best=2)  # clicked while the kernel was busy
    page.do("note", at=0, text="on a")
    await page.until(lambda: page.state["at"] == 1 and page.state["voted"] == 1)
    assert compare.contest.votes == {0: 2} and compare.contest.notes == {0: "on a"}


@in_a_loop
async def test_differences_are_marked_beside_one_answer_and_empty_ones_do_no_harm(page: Page) -> None:
    said = {"gpt-4o-mini": "a good day", "gpt-5-mini": "a bad day"}

    with OpenAIServer(lambda body: said.get(body["model"], "")) as server:
        page.open(Compare(models(server), "hi"))
        await settled(page)
        assert "an empty answer" in page.slots["0.2.0"]
        page.do("diff", column=0)
        await page.until(lambda: page.state["base"] == 0)
        assert page.slots["0.1.0"] == '<div class="words">a <del>good</del> <ins>bad</ins> day</div>'
        assert "an empty answer" in page.slots["0.2.0"] and "<del>" not in page.slots["0.0.0"]
        page.do("diff", column=0)
        await page.until(lambda: page.state["base"] is None)
        assert "<del>" not in page.text


@in_a_loop
async def test_refusals_and_tool_calls_without_a_text_are_shown(page: Page) -> None:
    said = {
        "gpt-4o-mini": {"refusal": "I will not say."},
        "gpt-5-mini": {"tool_calls": [{"name": "weather", "args": {"city": "Rome"}}]},
    }

    with OpenAIServer(lambda body: said.get(body["model"], "well")) as server:
        compare = Compare(models(server), "hi")
        page.open(compare)
        await settled(page)
        assert "I will not say." in page.slots["0.0.0"] and "weather" in page.slots["0.1.0"]
        assert "<b>A</b>" in compare.saved()[0] and "weather" in compare.saved()[0]
        page.do("diff", column=2)
        await page.until(lambda: page.state["base"] == 2)
        assert "weather" in page.slots["0.1.0"]


@in_a_loop
async def test_hostile_answers_prompts_labels_and_notes_are_only_text(page: Page) -> None:
    hostile = "\n\n".join(text[:300] for text in attacks().values()).encode("utf-8", "replace").decode()

    with OpenAIServer(lambda body: hostile) as server:
        one, two = models(server, "gpt-test", "gpt-5-mini")
        compare = Compare({"<img src=x onerror=pwned()>": one, "b": two}, f"<script>pwned()</script>\n\n{hostile}")
        page.open(compare)
        await settled(page)
        page.do("note", text="<script>pwned()</script>")
        for _ in range(2):
            shown = (page.text + compare.saved()[0]).lower()
            assert not [bad for bad in ("<script", "<img src=x", "<iframe", "<form", "<svg") if bad in shown]
            page.do("diff", column=0)
            await page.until(lambda: page.state["base"] == 0)


@in_a_loop
async def test_malformed_messages_are_told_and_do_not_end_it(page: Page, server: OpenAIServer) -> None:
    compare = Compare(models(server), "hi")
    page.open(compare)
    await settled(page)
    for bad in (
        {"name": "vote"}, {"name": "vote", "best": 99}, {"name": "vote", "best": "x"},
        {"name": "vote", "best": 0, "at": 7},
        {"name": "diff", "column": 77}, {"name": "again", "column": -9}, {"name": "ask", "text": " "},
        {"name": "stop", "column": "x"}, {"name": "note", "text": "x", "at": "y"}, {"name": "reveal", "at": None},
    ):  # fmt: skip
        page.do(**bad)
        await page.until(lambda: page.state["error"])
        page.do("dismiss")
        await page.until(lambda: not page.state["error"])
    page.do("go", by=99)
    page.do("vote", best=0)
    await page.until(lambda: page.state["vote"] == 0)
    assert compare.contest.votes == {0: 0} and not compare.contest.notes


def test_what_stays_in_the_notebook_is_bounded_and_holds_the_prompt_that_is_looked_at(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("nbchat.notebook.widgets.compare.static.SAVED_CHARS", 20_000)
    with OpenAIServer(lambda body: "word " * 300) as long:
        compare = Compare(models(long, "gpt-test", "gpt-5-mini"), [f"prompt number {i}" for i in range(20)])
        compare.run()
    compare.vote(0, "gpt-test", note="clear")
    html, text = compare.saved()
    assert len(html) < 40_000 and "prompt number 0" in html and "more prompts" in html
    assert "best" in html and "clear" in html and text == repr(compare)
