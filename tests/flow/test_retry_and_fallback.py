"""Flows made of flows, stepped by hand: what is relayed, when one starts anew, and when another takes over."""

from __future__ import annotations

from typing import Any

from nbchat.flow import effects as do
from nbchat.flow.effects import Effect, Flow
from nbchat.flow.relay import relayed
from nbchat.flow.retry_and_fallback import again, first_that_answers
from nbchat.values.errors import APIConnectionError, ChatError, RateLimitError


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
            return (yield do.CLOCK)

        assert steps(relayed(inner(), lambda step: ()), {"clock": 7.0}) == ([do.CLOCK], 7.0)

    def test_an_effect_that_fails_fails_in_the_flow_inside(self) -> None:
        def inner() -> Flow[Any]:
            try:
                yield do.READ
            except APIConnectionError as error:
                return f"heard: {error}"

        assert steps(relayed(inner(), lambda step: ()), {"read": APIConnectionError("cut")})[1] == "heard: cut"

    def test_what_is_shown_may_have_effects_too(self) -> None:
        def shown(step: Any) -> Flow[None]:
            if not isinstance(step, Effect):
                yield (yield do.CLOCK)

        assert steps(relayed(saying("a"), shown), {"clock": 7.0})[0] == [do.CLOCK, 7.0]

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
    def test_between_it_waits_as_the_provider_asks(self) -> None:
        flows = iter([saying(then=RateLimitError("busy", status=429, retry_after=7)), saying("a")])
        seen, _ = steps(again(lambda: next(flows), lambda error: True, 3, wait=True, stream=True))
        assert seen == [do.sleep(7), "a"]

    def test_pieces_that_nobody_reads_do_not_count(self) -> None:
        flows = iter([saying("a", then=ChatError("cut")), saying("b")])
        assert steps(again(lambda: next(flows), lambda error: True, 2, wait=False, stream=False))[1] == "b"


class TestFirstThatAnswers:
    def test_an_error_while_a_flow_is_made_counts(self) -> None:
        def broken() -> Flow[str]:
            raise ChatError("no")

        flows = [("x", broken), ("y", lambda: saying("b"))]
        assert steps(first_that_answers(flows, (ChatError,), stream=True))[1] == "b"
