"""The comparison in a script: prompts, names, `run`, its frame, votes as numbers, and its file."""

from __future__ import annotations

import asyncio
import json
import math
import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import ipywidgets
import pandas as pd
import pytest

from nbchat import Compare, init_chat_model
from nbchat.notebook.widgets.compare.standings import wilson
from nbchat.values.errors import ConfigurationError
from tests.servers import OpenAIServer, Reply, faulty, openai_answer, openai_stream
from tests.widgets.conftest import Page, in_a_loop
from tests.widgets.test_compare import models, settled, states

QUESTIONS = pd.DataFrame({"q": ["one", "two"], "kind": ["odd", "even"]}, index=pd.Index([17, 4], name="id"))


def test_run_asks_everything_once_and_gives_a_row_an_answer(server: OpenAIServer) -> None:
    compare = Compare(models(server), ["one", "two"], temperature=0)
    frame = compare.run()
    assert len(frame) == 6 and list(frame.model[:3]) == ["gpt-4o-mini", "gpt-5-mini", "gpt-test"]
    assert frame.response[3] == "gpt-4o-mini says two" and (frame.output_tokens > 0).all()
    assert (frame.first_token_s > 0).all() and frame.cost_usd.notna().tolist()[:2] == [True, True]
    assert frame.vote.isna().all() and server.requests[0].json["temperature"] == 0
    compare.run()
    assert server.count == 6


def test_run_says_how_far_it_is_where_no_page_does(page: Page, capsys: pytest.CaptureFixture[str]) -> None:
    with OpenAIServer(lambda body: faulty.server_error() if body["model"] == "gpt-test" else "fine") as server:
        compare = Compare(models(server), ["one", "two"])
        compare.run()
        line = capsys.readouterr().err.splitlines()[-1]
        assert line.startswith("6 answers · 2 errors · ") and " answers/s · " in line and " tok/s · $0.0000" in line
        compare.run()  # only what failed is asked again
        assert capsys.readouterr().err.splitlines()[-1].startswith("2 answers · 2 errors · ")
        compare.vote(0, "tie")
        compare.vote(1, "tie")
        compare.run()
        assert capsys.readouterr().err == ""
        page.widget = shown = Compare(models(server), "three")
        shown._views.add("v1")
        shown.run()
        assert capsys.readouterr().err == ""


def test_a_column_keeps_the_labels_of_its_rows(server: OpenAIServer, tmp_path: Path) -> None:
    compare = Compare(models(server), QUESTIONS.q)
    frame = compare.run()
    assert frame.index.tolist() == [17] * 3 + [4] * 3 and frame.index.name == "id"
    assert frame.join(QUESTIONS.kind).kind.tolist() == ["odd"] * 3 + ["even"] * 3
    assert frame.pivot(columns="model", values="response").loc[4, "gpt-test"] == "gpt-test says two"
    compare.contest.ask("typed in later")
    assert compare.frame.index.tolist()[-4:] == [4, None, None, None]
    compare.save(tmp_path / "c.json")
    pd.testing.assert_frame_equal(Compare.load(tmp_path / "c.json", models(server)).frame, compare.frame)


@pytest.mark.parametrize(
    "index",
    [
        pd.Index([2, 2], name="twice"),
        pd.Index(["a", "b"]),
        pd.date_range("2026-01-01", periods=2, tz="UTC"),
        pd.to_timedelta([1, 2], unit="h"),
        pd.Index([1.5, math.nan]),
        pd.MultiIndex.from_tuples([("a", 1), ("b", 2)], names=["x", None]),
        pd.Index([1, "b"], dtype=object),
    ],
    ids=lambda index: str(index.dtype),
)
def test_labels_of_any_kind_come_back_from_the_file(index: pd.Index, server: OpenAIServer, tmp_path: Path) -> None:
    compare = Compare(models(server), pd.Series(["one", "two"], index=index))
    compare.save(tmp_path / "c.json")
    pd.testing.assert_frame_equal(Compare.load(tmp_path / "c.json", models(server)).frame, compare.frame)


