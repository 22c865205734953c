"""The chat panel in a real JupyterLab, by keyboard and mouse."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.browser.axe import violations
from tests.browser.conftest import Lab
from tests.render.attacks import attacks
from tests.servers import OpenAIServer

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAoAAAAKCAYAAACNMs+9AAAAFUlEQVR42mNk+M9Qz0AEYBxVSF+FABJADveWkH6oAAAAAElFTkSuQmCC"
PASTE = """([data]) => {
    const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
    const clipboardData = new DataTransfer();
    clipboardData.items.add(new File([bytes], "dot.png", { type: "image/png" }));
    document.activeElement.dispatchEvent(new ClipboardEvent("paste", { clipboardData, bubbles: true }));
}"""
MODEL = """import nbchat
model = nbchat.init_chat_model("gpt-4o-mini", model_provider="openai", base_url={url!r}, api_key="k")"""

ATTACKS = "\n\n".join(text[:300] for text in attacks().values()).encode("utf-8", "replace").decode()


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    """A model that says what it was told, a little slowly."""
    with OpenAIServer(gap=0.004) as server:
        yield server


@pytest.fixture
def panel(lab: Lab, server: OpenAIServer) -> Callable[..., Any]:
    """Opens a notebook with a panel and returns its page, with the cursor in the message."""

    def opened(*cells: str, made: str = "panel = nbchat.ChatPanel(model)\npanel") -> Any:
        lab.open("panel.ipynb", [MODEL.format(url=server.base_url), made, *cells])
        lab.run()
        lab.page.wait_for_selector(".nbchat-live .composer textarea")
        lab.page.focus(".composer textarea")
        return lab.page

    return opened


def say(page: Any, text: str) -> None:
    page.focus(".composer textarea")
    page.keyboard.type(text)
    page.keyboard.press("Enter")


def answered(page: Any, turns: int = 1) -> None:
    """Wait until so many turns are there and the model is silent."""
    page.wait_for_function(
        """n => document.querySelectorAll('.panel .turn').length === n
            && document.querySelector('.panel .log').getAttribute('aria-busy') === 'false'""",
        arg=turns,
    )


def turn(page: Any, place: int = -1) -> Any:
    return page.query_selector_all(".panel .turn")[place]


def test_enter_sends_shift_enter_breaks_the_line_and_the_answer_has_its_footer(panel: Callable[..., Any]) -> None:
    page = panel()
    page.keyboard.type("one")
    page.keyboard.press("Shift+Enter")
    say(page, "**two**")
    answered(page)
    assert "You said: one" in turn(page).inner_text() and "gpt-4o-mini" in turn(page).inner_text()
    assert turn(page).query_selector(".parts strong").inner_text() == "two"
    assert page.input_value(".composer textarea") == ""
    assert "tokens" in page.inner_text(".panel .total") and "$" in page.inner_text(".panel .total")


def test_a_stop_keeps_what_had_come_and_the_conversation_goes_on(
    panel: Callable[..., Any], server: OpenAIServer
) -> None:
    page = panel("len(panel.messages), panel.messages[-1].interrupted")
    say(page, "word " * 400)
    page.wait_for_function("() => (document.querySelector('.parts')?.innerText ?? '').length > 100")
    page.keyboard.press("Escape")
    answered(page)
    shown = turn(page).query_selector(".parts").inner_text()
    assert 100 < len(shown) < 1900 and "stopped" in turn(page).inner_text()
    server.wait_for(lambda: len(server.closed_by_client) == 1)
    say(page, "and now?")
    answered(page, 2)
    assert "You said: and now?" in turn(page).inner_text()


def test_an_earlier_message_is_edited_and_the_branches_are_gone_through(panel: Callable[..., Any]) -> None:
    page = panel()
    say(page, "first")
    answered(page)
    say(page, "second")
    answered(page, 2)
    turn(page, 0).query_selector("text=edit").click()
    assert page.input_value(".composer textarea") == "first"
    page.keyboard.type(" again")
    page.keyboard.press("Enter")
    page.wait_for_function("() => document.querySelectorAll('.panel .turn').length === 1")
    answered(page)
    assert "first again" in turn(page).inner_text() and "2/2" in turn(page).inner_text()
    page.click("[aria-label='Earlier branch']")
    answered(page, 2)
    assert "1/2" in turn(page, 0).inner_text() and "You said: second" in turn(page).inner_text()


def test_a_picture_is_pasted_and_sent(panel: Callable[..., Any], server: OpenAIServer) -> None:
    page = panel()
    page.evaluate(PASTE, [PNG])
    page.wait_for_selector(".chip img")
    say(page, "What is this?")
    answered(page)
    parts = server.requests[-1].json["messages"][-1]["content"]
    assert [part["type"] for part in parts] == ["text", "image_url"]
    assert base64.b64decode(parts[1]["image_url"]["url"].partition(",")[2]) == base64.b64decode(PNG)
    assert turn(page).query_selector("img") is not None and page.query_selector(".chip") is None


TOOL = """@nbchat.tool
def weather(city: str) -> str:
    "The weather in a city."
    return f"sunny in {city}"

