"""Every renderer, fed with the corpus of attacks wherever a model or a tool can write; and the logprobs view."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from nbchat.flow.converse import ToolStarted
from nbchat.notebook.render.logprobs import least_certain, logprobs_html
from nbchat.notebook.render.parts import Page, Part
from nbchat.notebook.render.renderers import add_renderer, html_of, markdown_of
from nbchat.notebook.render.tokens import shown_tokens
from nbchat.notebook.view import AnswerView
from nbchat.values.logprobs import Alternative, Logprobs, TokenLogprob
from nbchat.values.messages import AIMessage, ToolMessage
from tests.render.attacks import attacks
from tests.render.page import dangers

ATTACKS = attacks()
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


def parts(evil: str) -> list[Part]:
    """A part of every kind, with the attack wherever a text can stand."""
    call = {"type": "tool_call", "name": evil, "args": {evil: evil}, "id": evil}
    names = pd.Index([evil], dtype=object)
    frame = ToolMessage(evil, "c", artifact=pd.DataFrame([[evil]], columns=names, dtype=object))
    cited = [{"url": evil, "title": evil, "cited_text": evil}, {"url": "https://x.test", "title": evil}]
    table = Logprobs([TokenLogprob(evil, -2.0, (Alternative(evil, -2.0),))])
    return [
        Part({"type": "reasoning", "reasoning": evil}, state="done"),
        Part(call, state="done", result=ToolMessage(evil, "c")),
        Part(call, state="failed", result=frame),
        Part({**call, "type": "invalid_tool_call", "args": evil, "error": evil}),
        Part({"type": "tool_call_chunk", "name": evil, "args": '{"a": "' + evil, "id": evil, "index": 0}),
        Part({"type": "image", "url": evil}),
        Part({"type": "image", "base64": evil, "mime_type": evil}),
        Part({"type": "image", "base64": PNG, "mime_type": evil, "name": evil}),
        Part({"type": "file", "base64": PNG, "mime_type": "text/html", "name": evil}),
        Part({"type": "audio", "url": evil, "transcript": evil}),
        Part({"type": "refusal", "text": evil}),
        Part({"type": "error", "name": evil, "text": evil}),
        Part({"type": "object", "value": {evil: [evil, {evil: evil}], "b": [1, None]}}),
        Part({"type": "text", "text": evil, "annotations": cited}, state="done"),
        Part({"type": "text", "text": evil}, state="done", logprobs=table),
        Part({"type": "non_standard", "value": {"type": evil, evil: evil}}),
        Part({"type": evil, "name": evil}),
    ]


@pytest.mark.parametrize("name", ATTACKS)
def test_no_attack_survives_any_renderer(name: str) -> None:
    evil = ATTACKS[name][:3000]
    for page in (Page(), Page(raw=True)):
        for part in parts(evil):
            found = dangers(html_of(part, page), ours=True)
            assert not found, (part.kind, found)
            markdown_of(part)


def test_a_whole_answer_with_a_tool_and_its_result() -> None:
    view = AnswerView("model <b>")
    call = {"type": "tool_call", "name": "weather", "args": {"city": "Ulm"}, "id": "c1"}
    view.add(AIMessage([{"type": "reasoning", "reasoning": "hm"}, call]))
    view.add(ToolStarted({"name": "weather", "args": {"city": "Ulm"}, "id": "c1"}))
    assert "running" in view.html(streaming=True)
    view.add(ToolMessage("sunny", "c1"))
    view.add(AIMessage("It is **sunny**."))
    view.finish()
    html = view.html()
    assert html.index("thought") < html.index("weather") < html.index("sunny</strong>")
    assert "✓" in html
    assert "<details><summary>thought" in html.replace(" open", "")
    assert view.markdown().startswith("> hm\n\n`weather(city='Ulm')`\n> sunny\n\nIt is **sunny**.")


def test_a_users_own_renderer_goes_first() -> None:
    class Loud:
        @staticmethod
        def html(part: Part, page: Page) -> str | None:
            return "<p>LOUD</p>" if part.kind == "loud" else None

        @staticmethod
        def markdown(part: Part) -> str | None:
            return None

    add_renderer(Loud)
    assert html_of(Part({"type": "loud"}), Page()) == "<p>LOUD</p>"
    assert "LOUD" not in html_of(Part({"type": "text", "text": "x"}), Page())


def table(*tokens: tuple[str, float], bytes_: Any = None) -> Logprobs:
    import math

    return Logprobs([TokenLogprob(text, math.log(p), (), bytes_) for text, p in tokens])


def test_a_token_costs_at_most_150_bytes_beyond_its_alternatives() -> None:
    few = logprobs_html(table(*[(" word", 0.4)] * 100), "x")
    many = logprobs_html(table(*[(" word", 0.4)] * 1100), "x")
    assert (len(many.encode()) - len(few.encode())) / 1000 <= 150


def test_the_least_certain_spans_are_named() -> None:
    tokens = table(("It", 0.9), (" was", 0.9), (" Cla", 0.3), ("ra", 0.4), (" in", 0.8), (" 1853", 0.2))
    assert least_certain(shown_tokens(tokens)) == ["1853", "Clara"]


def test_white_space_is_visible_and_half_characters_are_joined() -> None:
    html = logprobs_html(table(("a", 0.9), ("\n\n", 0.9), ("\t", 0.9), (" ", 0.9)), "x")
    assert "⏎" in html and "⇥" in html and "␣" in html
    halves = Logprobs([TokenLogprob("\ufffd", -0.1, (), (0xE2,)), TokenLogprob("\ufffd", -0.1, (), (0x82, 0xAC))])
    assert ">€</span>" in logprobs_html(halves, "x")
    broken = Logprobs([TokenLogprob("\ufffd", -0.1, (), (0xE2,))])
    assert "⟨E2⟩" in logprobs_html(broken, "x")