@pytest.mark.parametrize(
    ("prompts", "says"),
    [
        (pd.Series(["a", math.nan], name="q", index=[3, 8]), r"row 8 of df\['q'\] is nan.*dropna"),
        (pd.Series([1, 2]), "row 0 of the column is 1"),
        (QUESTIONS, "one column"),
        ({"q": "a"}, "a list of texts"),
        (b"hello", "a text"),
        (7, "a text"),
        (["a", ""], "prompt 1 is empty$"),
        ([None], "prompt 0 is None"),
        (" ", "the prompt is empty$"),
    ],
)
def test_prompts_that_are_no_texts_are_told_by_their_row(prompts: Any, says: str, server: OpenAIServer) -> None:
    with pytest.raises(ConfigurationError, match=says):
        Compare(models(server), prompts)


def test_one_model_with_other_parameters_is_called_by_what_differs(server: OpenAIServer) -> None:
    (model,) = models(server, "gpt-test")
    same = {"model": model}
    compare = Compare([{**same, "temperature": 0}, {**same, "temperature": 1}, {**same, "system": "Be brief."}], "hi")
    assert list(compare.run().model) == ["gpt-test temperature=0", "gpt-test temperature=1", "gpt-test “Be brief.”"]
    sent = sorted((r.json.get("temperature", -1), len(r.json["messages"])) for r in server.requests)
    assert sent == [(-1, 2), (0, 1), (1, 1)]
    assert list(Compare({"cold": model, "warm": model}, "hi").frame.model) == ["cold", "warm"]
    assert list(Compare([model, model], "hi").frame.model) == ["gpt-test", "gpt-test #2"]
    assert list(Compare([{"model": model, "label": "a"}, model], "hi").frame.model) == ["a", "gpt-test"]


def test_what_cannot_be_compared_is_told(server: OpenAIServer) -> None:
    (model,) = models(server, "gpt-test")
    values = model.with_structured_output({"title": "T", "type": "object", "properties": {"a": {"type": "string"}}})
    for wrong in (
        [model],
        [model] * 7,
        [],
        model,
        [model, 7],
        "openai:x",
        [model, {"temperature": 1}],
        [model, values],
    ):
        with pytest.raises(ConfigurationError):
            Compare(wrong, "hi")
    twice = [{"model": model, "label": "a"}] * 2
    with pytest.raises(ConfigurationError, match="a is there twice"):
        Compare(twice, "hi")
    for misspelt in ({"blid": True}, {"tempretaure": 1}, {"prompts": "x"}):
        with pytest.raises(ConfigurationError, match=f"no argument {next(iter(misspelt))}=; is (blind|temp|prompt)"):
            Compare([model, model], "hi", **misspelt)  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="is label= meant"):
        Compare([{"model": model, "lable": "a"}, model], "hi")
    with pytest.raises(ConfigurationError, match="label is a text"):
        Compare([{"model": model, "label": 7}, model], "hi")


def test_what_failed_is_asked_again_by_another_run_unless_there_is_a_vote(server: OpenAIServer) -> None:
    broken = [True]
    answer = lambda body: faulty.server_error() if broken[0] and body["model"] == "gpt-5-mini" else "fine"  # noqa: E731
    with OpenAIServer(answer) as server:
        compare = Compare(models(server), ["one", "two"])
        frame = compare.run()
        assert frame.error.notna().tolist() == [False, True, False] * 2 and "ServerError" in frame.error[1]
        compare.vote(0, "gpt-test")
        broken[0] = False
        assert compare.run().error.notna().tolist() == [False, True, False] + [False] * 3
        assert server.count == 7


def test_ctrl_c_returns_what_came_and_another_run_goes_on(capsys: pytest.CaptureFixture[str]) -> None:
    going = threading.Event()

    def answer(body: Any) -> str:
        return "word " * (2 if body["messages"][-1]["content"] < "q2" or going.is_set() else 5000)

    def interrupt(compare: Compare) -> None:
        answers = compare.contest.answers
        while not (answers.get((1, 1)) and answers[1, 1].over and len(answers[2, 0].view.parts)):
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    with OpenAIServer(answer, gap=0.002) as server:
        compare = Compare(models(server, "gpt-test", "gpt-5-mini"), ["q0", "q1", *[f"q{i}" for i in range(2, 30)]])
        threading.Thread(target=interrupt, args=(compare,)).start()
        frame = compare.run()
        assert (frame.response[:4] == "word word ").all() and frame.response.isna().sum() > 20
        cut = frame[frame.finish_reason == "interrupted"]
        assert len(cut) and cut.response.str.startswith("word").all() and frame.error.isna().all()
        line = capsys.readouterr().err.splitlines()[-1]
        assert " of 60 answers · " in line and line.endswith("stopped: interrupted; run it again to go on")
        server.wait_for(lambda: server.connections_open == 0)
        going.set()
        asked = server.count
        assert (compare.run().finish_reason == "stop").all() and server.count == asked + 56


