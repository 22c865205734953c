"""The comparison in a real JupyterLab, by keyboard and mouse."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.browser.axe import violations
from tests.browser.conftest import Lab
from tests.render.attacks import attacks
from tests.servers import OpenAIServer, faulty

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

MODELS = """import nbchat
models = [nbchat.init_chat_model(name, model_provider="openai", base_url={url!r}, api_key="k", max_retries=0)
          for name in ("gpt-4o-mini", "gpt-5-mini", "gpt-test")]"""
SAID = {
    "gpt-4o-mini": "Parrots **talk** because they are social animals.",
    "gpt-5-mini": "Parrots talk since they are quite social birds.",
    "gpt-test": "word " * 20_000,
}
ATTACKS = "\n\n".join(text[:300] for text in attacks().values()).encode("utf-8", "replace").decode()
RUNNING = "n => document.querySelectorAll('.card[aria-busy=true]').length === n"
OVER = "() => document.querySelector('.card') && !document.querySelector('.card[aria-busy=true]')"
FULL = """() => [...document.querySelectorAll('.card[aria-busy=true] .body')]
    .every(body => body.scrollHeight > body.clientHeight)"""  # from then on nothing moves below it
HERE = "() => document.activeElement.getAttribute('aria-label') ?? ''"


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    """A quick model, one that fails, and one that goes on and on."""

    def answer(body: Any) -> Any:
        return faulty.server_error() if body["model"] == "gpt-5-mini" else SAID[body["model"]]

    with OpenAIServer(answer, gap=0.004) as server:
        yield server


@pytest.fixture
def compared(lab: Lab) -> Callable[..., Any]:
    """Opens a notebook with a comparison and further cells that are not run, and returns its page."""

    def opened(server: OpenAIServer, made: str, *later: str) -> Any:
        lab.open("compare.ipynb", [MODELS.format(url=server.base_url), made, *later])
        lab.page.click(".jp-CodeCell >> nth=0 >> .cm-content")
        for _ in range(2):
            lab.page.keyboard.press("Shift+Enter")
        lab.page.set_default_timeout(40_000)
        lab.page.wait_for_selector(".compare .card")
        return lab.page

    return opened


def tab_to(page: Any, label: str) -> None:
    """Press Tab until this has the focus."""
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate(HERE) == label:
            return
    raise AssertionError(f"no Tab leads to {label!r}")


def run_cell(page: Any, number: int) -> None:
    page.click(f".jp-CodeCell >> nth={number} >> .cm-content")
    page.keyboard.press("Shift+Enter")


def output(page: Any, number: int) -> str:
    """What a cell printed, as soon as it has."""
    return page.wait_for_selector(f".jp-CodeCell >> nth={number} >> .jp-OutputArea-output pre").inner_text()


READ = "print(c.frame[['model', 'shown_as', 'finish_reason', 'vote', 'note']].fillna('-').to_csv(index=False))"
WAIT = "import os, time\nwhile not os.path.exists('go-on'):\n    time.sleep(0.05)"


def test_three_are_compared_blind_by_keyboard_alone_and_the_next_cell_reads_the_votes(
    compared: Callable[..., Any], lab: Lab, server: OpenAIServer
) -> None:
    page = compared(server, "c = nbchat.Compare(models, 'Why do parrots talk?', blind=True, seed=4)\nc", READ, WAIT)
    page.wait_for_function(RUNNING, arg=1)  # one has answered, one has failed, one goes on
    lab.hear_keys_first()
    assert "gpt" not in page.inner_text(".compare") and "tok/s" not in page.inner_text(".compare")
    assert "This one failed; the reason appears when the names are revealed." in page.inner_text(".compare")
    assert violations(page, ".compare") == []
    slow = page.get_attribute(".card[aria-busy=true] .acts button", "aria-label").split()[-1]
    page.focus(".compare")
    tab_to(page, f"Stop {slow}")
    page.keyboard.press("Enter")
    page.wait_for_function(OVER)
    assert page.evaluate(HERE) == "Comparison"  # the button is gone: the keys are still the comparison's
    server.wait_for(lambda: server.closed_by_client)
    quick = page.evaluate(
        "() => document.querySelector('.card strong').closest('.card').querySelector('h4 b').innerText"
    )
    page.keyboard.press(quick.lower())
    page.wait_for_selector(f".votes [aria-pressed=true] >> text={quick} is best")
    page.keyboard.press("n")
    page.keyboard.type("clear and short")
    page.keyboard.press("Enter")
    page.keyboard.press("r")
    page.wait_for_selector(f".card.best[aria-label='Answer {quick}, gpt-4o-mini, best']")
    assert "ServerError" in page.inner_text(".compare") and "stopped" in page.inner_text(".compare")
    page.keyboard.press("/")
    page.keyboard.type("And cats?")
    page.keyboard.press("Enter")
    page.wait_for_function("() => document.querySelector('.compare .prompt').innerText.includes('cats')")
    page.wait_for_function(RUNNING, arg=1)
    page.keyboard.press("Escape")
    page.wait_for_function(OVER)
    page.keyboard.press("ArrowLeft")
    page.wait_for_function("() => document.querySelector('.compare .prompt').innerText.includes('parrots')")
    assert page.locator(".jp-CodeCell").count() == 4  # none of these keys was the notebook's
    run_cell(page, 2)
    rows = [line.split(",") for line in output(page, 2).split()[1:4] if line]
    assert "gpt-4o-mini" in output(page, 2) and f"gpt-4o-mini,{quick},stop,best,clear and short" in output(page, 2)
    assert f"gpt-test,{slow},interrupted,other" in output(page, 2) and rows
    run_cell(page, 3)
    page.focus(".compare")
    page.keyboard.press("ArrowRight")
    page.wait_for_selector(".nbchat-live .busy >> text=A cell is running")
    (lab.folder / "go-on").touch()
    page.wait_for_selector(".nbchat-live .busy", state="hidden")
    page.wait_for_function("() => document.querySelector('.compare .prompt').innerText.includes('cats')")


def test_prompts_are_gone_through_by_mouse_and_differences_are_seen_in_light_and_dark(
    compared: Callable[..., Any], lab: Lab
) -> None:
    said = {**SAID, "gpt-test": ""}
    with OpenAIServer(lambda body: said[body["model"]], gap=0.004) as server:
        page = compared(server, "c = nbchat.Compare(models, ['Why do parrots talk?', 'Why?', 'Who?'])\nc", READ)
        page.wait_for_selector(".compare >> text=an empty answer")
        page.wait_for_function(OVER)
        for fact in ("gpt-4o-mini", "time to the first token", "cost in US dollars", "tokens"):
            assert fact in page.inner_text(".card >> nth=0") or page.query_selector(f".card .facts [title='{fact}']")
        page.dblclick(".votes >> text=B")
        page.wait_for_selector(".votes [aria-pressed=true] >> text=B is best")
        page.click("[aria-label='How the others differ from A']")
        page.wait_for_selector(".card:nth-child(2) .words")
        marked = page.eval_on_selector_all(".card:nth-child(2) :is(ins,del)", "all => all.map(e => e.innerText)")
        assert marked == ["**", "** because", "since", "quite", "animals", "birds"]
        for theme in ("JupyterLab Dark", "JupyterLab Light"):
            lab.theme(theme)
            assert violations(page, ".compare") == []
        for width, across in ((500, 1), (1000, 3)):
            page.set_viewport_size({"width": width, "height": 900})
            page.wait_for_function(
                "n => getComputedStyle(document.querySelector('.grid')).gridTemplateColumns.split(' ').length === n",
                arg=across,
            )
            assert page.evaluate("() => document.querySelector('.compare').scrollWidth <= innerWidth")
        page.click("text=Ask 2 more")
        page.click("[aria-label='Later prompt']")
        page.click("[aria-label='Later prompt']")
        page.wait_for_function("() => document.querySelector('.where').innerText.startsWith('3 of 3 · 1 voted')")
        page.click(".votes >> text=tie")
        page.wait_for_function("() => document.querySelector('.where').innerText.includes('2 voted')")
        assert not page.is_visible(".pager >> text=/Ask . more/")
        page.wait_for_function(OVER)
        run_cell(page, 2)
        assert output(page, 2).count(",tie,") == 3 and "gpt-5-mini,B,stop,best" in output(page, 2)
        assert server.count == 9


def test_the_file_keeps_it_a_reload_brings_it_back_and_a_deleted_cell_ends_it(
    compared: Callable[..., Any], lab: Lab, server: OpenAIServer
) -> None:
    page = compared(server, "c = nbchat.Compare(models, 'Why?')\nc", "c")
    run_cell(page, 2)
    page.wait_for_function("() => document.querySelectorAll('.compare').length === 2")
    page.wait_for_function(RUNNING, arg=2)  # both views show the one that streams
    page.wait_for_function(FULL)
    page.click(".card[aria-busy=true] >> nth=1 >> text=stop")
    page.wait_for_function(OVER)
    page.click(".votes >> nth=1 >> text=A")
    page.wait_for_function("() => document.querySelectorAll('.card.best').length === 2")
    page.wait_for_function("() => document.querySelector('.nbchat-saved').textContent.includes('best')")
    page.evaluate("async () => { await window.jupyterapp.commands.execute('docmanager:save') }")
    book = json.loads((lab.folder / "compare.ipynb").read_text())
    html = "".join("".join(output["data"].get("text/html", "")) for output in book["cells"][1]["outputs"])
    assert "gpt-4o-mini" in html and "ServerError" in html and "best" in html and "<script" not in html
    page.reload(wait_until="domcontentloaded")
    page.wait_for_selector(".compare .card.best")
    page.click("[aria-label='Ask C again'] >> nth=0")
    page.wait_for_function(RUNNING, arg=2)
    left = len(server.closed_by_client)
    for _ in range(2):
        page.click(".jp-CodeCell >> nth=1 >> .jp-InputPrompt")
        page.keyboard.press("d")
        page.keyboard.press("d")
    page.wait_for_function("() => !document.querySelector('.compare')")
    server.wait_for(lambda: len(server.closed_by_client) == left + 1, timeout=20)


def test_hostile_answers_prompts_and_labels_load_and_run_nothing(compared: Callable[..., Any], lab: Lab) -> None:
    with OpenAIServer(lambda body: ATTACKS) as server:
        page = compared(
            server, "nbchat.Compare({'<img src=x onerror=pwned()>': models[0], 'b': models[1]}, blind=False)"
        )
        page.evaluate("() => { window.pwned = () => { window.__pwned = true } }")
        lab.requests.clear()
        page.fill(".composer textarea", ATTACKS[:3000])
        page.keyboard.press("Enter")
        page.wait_for_function(
            "() => document.querySelectorAll('.card .body').length && document.querySelector('.acts')"
        )
        page.wait_for_selector("[aria-label='How the others differ from A']:visible")
        page.click("[aria-label='How the others differ from A']")
        page.wait_for_selector(".words")
        page.wait_for_timeout(500)
    own = ("data", "blob")
    assert [url for url in lab.requests if urlsplit(url).scheme not in own and "127.0.0.1" not in url] == []
    assert page.evaluate("() => window.__pwned") is None
    assert page.query_selector(".compare :is(script,iframe,object,embed,form)") is None
