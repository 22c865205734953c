"""Rows in, rows out: prompts of every kind, columns of every answer."""

from __future__ import annotations

import base64
import inspect
import threading
from typing import Any

import numpy as np
import pandas as pd
import pytest

from nbchat import HumanMessage, batch_frame, init_chat_model, tool
from nbchat.values.errors import ConfigurationError
from tests.frame.conftest import Counted
from tests.servers import OpenAIServer, Reply

ADDED = [
    *("response", "finish_reason", "model", "input_tokens", "output_tokens", "total_tokens", "cache_read_tokens"),
    *("reasoning_tokens", "cost_usd", "latency_s", "attempts", "error"),
]
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


def test_the_same_rows_come_out_in_order_with_their_index_and_the_columns_of_every_answer(
    reviews: pd.DataFrame, model: Any
) -> None:
    out = batch_frame(reviews, "Tone of: {review}", model)
    assert list(out.index) == ["x", "a", "x"]
    assert list(out.columns) == ["review", "stars", *ADDED]
    assert list(out.response) == [f"You said: Tone of: {text}" for text in reviews.review]
    assert (out.total_tokens == out.input_tokens + out.output_tokens).all() and (out.cost_usd > 0).all()
    assert set(out.finish_reason) == {"stop"} and set(out.model) == {"gpt-4o-mini"}
    assert (out.attempts == 1).all() and (out.latency_s > 0).all() and out.error.isna().all()
    assert list(reviews.columns) == ["review", "stars"]  # the caller's own frame is left alone


def test_added_columns_have_nullable_types_even_where_nothing_came(model: Any) -> None:
    out = batch_frame(pd.DataFrame({"review": [None, None]}), "{review}", model)
    types = out.dtypes.astype(str).to_dict()
    assert [types[name] for name in ("response", "error", "model")] == ["string"] * 3
    assert [types[name] for name in ("input_tokens", "attempts")] == ["Int64"] * 2
    assert [types[name] for name in ("cost_usd", "latency_s")] == ["Float64"] * 2
    assert out.response.isna().all() and out.input_tokens.isna().all()


def test_braces_in_the_data_are_data_and_formats_are_pythons(model: Any, asked: Counted) -> None:
    rows = pd.DataFrame({"a b": ["{stars}"], "price": [1.5], "day": pd.to_datetime(["2026-03-01"])})
    batch_frame(rows, "{{x}} {a b} {price:.2f} {day:%d.%m.} {a b!r}", model)
    assert list(asked.by_text) == ["{x} {stars} 1.50 01.03. '{stars}'"]


@pytest.mark.parametrize("kind", ["column", "series", "list", "function", "messages"])
def test_prompts_may_be_a_column_a_series_a_list_a_function_or_message_lists(
    kind: str, reviews: pd.DataFrame, model: Any, asked: Counted
) -> None:
    prompts: Any = {
        "column": "review",
        "series": reviews.review,
        "list": list(reviews.review),
        "function": lambda row: row.review,
        "messages": [[("user", text)] for text in reviews.review],
    }[kind]
    out = batch_frame(reviews, prompts, model)
    assert list(out.response) == ["You said: good", "You said: bad", "You said: so {so}"]


def test_a_column_of_message_lists_is_a_conversation(model: Any, server: OpenAIServer) -> None:
    rows = pd.DataFrame({"talk": [[{"role": "system", "content": "Be kind."}, HumanMessage("hi")]]})
    batch_frame(rows, "talk", model)
    assert [m["role"] for m in server.requests[0].json["messages"]] == ["system", "user"]


def test_instructions_come_from_a_text_a_template_or_a_column(reviews: pd.DataFrame, model: Any, server: Any) -> None:
    batch_frame(reviews[:1], "review", model, system="Stars: {stars}")
    batch_frame(reviews[:1].assign(rule="Be brief."), "review", model, system="rule")
    assert [r.json["messages"][0]["content"] for r in server.requests] == ["Stars: 5", "Be brief."]


