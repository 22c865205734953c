"""The comparison: answers, votes and their frame, on a dummy comm and in a script."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from nbchat import Compare, init_chat_model
from nbchat.notebook.widgets.standings import wilson
from nbchat.notebook.widgets.word_diff import word_diff
from nbchat.values.errors import ConfigurationError
from tests.servers import OpenAIServer, faulty
from tests.widgets.conftest import Page


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with OpenAIServer(lambda body: f"{body['model']} says {body['messages'][-1]['content']}") as server:
        yield server


def models(server: OpenAIServer, *names: str) -> list[Any]:
    names = names or ("gpt-4o-mini", "gpt-5-mini", "gpt-test")
    return [
        init_chat_model(n, model_provider="openai", base_url=server.base_url, api_key="sk-secret-1", max_retries=0)
        for n in names
    ]


async def settled(page: Page) -> None:
    """Wait until everything that is looked at was answered."""
    await page.until(
        lambda: page.state.get("columns") and all(c["state"] in ("done", "failed") for c in page.state["columns"])
    )


def test_run_in_a_script_asks_everything_once_and_gives_the_frame(server: OpenAIServer) -> None:
    compare = Compare(models(server), pd.Series(["one", "two"], name="q"), temperature=0)
    frame = compare.run()
    assert len(frame) == 6 and list(frame.model[:3]) == ["gpt-4o-mini", "gpt-5-mini", "gpt-test"]
    assert frame.response[3] == "gpt-4o-mini says two" and (frame.output_tokens > 0).all()
    assert (frame.first_token_s > 0).all() and frame.cost_usd.notna().tolist()[:2] == [True, True]
    assert frame.vote.isna().all() and server.requests[0].json["temperature"] == 0
    compare.run()
    assert server.count == 6


def test_one_that_fails_leaves_the_others_alone(server: OpenAIServer) -> None:
    broken = init_chat_model("x", model_provider="openai", base_url="http://127.0.0.1:9/v1", api_key="k", max_retries=0)
    frame = Compare([*models(server, "gpt-test"), broken], "hi").run()
    assert frame.response.notna().tolist() == [True, False]
    assert "APIConnectionError" in frame.error[1]


def test_contestants_may_be_one_model_with_other_parameters(server: OpenAIServer) -> None:
    (model,) = models(server, "gpt-test")
    same = {"model": model}
    compare = Compare([{**same, "temperature": 0}, {**same, "temperature": 1}, {**same, "system": "Be brief."}], "hi")
    assert len(set(compare.run().model)) == 3
    sent = sorted((r.json.get("temperature", -1), len(r.json["messages"])) for r in server.requests)
    assert sent == [(-1, 2), (0, 1), (1, 1)]
    assert list(Compare({"cold": model, "warm": model}, "hi").frame.model) == ["cold", "warm"]


def test_what_cannot_be_compared_is_told(server: OpenAIServer) -> None:
    (model,) = models(server, "gpt-test")
    for wrong in ([model], [model] * 7, [], model, [model, 7], "openai:x", [model, {"temperature": 1}]):
        with pytest.raises(ConfigurationError):
            Compare(wrong, "hi")
    for prompt in ("", [""], [None], 7):
        with pytest.raises((ConfigurationError, TypeError)):
            Compare([model, model], prompt)


def test_votes_make_win_rates_with_intervals(server: OpenAIServer) -> None:
    compare = Compare(models(server, "gpt-4o-mini", "gpt-5-mini"), [f"q{i}" for i in range(10)])
    for prompt in range(6):
        compare.vote(prompt, "gpt-5-mini")
    compare.vote(6, "A", note="close")
    compare.vote(7, "tie")
    summary = compare.summary
    assert list(summary.index) == ["gpt-5-mini", "gpt-4o-mini"]
    best = summary.loc["gpt-5-mini"]
    assert (best.wins, best.ties, best.losses) == (6, 1, 1) and best.win_rate == pytest.approx(6.5 / 8)
    assert 0 < best.low < best.win_rate < best.high < 1
    frame = compare.frame
    assert frame.vote[frame.prompt_no == 6].tolist() == ["best", "other"] and frame.note[12] == "close"
    assert set(frame.vote[frame.prompt_no == 7]) == {"tie"}
    assert compare.plot().get_xlim() == (0, 1)
    for wrong in ((99, "A"), (0, "C"), (0, "nobody")):
        with pytest.raises(ConfigurationError):
            compare.vote(*wrong)


def test_the_interval_is_wilsons() -> None:
    low, share, high = wilson(8, 10)
    assert (round(low, 4), share, round(high, 4)) == (0.4902, 0.8, 0.9433)  # as in the literature
    assert wilson(0, 0) == (None, None, None) and wilson(0, 5)[0] == pytest.approx(0)


def test_words_that_differ_are_marked_and_hostile_ones_are_text() -> None:
    assert word_diff("a good day", "a bad day") == ('<div class="words">a <del>good</del><ins>bad</ins> day</div>')
    assert "<script>" not in word_diff("x", "<script>alert(1)</script>")


def test_columns_stream_and_the_keyboards_vote_is_in_the_frame(page: Page, server: OpenAIServer) -> None:
    async def run() -> None:
        compare = Compare(models(server), "hi")
        page.open(compare)
        await settled(page)
        assert "gpt-5-mini says hi" in page.slots["0.1.0"]
        assert page.state["columns"][0]["name"] == "gpt-4o-mini" and page.state["columns"][0]["facts"]
        page.do("vote", best=1)
        await page.until(lambda: page.state["vote"] == 1)
        page.do("note", text="well said")
        page.do("diff", column=0)
        await page.until(lambda: "<del>" in page.slots["0.1.0"])
        assert compare.frame.vote.tolist() == ["other", "best", "other"] and compare.frame.note[0] == "well said"
        page.do("ask", text="and now?")
        await page.until(lambda: page.state["at"] == 1)
        await settled(page)
        page.do("go", by=-1)
        await page.until(lambda: page.state["at"] == 0)
        assert server.count == 6

    asyncio.run(run())


def test_blind_nothing_on_the_page_tells_who_it_is_until_the_names_are_shown(page: Page) -> None:
    def answer(body: Any) -> Any:
        return faulty.server_error() if body["model"] == "gpt-test" else "an answer"

    async def run(server: OpenAIServer) -> None:
        compare = Compare(models(server), ["a", "b", "c", "d"], blind=True, seed=1)
        page.open(compare)
        await settled(page)
        seen = json.dumps(page.state) + page.text + compare.saved()[0]
        assert not [n for n in ("gpt", "openai", "ServerError", "tok/s", "$") if n in seen]
        page.do("reveal")
        await page.until(lambda: "vote first" in page.state["error"])
        page.do("vote", best=2)
        await page.until(lambda: page.state["vote"] == 2)
        page.do("reveal")
        await page.until(lambda: not page.state["hidden"])
        order = [c["name"] for c in page.state["columns"]]
        frame = compare.frame
        assert frame.model[frame.vote == "best"].tolist() == [order[2]] and sorted(order) == sorted(set(frame.model))
        page.do("vote", best=0)
        await page.until(lambda: "its vote stands" in page.state["error"])
        assert len({tuple(compare.contest.order(p)) for p in range(4)}) > 1

    with OpenAIServer(answer) as server:
        asyncio.run(run(server))


def test_one_or_all_are_stopped_and_asked_again(page: Page) -> None:
    async def run(server: OpenAIServer) -> None:
        compare = Compare(models(server), "hi")
        page.open(compare)
        await page.until(lambda: sum("word" in html for html in page.slots.values()) == 3)
        page.do("stop", column=0)
        await page.until(lambda: page.state["columns"][0]["state"] == "done")
        assert page.state["columns"][1]["state"] == "running"
        assert compare.frame.finish_reason[0] == "interrupted" and compare.frame.response[0].startswith("word")
        page.do("stop")
        await settled(page)
        await page.until(lambda: server.connections_open == 0)
        page.do("again", column=1)
        await page.until(lambda: page.state["columns"][1]["state"] == "running")
        compare.close()
        await page.until(lambda: server.connections_open == 0)

    with OpenAIServer(lambda body: "word " * 500, gap=0.01) as server:
        asyncio.run(run(server))


@pytest.mark.parametrize("length", [100, 200])
def test_three_models_at_a_hundred_tokens_a_second_stay_below_sixty_messages(length: int, page: Page) -> None:
    async def run(server: OpenAIServer) -> None:
        page.open(Compare(models(server), "hi"))
        await settled(page)

    with OpenAIServer(lambda body: "word " * length, gap=0.01) as server:
        asyncio.run(run(server))
    seconds = page.sent[-1][0] - page.sent[0][0]
    assert len(page.sent) < 60 * seconds
    assert sum(size for _, size in page.sent) < 150 * length + 25_000


def test_a_comparison_is_saved_and_loaded_without_keys(server: OpenAIServer, tmp_path: Path) -> None:
    given = models(server, "gpt-4o-mini", "gpt-5-mini")
    compare = Compare(given, ["one", "two"], blind=True)
    compare.run()
    compare.vote(0, "B", note="yes")
    compare.save(tmp_path / "c.json")
    assert "sk-secret" not in (tmp_path / "c.json").read_text()
    with pytest.raises(ConfigurationError, match="give the models again"):
        Compare.load(tmp_path / "c.json")
    again = Compare.load(tmp_path / "c.json", given)
    pd.testing.assert_frame_equal(again.frame, compare.frame)
    again.run()
    assert server.count == 4
    for bad in ("nothing.json", __file__):
        with pytest.raises(ConfigurationError):
            Compare.load(bad)


def test_malformed_messages_do_not_end_it(page: Page, server: OpenAIServer) -> None:
    async def run() -> None:
        page.open(Compare(models(server), "hi"))
        await settled(page)
        for bad in (
            {"name": "vote"}, {"name": "vote", "best": 99}, {"name": "vote", "best": "x"}, {"name": "go", "by": 99},
            {"name": "diff", "column": 77}, {"name": "again", "column": -9}, {"name": "ask", "text": " "},
            {"name": "stop", "column": "x"},
        ):  # fmt: skip
            page.do(**bad)
            await asyncio.sleep(0.01)
        page.do("diff", column=None)
        page.do("vote", best=0)
        await page.until(lambda: page.state["vote"] == 0)

    asyncio.run(run())