@in_a_loop
async def test_arun_waits_for_what_the_widget_asks_and_run_takes_it_over(page: Page) -> None:
    with OpenAIServer(lambda body: "word " * 30, gap=0.005) as server:
        compare = Compare(models(server), ["a", "b"])
        page.open(compare)
        await page.until(lambda: states(page) == ["running"] * 3)
        frame = await compare.arun()
        assert (frame.finish_reason == "stop").all() and server.count == 6
        page.do("ask", text="c")
        await page.until(lambda: page.state["at"] == 2 and states(page) == ["running"] * 3)
        frame = compare.run()  # in a cell: the kernel's loop stands still
        assert (frame.finish_reason == "stop").all()
        await settled(page)
        assert states(page) == ["done"] * 3 and not page.closed
        await page.until(lambda: server.connections_open == 0 or not compare._tasks)


@in_a_loop
async def test_columns_stream_on_a_page_while_run_blocks_the_loop(page: Page) -> None:
    with OpenAIServer(lambda body: "word " * 100, gap=0.01) as server:
        compare = Compare(models(server), ["a"])
        page.widget = compare
        compare._views.add("v1")
        seen = len(page.sent)
        compare.run()
        assert len(page.sent) > seen + 5 and states(page) == ["done"] * 3 and "word" in page.slots["0.0.0"]


def test_run_of_a_comparison_that_is_not_shown_leaves_nothing_open(page: Page, server: OpenAIServer) -> None:
    compare = Compare(models(server), "hi")
    compare.run()
    asyncio.run(compare.arun())
    assert page.closed and compare.comm is None
    assert (
        ipywidgets.VBox([compare]).children == (compare,) and compare.comm is not None
    )  # opened again by who shows it
    compare.close()


def test_two_models_win_rates_are_the_usual_ones(server: OpenAIServer) -> None:
    compare = Compare(models(server, "gpt-4o-mini", "gpt-5-mini"), [f"q{i}" for i in range(10)])
    for prompt in range(6):
        compare.vote(prompt, "gpt-5-mini")
    compare.vote(compare.frame.prompt_no.to_numpy()[12], "A", note="close")  # a frame's own kind of integer
    compare.vote(7, "tie")
    compare.vote(8, "A")
    compare.vote(8, None)
    summary = compare.summary
    assert list(summary.index) == ["gpt-5-mini", "gpt-4o-mini"]
    best = summary.loc["gpt-5-mini"]
    assert (best.wins, best.ties, best.losses) == (6, 1, 1) and best.win_rate == pytest.approx(6.5 / 8)
    assert (best.low, best.high) == pytest.approx(wilson(6.5 / 8, 8))
    frame = compare.frame
    assert frame.vote[frame.prompt_no == 6].tolist() == ["best", "other"] and frame.note[12] == "close"
    assert set(frame.vote[frame.prompt_no == 7]) == {"tie"} and frame.vote[frame.prompt_no == 8].isna().all()
    for wrong in ((99, "A"), (-1, "A"), (True, "A"), (0, "C"), (0, "nobody"), (0, 1)):
        with pytest.raises(ConfigurationError):
            compare.vote(*wrong)  # type: ignore[arg-type]


def test_by_chance_every_win_rate_is_a_half_however_many_models_there_are(server: OpenAIServer) -> None:
    compare = Compare(models(server), [f"q{i}" for i in range(12)])
    assert compare.summary.win_rate.isna().all() and compare.summary.wins.tolist() == [0, 0, 0]
    for prompt in range(12):
        compare.vote(prompt, "ABC"[prompt % 3])
    summary = compare.summary
    assert summary.win_rate.tolist() == pytest.approx([0.5] * 3)
    assert (summary.low < 0.5).all() and (summary.high > 0.5).all()
    for prompt in range(12):
        compare.vote(prompt, "tie")
    assert compare.summary.win_rate.tolist() == [0.5] * 3
    for prompt in range(12):
        compare.vote(prompt, "B")
    assert compare.summary.win_rate.tolist() == [1, 0, 0]
    low, high = compare.summary.low, compare.summary.high
    assert high.iloc[0] == pytest.approx(1) and low.iloc[0] > 0.6 and low.iloc[1] == pytest.approx(0, abs=1e-9)