def test_pictures_come_from_columns_and_an_empty_cell_is_none(model: Any, server: OpenAIServer, tmp_path: Any) -> None:
    (tmp_path / "a.png").write_bytes(PNG)
    rows = pd.DataFrame({"photo": [str(tmp_path / "a.png"), None, "missing.png"]})
    out = batch_frame(rows, "What is this?", model, images="photo")
    kinds = [[part["type"] for part in r.json["messages"][0]["content"]] for r in server.requests[:1]]
    assert kinds == [["text", "image_url"]]
    assert out.error.notna().tolist() == [False, False, True] and "missing.png" in out.error.iloc[2]


def test_pictures_may_be_arrays_paths_or_lists_of_them(model: Any, server: OpenAIServer, tmp_path: Any) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(PNG)
    photos = [np.zeros((2, 2, 3), dtype="uint8"), path, [PNG, str(path)], np.array([path, path], dtype=object), " ", []]
    out = batch_frame(pd.DataFrame({"photo": pd.Series(photos, dtype=object)}), "What is this?", model, images="photo")
    assert out.error.isna().all()
    contents = [r.json["messages"][0]["content"] for r in server.requests]
    assert sorted(1 if isinstance(each, str) else len(each) for each in contents) == [1, 2, 2, 3]


def test_what_varies_may_be_the_instructions_alone(model: Any, server: OpenAIServer) -> None:
    rows = pd.DataFrame({"who": ["a poet", "a cook"]})
    batch_frame(rows, "Describe the sea.", model, system="You are {who}.")
    assert {r.json["messages"][0]["content"] for r in server.requests} == {"You are a poet.", "You are a cook."}


def test_parameters_go_to_the_model_and_extras_into_columns(reviews: pd.DataFrame, model: Any, server: Any) -> None:
    out = batch_frame(
        reviews[:1], "review", model, temperature=0, logprobs=True, include=["mean_logprob", "message", "reasoning"]
    )
    assert server.requests[0].json["temperature"] == 0
    assert out.mean_logprob.iloc[0] < 0 and out.message.iloc[0].text == out.response.iloc[0]
    assert out.reasoning.isna().all()


def test_identical_prompts_are_asked_once(model: Any, asked: Counted) -> None:
    out = batch_frame(pd.DataFrame({"q": ["same"] * 50 + ["other"]}), "q", model)
    assert asked.by_text == {"same": 1, "other": 1}
    assert out.response.notna().all() and out.attrs["nbchat"]["requests"] == 2


def test_a_prefix_keeps_names_apart_and_a_cell_run_again_replaces_its_own_columns(
    reviews: pd.DataFrame, model: Any
) -> None:
    out = batch_frame(reviews, "review", model, prefix="chat_")
    again = batch_frame(out, "review", model, prefix="chat_")
    assert list(out.columns[2:]) == [f"chat_{name}" for name in ADDED]
    pd.testing.assert_frame_equal(out, again)


def test_a_batch_over_the_answers_of_another_keeps_them_and_both_can_be_run_again(
    reviews: pd.DataFrame, model: Any, asked: Counted
) -> None:
    once = batch_frame(reviews, "{review}", model)
    with pytest.raises(ConfigurationError, match="would replace 'response'"):
        batch_frame(once, "Sum up: {response}", model)
    twice = batch_frame(once, "Sum up: {response}", model, prefix="sum_")
    assert list(twice.columns[2:]) == [*ADDED, *(f"sum_{name}" for name in ADDED)]
    assert twice.sum_response.iloc[0] == "You said: Sum up: You said: good"
    before = asked.total
    pd.testing.assert_frame_equal(batch_frame(twice, "Sum up: {response}", model, prefix="sum_"), twice)
    pd.testing.assert_frame_equal(batch_frame(twice, "{review}", model)[once.columns], once)
    assert asked.total == before


def test_frames_and_series_have_it_as_an_accessor(reviews: pd.DataFrame, model: Any) -> None:
    whole = reviews.chat.batch("Tone: {review}", model=model)
    alone = reviews.review.chat.batch(model=model)
    worded = reviews.review.chat.batch("Tone: {review}", model=model)
    assert list(whole.response) == list(worded.response)
    assert list(alone.columns) == ["review", *ADDED] and alone.response.iloc[0] == "You said: good"
    assert "budget_usd" in inspect.signature(reviews.chat.batch).parameters  # what Shift-Tab shows in a notebook
    assert "budget_usd" in inspect.signature(reviews.chat.abatch).parameters
    assert "Args:" in (inspect.getdoc(reviews.chat.batch) or "")


