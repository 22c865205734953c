"""The chat panel in a real JupyterLab, by keyboard and mouse."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import nbformat
import pytest
from nbconvert import HTMLExporter

from tests.browser.axe import violations
from tests.browser.conftest import Lab
from tests.render.attacks import attacks
from tests.servers import OpenAIServer, Reply
from tests.servers.openai import openai_answer, openai_stream

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAoAAAAKCAYAAACNMs+9AAAAFUlEQVR42mNk+M9Qz0AEYBxVSF+FABJADveWkH6oAAAAAElFTkSuQmCC"
PASTE = """([data]) => {
    const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
    const clipboardData = new DataTransfer();
    clipboardData.items.add(new File([bytes], "dot.png", { type: "image/png" }));
    document.activeElement.dispatchEvent(new ClipboardEvent("paste", { clipboardData, bubbles: true }));
}"""
DROP = """() => {
    const dataTransfer = new DataTransfer();
    for (const [name, size] of [["notes.csv", 20], ["nothing.txt", 0], ["huge.bin", 21 * 2 ** 20]])
        dataTransfer.items.add(new File(["a,b\\n".repeat(size / 4)], name));
    document.querySelector(".panel .composer").dispatchEvent(new DragEvent("drop", { dataTransfer, bubbles: true }));
}"""
COMPOSED = """() => document.activeElement.dispatchEvent(
    new KeyboardEvent("keydown", { key: "Enter", isComposing: true, bubbles: true, cancelable: true }))"""
CELLS = "() => [...window.jupyterapp.shell.currentWidget.content.model.cells].map(cell => cell.toJSON().source)"
MODEL = """import nbchat
model = nbchat.init_chat_model("gpt-4o-mini", model_provider="openai", base_url={url!r}, api_key="k")"""
TOOL = """ran = []

@nbchat.tool
def weather(city: str) -> str:
    "The weather in a city."
    import time
    ran.append(city)
    time.sleep({seconds})
    return f"sunny in {{city}}"