def test_an_answer_that_failed_wins_no_vote_and_ties_with_nobody() -> None:
    def answer(body: Any) -> Any:
        fails = body["model"] == "gpt-5-mini" and body["messages"][-1]["content"] == "broken"
        return faulty.server_error() if fails else "fine"

    with OpenAIServer(answer) as server:
        compare = Compare(models(server), ["broken", "whole"])
        _, _, written = compare.contest.question((0, 1))
        compare.vote(0, "B")
        written.take(ValueError("cut"))
        compare.contest.end([written])
        assert compare.contest.votes == {}
        compare.run()
        for name in ("B", "gpt-5-mini"):
            with pytest.raises(ConfigurationError, match=r"^B failed: vote for an answer$"):
                compare.vote(0, name)
        compare.vote(0, "tie")
        summary = compare.summary
        assert summary.ties.to_dict() == {"gpt-4o-mini": 1, "gpt-test": 1, "gpt-5-mini": 0}
        assert summary.win_rate.tolist()[:2] == [0.5, 0.5] and summary.win_rate.isna().tolist()[2]
        compare.vote(1, "tie")
        assert compare.summary.ties.to_dict() == {"gpt-4o-mini": 2, "gpt-5-mini": 1, "gpt-test": 2}
        compare.vote(0, "A")
        assert compare.summary.losses.tolist() == [0, 1, 1]


def test_a_run_without_a_prompt_says_so(server: OpenAIServer) -> None:
    for prompts in (None, [], pd.Series([], dtype=str)):
        for run in (Compare.run, lambda compare: asyncio.run(compare.arun())):
            with pytest.raises(ConfigurationError, match=r"there is no prompt: .*Compare"):
                run(Compare(models(server), prompts))


def test_the_interval_is_wilsons() -> None:
    low, high = wilson(0.8, 10)
    assert (round(low, 4), round(high, 4)) == (0.4902, 0.9433)  # as in the literature
    assert wilson(0, 5)[0] == pytest.approx(0)


def test_the_plot_is_drawn_on_the_axes_that_are_given_and_takes_any_label(server: OpenAIServer) -> None:
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    one, two = models(server, "gpt-test", "gpt-5-mini")
    compare = Compare({"costs $5 or $6_": one, "b": two}, ["a", "b"])
    with pytest.raises(ConfigurationError, match="no vote"):
        compare.plot()
    compare.vote(0, "b")
    figure, axes = plt.subplots()
    assert compare.plot(axes) is axes and axes.get_xlim() == (0, 1)
    assert [tick.get_text() for tick in axes.get_yticklabels()][1] == "b"
    figure.canvas.draw()
    compare.plot().figure.canvas.draw()
    plt.close("all")


def test_half_a_surrogate_pair_in_an_answer_is_no_crash(tmp_path: Path) -> None:
    events = [event.replace(b"HALF", rb"\ud83d") for event in openai_stream(openai_answer("a pair: HALF!"))]
    with OpenAIServer(lambda body: Reply(body=events)) as server:
        compare = Compare(models(server), "hi")
        assert set(compare.run().response) == {"a pair: \ufffd!"} and "a pair" in compare.saved()[0]
        compare.save(tmp_path / "c.json")
        pd.testing.assert_frame_equal(Compare.load(tmp_path / "c.json", models(server)).frame, compare.frame)