def test_each_row_is_seen_as_it_lands(reviews: pd.DataFrame, model: Any) -> None:
    seen: list[pd.Series] = []
    batch_frame(reviews, "Tone: {review}", model, on_row=seen.append)
    assert sorted(row.review for row in seen) == ["bad", "good", "so {so}"]
    assert all(row.response == f"You said: Tone: {row.review}" for row in seen)
    assert {row.name for row in seen} == {"x", "a"}
    seen.clear()
    out = batch_frame(reviews, "Tone: {review}", model, n=2, prefix="p_", on_row=seen.append)
    assert list(seen[0].index) == list(out.columns) and {row["p_sample"] for row in seen} == {0, 1}


def test_tools_run_on_the_callers_thread_and_the_row_pays_for_all_rounds(openai_server: OpenAIServer) -> None:
    model = init_chat_model("gpt-test", model_provider="openai", base_url=openai_server.base_url, api_key="k")
    threads = []

    @tool
    async def weather(city: str) -> str:
        """The weather."""
        threads.append(threading.current_thread())
        return f"sunny in {city}"

    out = batch_frame(pd.DataFrame({"city": ["Rome"]}), "Weather in {city}?", model, tools=[weather])
    assert set(threads) == {threading.main_thread()}
    assert "sunny" in out.response.iloc[0] and out.attempts.iloc[0] == 2
    first, last = (request.json for request in openai_server.requests)
    assert len(first["messages"]) < len(last["messages"]) and out.output_tokens.iloc[0] > 0


def test_a_row_that_asks_for_tools_again_and_again_fails_after_max_rounds(
    reviews: pd.DataFrame, model: Any, asked: Counted
) -> None:
    @tool
    def again(x: str) -> str:
        """Never enough."""
        return x

    asked.answer = lambda text, body: {"tool_calls": [{"name": "again", "args": {"x": "y"}}]}
    out = batch_frame(reviews[:1], "{review}", model, tools=[again], max_rounds=3).iloc[0]
    assert out.error.startswith("RoundLimitError") and "max_rounds=" in out.error and out.attempts == 4
    assert out.total_tokens > 0 and out.cost_usd > 0 and pd.isna(out.response)  # what it took is not forgotten


def test_a_row_whose_tools_have_run_goes_on_from_there_where_the_server_was_busy(
    reviews: pd.DataFrame, hasty: Any, asked: Counted
) -> None:
    looked = []

    @tool
    def look(x: str) -> str:
        """Look it up."""
        looked.append(x)
        return "seen"

    def answer(text: str, body: dict[str, Any]) -> Any:
        if text != "seen":
            return {"tool_calls": [{"name": "look", "args": {"x": "y"}}]}
        busy = Reply(status=429, body={"error": {"message": "busy"}}, headers={"retry-after": "0.01"})
        return busy if asked.by_text["seen"] < 3 else "done"

    asked.answer = answer
    out = batch_frame(reviews[:1], "{review}", hasty, tools=[look]).iloc[0]
    assert out.response == "done" and looked == ["y"] and out.attempts == asked.total == 4
    assert out.total_tokens > 2 * 5


def test_fallbacks_and_models_chosen_later_answer_as_well(reviews: pd.DataFrame, model: Any, server: Any) -> None:
    nobody = init_chat_model(
        "gpt-test", model_provider="openai", base_url="http://127.0.0.1:9/v1", api_key="k", max_retries=0
    )
    out = batch_frame(reviews, "{review}", nobody.with_fallbacks([model.with_retry()]))
    assert out.error.isna().all() and set(out.model) == {"gpt-4o-mini"}
    chosen = init_chat_model(
        "gpt-5-mini", model_provider="openai", base_url=server.base_url, api_key="k", configurable_fields=["model"]
    )
    assert set(batch_frame(reviews, "{review}", chosen).model) == {"gpt-5-mini"}


def test_counts_that_cannot_be_are_not_believed(reviews: pd.DataFrame, model: Any, asked: Counted) -> None:
    asked.answer = lambda text, body: asked.takes(-5, 10**30)
    out = batch_frame(reviews, "{review}", model)
    counts = out[["input_tokens", "output_tokens", "total_tokens"]].fillna(0)
    assert out.error.isna().all() and (counts == 0).all(axis=None)