panel = nbchat.ChatPanel(model, tools=[weather])
panel"""


def test_a_tool_waits_for_a_word_and_runs_or_is_declined(panel: Callable[..., Any], server: OpenAIServer) -> None:
    page = panel(made=TOOL)
    say(page, "How is the weather in Rome?")
    page.wait_for_selector(".ask button")
    assert "weather" in page.inner_text(".ask") and "Rome" in page.inner_text(".ask pre")
    page.keyboard.press("Enter")  # Run has the focus
    while page.query_selector(".ask button") is not None:
        page.keyboard.press("Enter")
        page.wait_for_timeout(200)
    answered(page)
    assert "sunny" in turn(page).inner_text()
    say(page, "And the weather in Oslo?")
    page.wait_for_selector(".ask button")
    page.fill(".ask input", "no more weather")
    page.keyboard.press("Enter")
    page.wait_for_function("() => !document.querySelector('.ask button')")
    answered(page, 2)
    told = [m["content"] for m in server.requests[-1].json["messages"] if m["role"] == "tool"]
    assert "no more weather" in told[-1]


def test_cells_and_panels_share_the_conversation_and_two_views_show_the_same(panel: Callable[..., Any]) -> None:
    page = panel(
        "%load_ext nbchat",
        "nbchat.ChatPanel(panel.chat, name='shared')",
        "panel",
        "%%chat --chat shared\nfrom a cell",
        made="panel = nbchat.ChatPanel(model)\npanel",
    )
    everywhere = (
        "n => [...document.querySelectorAll('.panel')].map(e => e.querySelectorAll('.turn').length).join() === n"
    )
    page.wait_for_function(everywhere, arg="1,1,1")
    say(page, "from the panel")
    page.wait_for_function(everywhere, arg="2,1,2")  # the other panel is told when a cell ends
    answered_all = "() => [...document.querySelectorAll('.panel .log')].every(e => e.ariaBusy !== 'true')"
    page.wait_for_function(answered_all)
    assert [p.inner_text().count("You said: from") for p in page.query_selector_all(".panel")] == [2, 1, 2]


def test_the_file_keeps_the_last_state_and_a_reload_brings_the_panel_back(panel: Callable[..., Any], lab: Lab) -> None:
    page = panel()
    say(page, "remember me")
    answered(page)
    page.wait_for_timeout(500)  # what is saved is drawn after what is seen
    page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
    page.wait_for_timeout(1000)
    book = json.loads((lab.folder / "panel.ipynb").read_text())
    html = "".join("".join(output["data"].get("text/html", "")) for output in book["cells"][1]["outputs"])
    assert "You said: remember me" in html and len(json.dumps(book)) < 100_000
    page.reload(wait_until="domcontentloaded")
    page.wait_for_selector(".panel .turn")
    assert "You said: remember me" in page.inner_text(".panel")
    say(page, "and again")
    answered(page, 2)


def test_hostile_answers_load_and_run_nothing(lab: Lab) -> None:
    with OpenAIServer(lambda body: ATTACKS) as server:
        lab.open("panel.ipynb", [MODEL.format(url=server.base_url), "nbchat.ChatPanel(model)"])
        lab.run()
        page = lab.page
        page.evaluate("() => { window.pwned = () => { window.__pwned = true } }")
        page.wait_for_selector(".composer textarea")
        lab.requests.clear()
        page.fill(".composer textarea", ATTACKS[:3000])
        page.keyboard.press("Enter")
        answered(page)
        page.wait_for_timeout(500)
    own = ("data", "blob")
    assert [url for url in lab.requests if urlsplit(url).scheme not in own and "127.0.0.1" not in url] == []
    assert page.evaluate("() => window.__pwned") is None
    assert page.query_selector(".panel :is(script,iframe,object,embed,form)") is None


def test_nothing_keeps_anyone_out_in_light_and_dark(panel: Callable[..., Any], lab: Lab) -> None:
    page = panel(made=TOOL)
    say(page, "How is the weather in Rome?")
    page.wait_for_selector(".ask button")
    assert violations(page, ".nbchat-live") == []
    lab.theme("JupyterLab Dark")
    assert violations(page, ".nbchat-live") == []
    page.click(".ask >> text=Always")
    answered(page)
    assert violations(page, ".nbchat-live") == []


def test_what_goes_wrong_is_shown_in_the_panel(panel: Callable[..., Any]) -> None:
    page = panel(
        made="panel = nbchat.ChatPanel(nbchat.init_chat_model('gpt-4o-mini', model_provider='openai', "
        "base_url='http://127.0.0.1:9/v1', api_key='sk-hidden-123456', max_retries=0))\npanel"
    )
    say(page, "hello")
    page.wait_for_function("() => document.querySelector('.panel')?.innerText.includes('ConnectionError')")
    answered(page)
    shown = page.inner_text(".panel")
    assert "try again" in shown and "sk-hidden" not in page.inner_html(".panel")