panel = nbchat.ChatPanel(model, tools=[weather], approve={approve})
panel"""
ATTACKS = "\n\n".join(text[:300] for text in attacks().values()).encode("utf-8", "replace").decode()


def endless(body: dict[str, Any]) -> Any:
    """To "endless", an answer that begins and never ends; else, what was said."""
    said = str(body["messages"][-1]["content"])
    if "endless" not in said:
        return f"You said: {said}"
    begun = openai_stream(openai_answer("word " * 100))[:-3]
    return Reply(body=[*begun, math.inf])


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    """A model that says what it was told."""
    with OpenAIServer() as server:
        yield server


@pytest.fixture
def endless_server() -> Iterator[OpenAIServer]:
    with OpenAIServer(endless) as server:
        yield server


def opened(lab: Lab, server: OpenAIServer, *cells: str, made: str = "panel = nbchat.ChatPanel(model)\npanel") -> Any:
    """A notebook with a panel; the cursor stands in the message."""
    lab.open("panel.ipynb", [MODEL.format(url=server.base_url), made, *cells])
    lab.run()
    lab.page.wait_for_selector(".nbchat-live .composer textarea")
    lab.page.focus(".composer textarea")
    return lab.page


@pytest.fixture
def panel(lab: Lab, server: OpenAIServer) -> Callable[..., Any]:
    return lambda *cells, **made: opened(lab, server, *cells, **made)


def say(page: Any, text: str) -> None:
    page.focus(".composer textarea")
    page.keyboard.insert_text(text)
    page.keyboard.press("Enter")


def answered(page: Any, turns: int = 1) -> None:
    """Wait until so many turns are there and the model is silent."""
    page.wait_for_function(
        """n => document.querySelectorAll('.panel .turn').length === n
            && document.querySelector('.panel .log').getAttribute('aria-busy') === 'false'""",
        arg=turns,
    )


def shown(page: Any, text: str) -> None:
    """Wait until the panel shows this."""
    page.wait_for_function("text => document.querySelector('.panel')?.innerText.includes(text)", arg=text)


def turn(page: Any, place: int = -1) -> Any:
    return page.query_selector_all(".panel .turn")[place]


def run_cell(page: Any, source: str) -> None:
    """A new cell at the end, run."""
    page.evaluate(
        """source => { const book = window.jupyterapp.shell.currentWidget.content, { sharedModel } = book.model;
            sharedModel.insertCell(sharedModel.cells.length, { cell_type: "code", source, metadata: {} });
            book.activeCellIndex = sharedModel.cells.length - 1;
            window.jupyterapp.commands.execute("notebook:run-cell"); }""",
        source,
    )


def test_enter_sends_shift_enter_breaks_the_line_and_the_answer_can_be_taken_along(panel: Callable[..., Any]) -> None:
    page = panel()
    page.keyboard.type("one")
    page.evaluate(COMPOSED)  # it ends the composition of a character, and sends nothing
    page.keyboard.press("Shift+Enter")
    say(page, "**two** $x^2$")
    answered(page)
    page.wait_for_selector(".panel .parts mjx-container")  # a formula is drawn as in an output
    assert "You said: one" in turn(page).inner_text() and "gpt-4o-mini" in turn(page).inner_text()
    assert turn(page).query_selector(".parts strong").inner_text() == "two"
    assert page.input_value(".composer textarea") == ""
    assert "tokens" in page.inner_text(".panel .total") and "$" in page.inner_text(".panel .total")
    turn(page).query_selector("text=to cell").click()
    shown(page, "a new cell is below")
    page.keyboard.type("ddxab")  # on the button: no cell is cut, deleted or added
    assert len(page.evaluate(CELLS)) == 3 and page.evaluate(CELLS)[2] == "You said: one\n**two** $x^2$"
    page.keyboard.press("Control+s")
    page.wait_for_function("() => !window.jupyterapp.shell.currentWidget.context.model.dirty")


def test_a_stop_keeps_what_had_come_and_the_conversation_goes_on(lab: Lab, endless_server: OpenAIServer) -> None:
    page = opened(lab, endless_server)
    page.keyboard.insert_text("endless")
    page.dblclick(".composer .go")  # its second half is no Stop
    page.wait_for_function("() => (document.querySelector('.parts')?.innerText ?? '').length > 100")
    page.keyboard.press("Escape")
    answered(page)
    assert "word word" in turn(page).inner_text() and "stopped" in turn(page).inner_text()
    endless_server.wait_for(lambda: len(endless_server.closed_by_client) == 1, timeout=60)
    say(page, "and now?")
    answered(page, 2)
    assert "You said: and now?" in turn(page).inner_text()
    say(page, "endless again")
    page.wait_for_function("() => document.querySelectorAll('.turn').length === 3")
    run_cell(page, "panel.chat.undo()\nlen(panel.messages)")  # while it answers
    answered(page, 2)
    say(page, "still there?")
    answered(page, 3)
    page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()")
    page.wait_for_selector(".jp-Notebook-ExecutionIndicator[data-status=idle]")
    page.wait_for_function(  # JupyterLab takes its time to know
        """() => { const input = document.querySelector('.composer textarea'); input.value ||= 'hello?';
            input.dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', bubbles: true }));
            return document.querySelector('.nbchat-live .busy').innerText.includes('run the cell again'); }"""
    )
    assert page.input_value(".composer textarea") == "hello?"  # it was not lost


def test_a_stop_ends_a_tool_that_keeps_the_kernel_busy(lab: Lab, server: OpenAIServer) -> None:
    page = opened(lab, server, made=TOOL.format(seconds=1000, approve=False))
    say(page, "How is the weather in Rome and Oslo?")
    shown(page, "running")
    page.keyboard.press("Escape")
    answered(page)
    assert "stopped" in turn(page).inner_text()
    run_cell(page, "assert len(ran) == 1 and [m.status for m in panel.messages if m.type == 'tool'] == ['error'] * 2")
    lab.finish()
    assert page.query_selector(".jp-OutputArea-output[data-mime-type*=error]") is None


def test_an_earlier_message_is_edited_and_the_branches_are_gone_through(panel: Callable[..., Any]) -> None:
    page = panel()
    say(page, "first")
    answered(page)
    say(page, "second")
    answered(page, 2)
    turn(page, 0).query_selector("text=edit").click()
    assert page.input_value(".composer textarea") == "first"
    page.keyboard.press("Escape")
    assert page.input_value(".composer textarea") == ""
    turn(page, 0).query_selector("text=edit").click()
    page.keyboard.type(" again")
    page.keyboard.press("Enter")
    answered(page, 1)
    assert "first again" in turn(page).inner_text() and "2/2" in turn(page).inner_text()
    page.click("[aria-label='Earlier branch']")
    answered(page, 2)
    assert "1/2" in turn(page, 0).inner_text() and "You said: second" in turn(page).inner_text()
    page.focus(".composer textarea")
    page.keyboard.press("ArrowUp")  # the last message
    page.keyboard.type(", please")
    page.keyboard.press("Enter")
    shown(page, "You said: second, please")
    turn(page).query_selector("text=again").click()
    shown(page, "3/3")


def test_pictures_and_files_are_pasted_and_dropped_and_wrong_ones_are_refused(
    panel: Callable[..., Any], server: OpenAIServer
) -> None:
    page = panel()
    page.evaluate(PASTE, [PNG])
    page.evaluate(DROP)
    shown(page, "nothing.txt is empty; huge.bin has 22.0 MB: the most is 21.0 MB")
    assert len(page.query_selector_all(".chip")) == 2 and page.query_selector(".chip img") is not None
    say(page, "What is this?")
    answered(page)
    parts = server.requests[-1].json["messages"][-1]["content"]
    assert [part["type"] for part in parts] == ["text", "image_url", "text"]
    assert base64.b64decode(parts[1]["image_url"]["url"].partition(",")[2]) == base64.b64decode(PNG)
    assert parts[2]["text"].startswith("notes.csv:\n") and "a,b\na,b" in parts[2]["text"]
    assert turn(page).query_selector("img") is not None and page.query_selector(".chip") is None
    assert turn(page).query_selector(".said summary").inner_text() == "notes.csv"


def test_each_call_of_a_tool_waits_for_a_word_and_runs_or_is_declined(
    panel: Callable[..., Any], server: OpenAIServer
) -> None:
    page = panel(made=TOOL.format(seconds=0, approve=True))
    say(page, "How is the weather in Rome and Oslo?")
    shown(page, "1 more after this")
    assert "weather" in page.inner_text(".ask") and "Rome" in page.inner_text(".ask pre")
    page.keyboard.press("Enter")  # Run has the focus
    page.wait_for_function("() => document.querySelector('.ask pre')?.innerText.includes('Oslo')")
    page.fill(".ask input", "no more weather")
    page.keyboard.press("Enter")
    answered(page)
    told = [m["content"] for m in server.requests[-1].json["messages"] if m["role"] == "tool"]
    assert told[0] == "sunny in Rome" and "no more weather" in told[1]
    say(page, "And the weather in Bern?")
    page.wait_for_selector(".ask button")
    page.keyboard.press("Escape")  # a stop while it waits
    answered(page, 2)
    assert "stopped" in turn(page).inner_text() and not page.is_visible(".ask")


def test_cells_and_panels_share_the_conversation_and_two_views_show_the_same(panel: Callable[..., Any]) -> None:
    page = panel(
        "%load_ext nbchat", "nbchat.ChatPanel(panel.chat, name='shared')", "panel", "%%chat --chat shared\nfrom a cell"
    )
    everywhere = (
        "n => [...document.querySelectorAll('.panel')].map(e => e.querySelectorAll('.turn').length).join() === n"
    )
    page.wait_for_function(everywhere, arg="1,1,1")
    say(page, "from the panel")
    page.wait_for_function(everywhere, arg="2,2,2")
    page.wait_for_function("() => [...document.querySelectorAll('.panel .log')].every(e => e.ariaBusy !== 'true')")
    assert [p.inner_text().count("You said: from") for p in page.query_selector_all(".panel")] == [2, 2, 2]
    run_cell(page, "import time; time.sleep(2)")
    say(page, "while a cell runs")
    page.wait_for_selector("text=A cell is running")
    page.wait_for_function(everywhere, arg="3,3,3")


def test_the_file_keeps_the_last_state_and_a_reload_brings_the_panel_back(panel: Callable[..., Any], lab: Lab) -> None:
    page = panel()
    say(page, "remember me")
    answered(page)
    page.wait_for_function(  # what is saved is drawn after what is seen
        "() => [...document.querySelectorAll('.nbchat-saved')].some(e => e.textContent.includes('remember me'))"
    )
    page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
    html = ""
    for _ in range(50):
        page.wait_for_timeout(200)
        book = json.loads((lab.folder / "panel.ipynb").read_text())
        html = "".join("".join(output["data"].get("text/html", "")) for output in book["cells"][1]["outputs"])
        if "remember me" in html:
            break
    assert "You said: remember me" in html and len(json.dumps(book)) < 100_000
    assert all(output["data"].get("text/html") is not None for output in book["cells"][1]["outputs"])
    static, _ = HTMLExporter().from_notebook_node(nbformat.reads(json.dumps(book), as_version=4))
    page.reload(wait_until="domcontentloaded")
    page.wait_for_selector(".panel .turn")
    assert "You said: remember me" in page.inner_text(".panel")
    say(page, "and again")
    answered(page, 2)
    page.goto("about:blank")
    page.set_content(static, wait_until="domcontentloaded")
    assert page.is_visible("text=You said: remember me") and page.query_selector(".composer") is None


def test_hostile_answers_load_and_run_nothing(lab: Lab) -> None:
    with OpenAIServer(lambda body: ATTACKS) as server:
        page = opened(lab, server)
        page.evaluate("() => { window.pwned = () => { window.__pwned = true } }")
        lab.requests.clear()
        say(page, ATTACKS[:3000])
        answered(page)
        page.wait_for_timeout(500)
    own = ("data", "blob")
    assert [url for url in lab.requests if urlsplit(url).scheme not in own and "127.0.0.1" not in url] == []
    assert page.evaluate("() => window.__pwned") is None
    assert page.query_selector(".panel :is(script,iframe,object,embed,form)") is None


def test_nothing_keeps_anyone_out_in_light_and_dark_wide_and_narrow(panel: Callable[..., Any], lab: Lab) -> None:
    page = panel(made=TOOL.format(seconds=0, approve=True))
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")  # the settings
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.type("0.5")
    page.keyboard.press("Escape")
    page.keyboard.press("Enter")
    say(page, "How is the weather in Rome?")
    page.wait_for_selector(".ask button")
    assert violations(page, ".nbchat-live") == []
    lab.theme("JupyterLab Dark")
    assert violations(page, ".nbchat-live") == []
    page.click(".ask >> text=Always")
    answered(page)
    assert violations(page, ".nbchat-live") == []
    for width in (500, 1600):
        page.set_viewport_size({"width": width, "height": 900})
        wide = "e => e.scrollWidth <= e.clientWidth + 1"
        page.wait_for_function(f"() => [...document.querySelectorAll('.panel, .panel .log')].every({wide})")
    run_cell(page, "assert panel.params == {'temperature': 0.5}")
    lab.finish()
    assert page.query_selector(".jp-OutputArea-output[data-mime-type*=error]") is None


def test_what_goes_wrong_is_shown_in_the_panel(panel: Callable[..., Any]) -> None:
    page = panel(
        made="panel = nbchat.ChatPanel(nbchat.init_chat_model('gpt-4o-mini', model_provider='openai', "
        "base_url='http://127.0.0.1:9/v1', api_key='sk-hidden-123456', max_retries=0))\npanel"
    )
    say(page, "hello")
    shown(page, "ConnectionError")
    answered(page)
    assert "try again" in page.inner_text(".panel") and "sk-hidden" not in page.inner_html(".panel")
    page.click(".opener >> nth=0")
    page.select_option(".settings .model select", "")  # another …
    page.focus(".settings .model input")
    page.keyboard.type("nobody:x")
    page.keyboard.press("Enter")
    shown(page, "nobody")
    page.wait_for_selector("[aria-label=Dismiss]")
    page.click("[aria-label=Dismiss]")
    page.wait_for_selector(".panel .error", state="hidden")
