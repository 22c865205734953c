"""What a person sees of `%%chat` in a real JupyterLab: streaming, columns, tokens at hand, attacks inert."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest

from tests.browser.conftest import Lab
from tests.render.attacks import attacks
from tests.servers import OpenAIServer

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]


def setup(server: OpenAIServer) -> str:
    return (
        f"import os\nos.environ['OPENAI_API_KEY'] = 'k'\nos.environ['OPENAI_BASE_URL'] = {server.base_url!r}\n"
        "%load_ext nbchat\n%chat openai:gpt-test"
    )


def test_an_answer_is_seen_while_it_streams_and_stays_when_stopped(lab: Lab) -> None:
    with OpenAIServer(lambda body: "word " * 400, gap=0.05) as server:
        lab.open("stream.ipynb", [setup(server), "%%chat\nA long answer, please."])
        lab.start()
        lab.page.wait_for_function("() => document.querySelector('.nbchat')?.innerText.includes('word word')")
        assert lab.page.get_attribute(".nbchat", "aria-busy") == "true"
        assert lab.page.get_attribute(".nbchat", "aria-live") == "polite"
        lab.page.click("[data-command='notebook:interrupt-kernel'], .jp-ToolbarButtonComponent[title*='Interrupt' i]")
        lab.page.wait_for_function("() => document.querySelector('.nbchat .foot')?.innerText.includes('stopped')")
        assert "word word" in lab.page.inner_text(".nbchat")
        server.wait_for(lambda: len(server.closed_by_client) == 1)


def test_several_models_stand_side_by_side(lab: Lab) -> None:
    with OpenAIServer(lambda body: f"I am {body['model']}") as server:
        lab.open("columns.ipynb", [setup(server), "%%chat -m openai:gpt-a -m openai:gpt-b\nWho are you?"])
        lab.run()
    boxes = [each.bounding_box() for each in lab.page.query_selector_all(".nbchat")]
    assert len(boxes) == 2
    assert boxes[0] and boxes[1]
    assert boxes[0]["y"] == boxes[1]["y"]
    assert boxes[0]["x"] + boxes[0]["width"] <= boxes[1]["x"]


@pytest.mark.parametrize("theme", ["JupyterLab Light", "JupyterLab Dark"])
def test_a_tokens_alternatives_are_reached_by_mouse_and_by_keyboard(lab: Lab, theme: str) -> None:
    with OpenAIServer() as server:
        lab.open("logprobs.ipynb", [setup(server), "%%chat --logprobs 3\nhello there my friend"])
        lab.theme(theme)
        lab.run()
    shown = (
        "() => [...document.querySelectorAll('.lp [tabindex]')]"
        ".filter(e => !['none', 'normal'].includes(getComputedStyle(e, '::after').content)).length"
    )
    assert lab.page.evaluate(shown) == 0
    lab.page.hover(".lp [tabindex] >> nth=1")
    assert lab.page.evaluate(shown) == 1
    lab.page.mouse.move(0, 0)
    lab.page.focus(".lp [tabindex] >> nth=0")
    assert lab.page.evaluate(shown) == 1
    lab.page.keyboard.press("Tab")
    assert lab.page.evaluate("() => document.activeElement === document.querySelectorAll('.lp [tabindex]')[1]")
    colours = "() => { const s = getComputedStyle(document.querySelector('.nbchat')); return s.color }"
    dark = lab.page.evaluate(colours).startswith("rgba(255") or "255, 255, 255" in lab.page.evaluate(colours)
    assert dark == (theme == "JupyterLab Dark")
    tint = "() => getComputedStyle(document.querySelectorAll('.lp [tabindex]')[1]).backgroundColor"
    before = lab.page.evaluate(tint)
    lab.page.check(".keys input.c")
    assert lab.page.evaluate(tint) != before


def test_the_corpus_of_attacks_is_inert(lab: Lab) -> None:
    corpus = list(attacks().values())
    answer = "\n\n".join(text[:400].replace("\x00", "") for text in corpus)
    with OpenAIServer(lambda body: answer.encode("utf-8", "replace").decode()) as server:
        lab.open("attacks.ipynb", [setup(server), "%%chat\nAttack me."])
        lab.page.evaluate("() => { window.pwned = () => { window.__pwned = true } }")
        lab.page.on("dialog", lambda dialog: (lab.requests.append("dialog:"), dialog.dismiss()))
        lab.requests.clear()
        lab.run()
        lab.page.wait_for_timeout(1500)
    assert lab.page.query_selector(".nbchat .foot")
    assert lab.page.evaluate("() => window.__pwned") is None
    strangers = [url for url in lab.requests if urlsplit(url).scheme not in ("data", "blob") and "127.0.0.1" not in url]
    assert strangers == []
    kinds = "script,iframe,object,embed,form,link,base,meta,svg,video"
    assert lab.page.query_selector(f".nbchat :is({kinds})") is None
