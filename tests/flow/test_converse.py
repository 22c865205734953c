"""The tool loop, stepped by hand: no network, no clock."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from nbchat.flow.converse import Approve, ToolStarted, converse
from nbchat.flow.effects import Effect, Flow
from nbchat.model.tools import Tool
from nbchat.values.chunks import AIMessageChunk
from nbchat.values.errors import RoundLimitError
from nbchat.values.messages import AIMessage, HumanMessage, Message, ToolMessage

Step = Callable[[], Flow[AIMessage]]


def add(a: int, b: int = 1) -> int:
    return a + b


def fail(why: str) -> None:
    raise LookupError(why)


TOOLS = {"add": Tool(add), "fail": Tool(fail)}


def call(name: str, id: str | None = "c1", **args: Any) -> dict[str, Any]:
    return {"name": name, "args": args, "id": id}


def says(*answers: AIMessage) -> Callable[[Sequence[Message]], Flow[AIMessage]]:
    """A model that gives these answers in turn."""
    left = list(answers)

    def ask(messages: Sequence[Message]) -> Flow[AIMessage]:
        yield from ()
        return left.pop(0)

    return ask


def do(effect: Effect) -> Any:
    assert effect.verb == "ask"
    question, *args = effect.args
    return question(*args)


def play(flow: Flow[AIMessage]) -> tuple[list[Any], AIMessage]:
    """(what the reader sees, the result)."""
    seen: list[Any] = []
    turn, value = flow.send, None
    while True:
        try:
            step = turn(value)
        except StopIteration as done:
            return seen, done.value
        turn, value = flow.send, None
        if not isinstance(step, Effect):
            seen.append(step)
            continue
        try:
            value = do(step)
        except Exception as error:
            turn, value = flow.throw, error  # type: ignore[assignment]


def history(*messages: Message) -> list[Message]:
    return [HumanMessage("go"), *messages]


def results(messages: list[Message]) -> list[tuple[str, str, str]]:
    return [(m.tool_call_id, m.status, m.text) for m in messages if isinstance(m, ToolMessage)]


def converse_with(*answers: AIMessage, approve: Approve | None = None, **more: Any) -> tuple[list[Any], list[Message]]:
    messages = history()
    seen, result = play(converse(says(*answers), messages, TOOLS, approve=approve, **more))
    assert result is messages[-1]
    return seen, messages


def test_an_answer_without_tool_calls_ends_the_turn() -> None:
    seen, messages = converse_with(AIMessage("hi"))
    assert seen == []
    assert messages == history(AIMessage("hi"))


def test_a_turn_that_anthropic_pauses_goes_on() -> None:
    paused = AIMessage("searching", response_metadata={"finish_reason": "pause_turn"})
    _, messages = converse_with(paused, AIMessage("found"))
    assert messages == history(paused, AIMessage("found"))


def test_a_turn_that_is_paused_again_and_again_ends_as_it_is() -> None:
    paused = [AIMessage(str(n), response_metadata={"finish_reason": "pause_turn"}) for n in range(9)]
    _, messages = converse_with(*paused, max_rounds=2)
    assert messages == history(*paused[:3])


def test_several_tools_of_one_answer_run_in_order() -> None:
    both = AIMessage(tool_calls=[call("add", "c1", a=1), call("add", "c2", a=2, b=2)])
    seen, messages = converse_with(both, AIMessage("done"))
    assert [type(each).__name__ for each in seen] == ["ToolStarted", "ToolMessage", "ToolStarted", "ToolMessage"]
    assert seen[0] == ToolStarted({"name": "add", "args": {"a": 1}, "id": "c1", "type": "tool_call"})
    assert results(messages) == [("c1", "success", "2"), ("c2", "success", "4")]
    assert messages[-1] == AIMessage("done")


def test_a_result_is_in_the_history_when_the_reader_sees_it() -> None:
    messages = history()
    both = AIMessage(tool_calls=[call("add", "c1", a=1), call("add", "c2", a=2)])
    flow = converse(says(both), messages, TOOLS)
    _, effect = next(flow), next(flow)
    assert flow.send(do(effect)) is messages[-1]
    flow.close()


def test_what_goes_wrong_with_a_tool_is_told_to_the_model() -> None:
    broken = {"name": "add", "args": '{"a": ', "id": "c4", "error": "the arguments are not JSON"}
    asks = AIMessage(
        tool_calls=[call("fail", "c1", why="gone"), call("nope", "c2"), call("add", "c3", a="x")],
        invalid_tool_calls=[broken],
    )
    _, messages = converse_with(asks, AIMessage("sorry"))
    told = results(messages)
    assert [status for _, status, _ in told] == ["error"] * 4
    assert told[0][2] == "LookupError: gone"
    assert told[1][2] == "there is no tool 'nope'; there is add, fail"
    assert told[2][2].startswith("ToolError: add: 'a': Input should be a valid integer")
    assert told[3][2] == 'the arguments are not JSON; write them as one JSON object: {"a": '


@pytest.mark.parametrize("id", [None, "", "same"])
def test_calls_without_an_id_of_their_own_are_given_one_that_pairs_them_with_their_results(id: str | None) -> None:
    both = AIMessage()
    both.blocks = [{"type": "tool_call", "name": "add", "args": {"a": n}, "id": id} for n in (1, 2)]
    _, messages = converse_with(both, AIMessage("ok"))
    asked = messages[1]
    assert isinstance(asked, AIMessage)
    ids = [each["id"] for each in asked.tool_calls]
    assert len(set(ids)) == 2
    assert [id for id, _, _ in results(messages)] == ids


def test_the_limit_of_rounds_leaves_no_call_without_a_result() -> None:
    again = [AIMessage(tool_calls=[call("add", f"c{n}", a=n)]) for n in range(3)]
    messages = history()
    with pytest.raises(RoundLimitError, match=r"tools \(add\) after 2 rounds") as caught:
        play(converse(says(*again), messages, TOOLS, max_rounds=2))
    assert caught.value.partial is again[2]
    assert results(messages) == [
        ("c0", "success", "1"),
        ("c1", "success", "2"),
        ("c2", "error", "not run: the limit of 2 rounds is reached"),
    ]


@pytest.mark.parametrize(
    ("verdict", "status", "text"),
    [
        (True, "success", "2"),
        ({"a": 40, "b": 2}, "success", "42"),
        (False, "error", "the user declined this tool call"),
        (None, "error", "the user declined this tool call"),
        ("too big", "error", "the user declined this tool call: too big"),
    ],
)
def test_approve_lets_run_edits_or_declines(verdict: Any, status: str, text: str) -> None:
    asked: list[Any] = []

    def approve(name: str, args: dict[str, Any]) -> Any:
        asked.append((name, args))
        return verdict

    seen, messages = converse_with(AIMessage(tool_calls=[call("add", a=1)]), AIMessage("ok"), approve=approve)
    assert asked == [("add", {"a": 1})]
    assert results(messages) == [("c1", status, text)]
    assert any(isinstance(each, ToolStarted) for each in seen) == (status == "success")


def test_an_error_in_approve_is_raised_and_leaves_a_valid_history() -> None:
    def approve(name: str, args: dict[str, Any]) -> Any:
        raise EOFError("no terminal")

    messages = history()
    with pytest.raises(EOFError):
        play(converse(says(AIMessage(tool_calls=[call("add", a=1)])), messages, TOOLS, approve=approve))
    assert [status for _, status, _ in results(messages)] == ["error"]


def test_a_turn_stopped_between_two_tools_answers_the_one_that_waits() -> None:
    messages = history()
    both = AIMessage(tool_calls=[call("add", "c1", a=1), call("add", "c2", a=2)])
    flow = converse(says(both), messages, TOOLS)
    started, effect = next(flow), next(flow)
    assert isinstance(started, ToolStarted)
    assert isinstance(flow.send(do(effect)), ToolMessage)
    flow.close()
    assert results(messages) == [
        ("c1", "success", "2"),
        ("c2", "error", "interrupted: the conversation stopped before this tool had a result"),
    ]


def streams(*chunks: AIMessageChunk) -> Callable[..., Flow[AIMessage]]:
    def ask(messages: Sequence[Message]) -> Flow[AIMessage]:
        yield from chunks
        return AIMessage("whole")

    return ask


def test_a_stopped_answer_is_kept_as_far_as_it_came() -> None:
    messages = history()
    flow = converse(streams(AIMessageChunk("Once "), AIMessageChunk("upon ")), messages, {})
    assert [next(flow).text, next(flow).text] == ["Once ", "upon "]
    flow.close()
    kept = messages[-1]
    assert isinstance(kept, AIMessage)
    assert (kept.text, kept.interrupted) == ("Once upon ", True)


def test_an_answer_stopped_within_a_tool_call_has_a_result_for_it() -> None:
    piece = {"type": "tool_call_chunk", "name": "add", "args": '{"a": ', "id": "c1", "index": 0}
    messages = history()
    flow = converse(streams(AIMessageChunk(blocks=[piece])), messages, TOOLS)
    next(flow)
    flow.close()
    assert [type(m).__name__ for m in messages] == ["HumanMessage", "AIMessage", "ToolMessage"]
    assert results(messages)[0][0] == "c1"
