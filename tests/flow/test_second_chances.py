"""Flows made of flows, stepped by hand: what is relayed, when one starts anew, and when another takes over."""

from __future__ import annotations

from typing import Any

import pytest

from nbchat.flow import effects as do
from nbchat.flow.effects import Effect, Flow
from nbchat.flow.relay import relayed
from nbchat.flow.second_chances import again, first_that_answers
from nbchat.values.errors import AllFailedError, APIConnectionError, ChatError, RateLimitError


def steps(flow: Flow[Any], answers: dict[str, Any] | None = None) -> tuple[list[Any], Any]:
    """(what the flow yields, its result); each effect is given the answer to its verb, and raised if it is an error."""
    seen, turn, value = [], flow.send, None
    try:
        while True:
            step = turn(value)
            seen.append(step)
            value, turn = (answers or {}).get(getattr(step, "verb", "")), flow.send
            if isinstance(value, Exception):
                turn = flow.throw  # type: ignore[assignment]
    except StopIteration as done:
        return seen, done.value


def saying(*words: str, then: Exception | None = None) -> Flow[str]:
    yield from words
    if then is not None:
        raise then
    return " ".join(words)


class TestRelayed:
    def test_the_reader_sees_what_is_shown_and_the_result_is_kept(self) -> None:
        assert steps(relayed(saying("a", "b"), lambda step: [step, step.upper()])) == (["a", "A", "b", "B"], "a b")

    def test_effects_are_done_for_the_flow_inside(self) -> None:
        def inner() -> Flow[Any]:
            return (yield do.clock())

        assert steps(relayed(inner(), lambda step: ()), {"clock": 7.0}) == ([do.clock()], 7.0)

    def test_an_effect_that_fails_fails_in_the_flow_inside(self) -> None:
        def inner() -> Flow[Any]:
            try:
                yield do.read()
            except APIConnectionError as error:
                return f"heard: {error}"

        assert steps(relayed(inner(), lambda step: ()), {"read": APIConnectionError("cut")})[1] == "heard: cut"

    def test_what_is_shown_may_have_effects_too(self) -> None:
        def shown(step: Any) -> Flow[None]:
            if not isinstance(step, Effect):
                yield (yield do.clock())

        assert steps(relayed(saying("a"), shown), {"clock": 7.0})[0] == [do.clock(), 7.0]

    def test_closing_it_closes_the_flow_inside(self) -> None:
        closed = []

        def inner() -> Flow[None]:
            try:
                yield "a"
            finally:
                closed.append(True)

        flow = relayed(inner(), lambda step: [step])
        next(flow)
        flow.close()
        assert closed


class TestAgain:
    def test_it_is_started_anew_until_it_does_not_fail(self) -> None:
        flows = iter([saying(then=ChatError("1")), saying(then=ChatError("2")), saying("a")])
        seen, result = steps(again(lambda: next(flows), lambda error: True, 3, wait=False, stream=True))
        assert (seen, result) == (["a"], "a")

    def test_between_it_waits_as_the_provider_asks(self) -> None:
        flows = iter([saying(then=RateLimitError("busy", status=429, retry_after=7)), saying("a")])
        seen, _ = steps(again(lambda: next(flows), lambda error: True, 3, wait=True, stream=True))
        assert seen == [do.sleep(7), "a"]

    def test_the_last_error_is_raised(self) -> None:
        flows = iter([saying(then=ChatError("1")), saying(then=ChatError("2"))])
        with pytest.raises(ChatError, match="2"):
            steps(again(lambda: next(flows), lambda error: True, 2, wait=False, stream=True))

    def test_an_error_that_is_not_to_be_retried_is_raised_at_once(self) -> None:
        flows = iter([saying(then=ChatError("1"))])
        with pytest.raises(ChatError, match="1"):
            steps(again(lambda: next(flows), lambda error: False, 2, wait=False, stream=True))

    def test_a_stream_that_was_seen_is_not_started_anew(self) -> None:
        flows = iter([saying("a", then=ChatError("cut"))])
        with pytest.raises(ChatError, match="cut"):
            steps(again(lambda: next(flows), lambda error: True, 2, wait=False, stream=True))

    def test_pieces_that_nobody_reads_do_not_count(self) -> None:
        flows = iter([saying("a", then=ChatError("cut")), saying("b")])
        assert steps(again(lambda: next(flows), lambda error: True, 2, wait=False, stream=False))[1] == "b"


class TestFirstThatAnswers:
    def test_the_next_takes_over(self) -> None:
        flows = [("x", lambda: saying(then=ChatError("1"))), ("y", lambda: saying("b"))]
        assert steps(first_that_answers(flows, (ChatError,), stream=True)) == (["b"], "b")

    def test_an_error_while_a_flow_is_made_counts(self) -> None:
        def broken() -> Flow[str]:
            raise ChatError("no")

        flows = [("x", broken), ("y", lambda: saying("b"))]
        assert steps(first_that_answers(flows, (ChatError,), stream=True))[1] == "b"

    def test_none_takes_over_a_stream_that_was_seen(self) -> None:
        flows = [("x", lambda: saying("a", then=ChatError("cut"))), ("y", lambda: saying("b"))]
        with pytest.raises(ChatError, match="cut"):
            steps(first_that_answers(flows, (ChatError,), stream=True))

    def test_other_errors_are_raised_at_once(self) -> None:
        flows = [("x", lambda: saying(then=KeyError("bug"))), ("y", lambda: saying("b"))]
        with pytest.raises(KeyError, match="bug"):
            steps(first_that_answers(flows, (ChatError,), stream=True))

    def test_if_all_fail_each_is_named(self) -> None:
        first, second = RateLimitError("busy"), APIConnectionError("down")
        flows = [("x", lambda: saying(then=first)), ("y", lambda: saying(then=second))]
        with pytest.raises(AllFailedError, match="x: RateLimitError: busy; y: APIConnectionError: down") as caught:
            steps(first_that_answers(flows, (ChatError,), stream=True))
        assert caught.value.errors == (first, second)
