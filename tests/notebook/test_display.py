"""The live display: few redraws, linear traffic, and the end always drawn."""

from __future__ import annotations

from typing import Any

from nbchat.flow.converse import ToolStarted
from nbchat.notebook.display import LiveDisplay
from nbchat.notebook.view import AnswerView
from nbchat.values.chunks import AIMessageChunk
from nbchat.values.messages import ToolMessage
from nbchat.values.usage import Usage


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def stream(tokens: int, per_second: float) -> tuple[int, int]:
    """(bytes sent, redraws) of an answer of so many tokens."""
    clock, sent = Clock(), []

    def publish(bundle: dict[str, str], metadata: Any, **more: Any) -> None:
        sent.append(sum(map(len, bundle.values())))

    display, view = LiveDisplay(publish, clock=clock), AnswerView("m", clock=clock)
    for n in range(tokens):
        clock.now += 1 / per_second
        end = "\n\n" if n % 40 == 39 else " "
        view.add(AIMessageChunk(blocks=[{"type": "text", "text": f"word{n % 7}{end}", "index": 0}]))
        display.redraw(lambda: view.bundle(streaming=True))
    view.finish()
    display.draw(view.bundle())
    return sum(sent), len(sent)


def test_at_most_fifteen_redraws_a_second_however_fast_the_tokens() -> None:
    _, redraws = stream(3000, per_second=1000)
    assert redraws <= 3 * 15 + 2


def test_the_bytes_sent_are_linear_in_the_length_of_the_answer() -> None:
    half, _ = stream(10_000, per_second=500)
    whole, _ = stream(20_000, per_second=500)
    print(f"20,000 tokens: {whole / 1e6:.1f} MB sent")
    assert whole < 2.6 * half
    assert whole < 12e6


def test_the_end_is_always_drawn_in_all_three_forms() -> None:
    sent: list[dict[str, str]] = []
    display = LiveDisplay(lambda bundle, metadata, **more: sent.append(bundle), clock=Clock())
    view = AnswerView("m")
    view.add(AIMessageChunk("Hello **you**"))
    view.finish()
    display.draw(view.bundle())
    assert sent[-1].keys() == {"text/html", "text/markdown", "text/plain"}
    assert "<strong>you</strong>" in sent[-1]["text/html"]


def test_the_time_of_a_tool_is_the_tools_and_no_part_of_the_speed() -> None:
    clock = Clock()
    view = AnswerView("m", clock=clock)

    def answer(*blocks: dict[str, Any]) -> None:
        for block in blocks:
            view.add(AIMessageChunk(blocks=[block]))
            clock.now += 1
        view.add(AIMessageChunk(blocks=[], usage_metadata=Usage.of(5, 20), chunk_position="last"))

    call = {"type": "tool_call", "name": "wait", "args": {}, "id": "c1"}
    answer(call)
    view.add(ToolStarted(call))
    clock.now += 100
    view.add(ToolMessage("done", "c1"))
    answer({"type": "text", "text": "Waited."}, {**call, "id": "c2"})
    view.add(ToolStarted({**call, "id": "c2"}))
    clock.now += 7
    view.finish("stopped")
    text = view.html()
    assert "✓ 1 min 40 s" in text and "✗ failed 7.0 s" in text and "13 tok/s" in text
