"""The neutral table of token probabilities."""

from __future__ import annotations

import math
from typing import Any

import pytest

from nbchat import AIMessage
from nbchat.values.logprobs import Logprobs


def table(*tokens: dict[str, Any]) -> Logprobs:
    found = AIMessage("x", response_metadata={"logprobs": {"content": list(tokens), "refusal": None}}).logprobs
    assert found is not None
    return found


def token(text: str, probability: float, *alternatives: tuple[str, float]) -> dict[str, Any]:
    top = [{"token": name, "logprob": math.log(share)} for name, share in alternatives]
    return {"token": text, "logprob": math.log(probability), "bytes": list(text.encode()), "top_logprobs": top}


def test_a_row_has_token_logprob_probability_entropy_and_alternatives() -> None:
    (row,) = table(token("a", 0.5, ("a", 0.5), ("b", 0.25)))
    assert (row.token, row.bytes, row.probability) == ("a", (97,), pytest.approx(0.5))
    assert [(other.token, round(other.probability, 6)) for other in row.alternatives] == [("a", 0.5), ("b", 0.25)]
    assert row.entropy == pytest.approx(1.5)  # 1/2, 1/4, and 1/4 for all the rest


def test_the_chosen_token_counts_where_it_is_not_among_the_alternatives() -> None:
    (row,) = table(token("c", 0.25, ("a", 0.5)))
    assert row.entropy == pytest.approx(1.5)


def test_without_alternatives_there_is_no_entropy() -> None:
    assert table(token("a", 0.5))[0].entropy is None


def test_the_frame_has_a_row_a_token() -> None:
    frame = table(token("a", 0.5, ("a", 0.5), ("b", 0.5)), token("b", 1.0)).to_frame()
    assert list(frame.columns) == ["token", "logprob", "probability", "entropy", "alternatives"]
    assert frame.alternatives[0] == pytest.approx({"a": 0.5, "b": 0.5})
    assert frame.entropy[0] == pytest.approx(1.0)


def test_perplexity_is_of_the_whole_answer() -> None:
    assert table(token("a", 0.5), token("b", 0.125)).perplexity == pytest.approx(4.0)


@pytest.mark.parametrize("logprob", [1e308, 0.1, None, -1e308, float("-inf")])
def test_what_is_no_log_probability_does_no_harm(logprob: Any) -> None:
    whole = table({"token": "a", "logprob": logprob, "top_logprobs": [{"token": "a", "logprob": logprob}]})
    assert 0 <= whole[0].probability <= 1
    assert whole[0].entropy is not None
    assert whole.perplexity >= 0


def test_no_logprobs_are_none() -> None:
    assert AIMessage("x").logprobs is None
    assert AIMessage("x", response_metadata={"logprobs": None}).logprobs is None
