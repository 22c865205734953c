"""The logprob explorer in a real JupyterLab: by keyboard, on the embedded model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.browser.axe import violations
from tests.browser.conftest import Lab
from tests.render.attacks import attacks

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

START = "%load_ext nbchat\nimport nbchat\n%chat local:smollm2-135m"
ASK = "%%chat --logprobs 5 --temperature 0 --max-tokens 40\nWrite two sentences about the sea."
IDLE = "() => document.querySelector('.explore .lp')?.getAttribute('aria-busy') === 'false'"
TEXT = "() => [...document.querySelectorAll('.explore .lp [tabindex]')].map(e => e.textContent).join('')"
HERE = "() => document.activeElement.textContent"


def press(page: Any, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


@pytest.mark.local
def test_a_branch_is_made_and_left_by_keyboard_alone(lab: Lab) -> None:
    page = lab.page
    lab.open("explore.ipynb", [START, ASK, "e = nbchat.explore()\ne"])
    lab.run()
    page.wait_for_selector(".explore .lp [tabindex]")
    first = page.evaluate(TEXT)
    page.focus(".explore .lp [tabindex='0']")
    press(page, "ArrowRight", "ArrowRight", "ArrowRight", "ArrowRight")
    old = page.evaluate(HERE)
    press(page, "Enter", "ArrowDown")
    new = page.evaluate("() => document.activeElement.querySelector('code').textContent")
    assert page.get_attribute(".explore .alternatives", "role") == "menu"
    press(page, "Escape")
    assert page.query_selector(".explore .alternatives") is None
    assert page.evaluate(HERE) == old  # where it was left
    press(page, "Enter", "ArrowDown", "Enter")
    page.wait_for_function("() => document.querySelectorAll('.explore .tree li').length === 2")
    page.wait_for_function(IDLE)
    second = page.evaluate(TEXT)
    begun = first[: first.index(old)]
    assert second.startswith(begun + new)
    assert len(second) > len(begun + new)
    assert page.inner_text(".explore .lp del") == old
    assert page.inner_text(".explore .instead").endswith(first[len(begun) :].strip())
    page.focus(".explore .tree button")
    press(page, "Enter")
    page.wait_for_function(f"first => ({TEXT})() === first", arg=first)
    assert page.query_selector(".explore .lp del") is None


@pytest.mark.local
def test_python_and_the_page_look_at_the_same_and_the_file_keeps_it(lab: Lab) -> None:
    page = lab.page
    cells = [START, ASK, "e = nbchat.explore()\ne", "m = await e.branch(2, 1)", "print(e.message.text)\nlen(e.frame)"]
    lab.open("same.ipynb", cells)
    lab.run()
    page.wait_for_function("() => document.querySelectorAll('.explore .tree li').length === 2")
    page.wait_for_function(IDLE)
    said = page.inner_text(".jp-CodeCell:last-of-type .jp-OutputArea-output pre >> nth=0").strip()
    assert page.evaluate(TEXT) == said
    page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
    page.wait_for_timeout(1000)
    outputs = json.loads(Path(lab.folder / "same.ipynb").read_text())["cells"][2]["outputs"]
    html = "".join("".join(output["data"].get("text/html", "")) for output in outputs)
    assert 'class="lp"' in html
    assert "→" in html


def hostile() -> str:
    tokens = [text[:300].encode("utf-8", "replace").decode() for text in attacks().values()]
    entries = [{"token": t, "logprob": -1.0, "top_logprobs": [{"token": t, "logprob": -1.0}] * 2} for t in tokens]
    return json.dumps({"content": entries})


def test_it_can_be_used_by_everyone_and_hostile_tokens_are_only_text(lab: Lab) -> None:
    page = lab.page
    answer = (
        f"import json, nbchat\na = nbchat.AIMessage('x', response_metadata={{'logprobs': json.loads({hostile()!r})}})"
    )
    lab.open("hostile.ipynb", [answer, "nbchat.explore(a, 'vllm:m', 'Who?')"])
    page.evaluate("() => { window.pwned = () => { window.__pwned = true } }")
    page.on("dialog", lambda dialog: (lab.requests.append("dialog:"), dialog.dismiss()))
    lab.requests.clear()
    lab.run()
    page.wait_for_selector(".explore .lp [tabindex]")
    for theme in ("JupyterLab Light", "JupyterLab Dark"):
        lab.theme(theme)
        page.focus(".explore .lp [tabindex='0']")
        press(page, "Enter")
        page.wait_for_selector(".explore .alternatives:not(.peek) button")
        assert violations(page, ".explore") == []
        press(page, "Escape")
        page.focus(".explore input[type=range]")
        press(page, "End")  # everything is marked, and listed
        page.wait_for_function("() => document.querySelectorAll('.explore .spans li').length > 0")
        assert violations(page, ".explore") == []
    assert page.evaluate("() => window.__pwned") is None
    own = ("data", "blob")
    assert [url for url in lab.requests if urlsplit(url).scheme not in own and "127.0.0.1" not in url] == []
    assert page.query_selector(".explore :is(script,iframe,img,svg,form,a,link,style,video)") is None
