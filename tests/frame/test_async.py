"""The batch on a loop of the caller's own."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pandas as pd
import pytest

from nbchat import abatch_frame, batch_frame, tool
from tests.frame.conftest import Counted
from tests.servers import OpenAIServer

ROWS = pd.DataFrame({"q": [f"question {i}" for i in range(50)]})


def test_awaited_it_gives_the_same_frame_and_leaves_the_loop_free(model: Any) -> None:
    async def run() -> tuple[pd.DataFrame, int]:
        turns = 0

        async def turn() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        other = asyncio.ensure_future(turn())
        out = await abatch_frame(ROWS, "q", model)
        other.cancel()
        return out, turns

    out, turns = asyncio.run(run())
    pd.testing.assert_frame_equal(out, batch_frame(ROWS, "q", model))
    assert turns > 5


def test_rows_come_as_they_finish_and_leaving_early_keeps_them(model: Any, asked: Counted) -> None:
    async def run() -> list[pd.Series]:
        rows = []
        async for row in abatch_frame(ROWS, "Hi {q}", model, max_concurrency=4):
            rows.append(row)
            if len(rows) == 10:
                break
        return rows

    rows = asyncio.run(run())
    assert all(row.response == f"You said: Hi {row.q}" for row in rows)
    before = asked.by_text.copy()
    batch_frame(ROWS, "Hi {q}", model)
    assert not set(asked.by_text - before) & {f"Hi {row.q}" for row in rows}


def test_tools_run_on_the_callers_loop(openai_server: OpenAIServer) -> None:
    from nbchat import init_chat_model

    model = init_chat_model("gpt-test", model_provider="openai", base_url=openai_server.base_url, api_key="k")
    loops = []

    @tool
    async def weather(city: str) -> str:
        """The weather."""
        loops.append((asyncio.get_running_loop(), threading.current_thread()))
        return f"sunny in {city}"

    async def run() -> tuple[Any, Any]:
        out = await abatch_frame(pd.DataFrame({"c": ["Rome"]}), "Weather in {c}?", model, tools=[weather])
        return out, asyncio.get_running_loop()

    out, loop = asyncio.run(run())
    assert "sunny" in out.response.iloc[0] and set(loops) == {(loop, threading.main_thread())}


@pytest.mark.parametrize("blocking", [True, False])
def test_on_row_may_be_async(blocking: bool, model: Any) -> None:
    seen: list[Any] = []

    async def see(row: pd.Series) -> None:
        await asyncio.sleep(0)
        seen.append(row.response)

    if blocking:
        batch_frame(ROWS[:3], "q", model, on_row=see)
    else:
        asyncio.run(_awaited(abatch_frame(ROWS[:3], "q", model, on_row=see)))
    assert sorted(seen) == [f"You said: question {i}" for i in range(3)]


def test_the_accessor_has_it_as_well_and_what_is_wrong_is_told_at_once(model: Any) -> None:
    out = asyncio.run(_awaited(ROWS[:3].chat.abatch("{q}", model)))
    assert len(out) == 3
    with pytest.raises(ValueError, match="no column"):
        ROWS.chat.abatch("{nothing}", model)


async def _awaited(batch: Any) -> pd.DataFrame:
    return await batch


def test_a_file_can_be_awaited_too(model: Any) -> None:
    ROWS.to_csv("in.csv", index=False)

    async def run() -> pd.DataFrame:
        return await abatch_frame("in.csv", "q", model)

    pd.testing.assert_frame_equal(asyncio.run(run()), batch_frame("in.csv", "q", model))