def test_a_comparison_is_saved_and_loaded_without_keys(server: OpenAIServer, tmp_path: Path) -> None:
    given = models(server, "gpt-4o-mini", "gpt-5-mini")
    compare = Compare({"one": given[0], "two": given[1]}, ["one", "two \ud83d"], blind=True, system="Be kind.")
    compare.run()
    compare.contest.ask("three")
    compare.vote(0, "B", note="yes")
    compare.contest.revealed.add(0)
    compare.save(tmp_path / "sub" / "c.json")
    assert "sk-secret" not in (tmp_path / "sub" / "c.json").read_text() and len(os.listdir(tmp_path / "sub")) == 1
    with pytest.raises(ConfigurationError, match=r"Compare\.load\("):
        Compare.load(tmp_path / "sub" / "c.json")
    with pytest.raises(ConfigurationError, match="2 models"):
        Compare.load(tmp_path / "sub" / "c.json", [*given, given[0]])
    again = Compare.load(tmp_path / "sub" / "c.json", given)
    pd.testing.assert_frame_equal(again.frame, compare.frame)
    assert again.saved() == compare.saved() and again.contest.hidden(1) and not again.contest.hidden(0)
    again.run()
    assert server.count == 6 and server.requests[-1].json["messages"][0]["content"] == "Be kind."


@in_a_loop
async def test_answers_that_streamed_failed_or_were_stopped_come_back_as_they_were(page: Page, tmp_path: Path) -> None:
    said = {"gpt-4o-mini": "word " * 500, "gpt-5-mini": faulty.server_error(), "gpt-test": "fine"}
    with OpenAIServer(lambda body: said[body["model"]], gap=0.01) as server:
        compare = Compare(models(server), "hi")
        page.open(compare)
        await page.until(lambda: states(page)[1:] == ["failed", "done"] and "word" in page.slots["0.0.0"])
        page.do("stop")
        await settled(page)
        compare.save(tmp_path / "c.json")
        again = Compare.load(tmp_path / "c.json", models(server))
        pd.testing.assert_frame_equal(again.frame, compare.frame)
        assert [a.state for a in again.contest.answers.values()] == ["stopped", "failed", "done"]
        assert again.saved() == compare.saved()


def test_a_providers_own_model_comes_back_by_its_name_unless_options_are_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-hidden-2")
    names = ["openai:gpt-5-nano", "local:smollm2-135m"]
    Compare([{"model": names[0], "api_key": "sk-hidden-1", "temperature": 0.5}, names[1]], "hi").save(tmp_path / "a")
    assert "sk-hidden" not in (tmp_path / "a").read_text()
    again = Compare.load(tmp_path / "a")
    assert again.contest.contestants[0].model.options == {"temperature": 0.5}  # type: ignore[attr-defined]
    odd = init_chat_model(names[1]).bind(repeat_penalty=1.3)
    Compare([odd, names[1]], "hi").save(tmp_path / "b")
    with pytest.raises(ConfigurationError, match="repeat_penalty"):
        Compare.load(tmp_path / "b")


def test_a_file_that_is_no_comparison_is_told(server: OpenAIServer, tmp_path: Path) -> None:
    file = tmp_path / "c.json"
    compare = Compare(models(server), pd.Series(["one"]))
    compare.run()
    compare.vote(0, "A", note="x")
    compare.save(file)
    good = json.loads(file.read_text())
    for field, value in (
        ("format", "nbchat.chat"), ("version", 99), ("version", "x"), ("prompts", [1]), ("prompts", [""]),
        ("votes", [[0, 9]]), ("votes", [[5, 0]]), ("votes", [[0, "A"]]), ("notes", [[0, 3]]), ("revealed", [7]),
        ("answers", [{"prompt": 0}]), ("answers", [{**good["answers"][0], "contestant": 8}]),
        ("answers", [{**good["answers"][0], "message": {"type": "human", "content": "x"}}]),
        ("answers", [{**good["answers"][0], "message": {"type": "ai", "content": 7}}]),
        ("index", {"names": [None], "dtypes": ["int64"], "levels": [["x"]]}),
        ("index", {"names": [], "dtypes": [], "levels": []}),
        ("index", {"names": [None], "dtypes": ["no such"], "levels": [[1]]}), ("models", []), ("seed", "x"),
    ):  # fmt: skip
        file.write_text(json.dumps({**good, field: value}))
        with pytest.raises(ConfigurationError, match=r"c\.json"):
            Compare.load(file, models(server))
    for text in ("", "[]", "{", file.read_text()[:200]):
        file.write_text(text)
        with pytest.raises(ConfigurationError, match=r"c\.json"):
            Compare.load(file)
    for bad in (tmp_path / "nothing.json", tmp_path, __file__):
        with pytest.raises(ConfigurationError):
            Compare.load(bad)
