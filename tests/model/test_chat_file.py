"""A conversation in a file: what is written, what comes back, and what has to be given again."""

from __future__ import annotations

from pathlib import Path

import pytest

from nbchat import AIMessage, Chat, HumanMessage, ToolMessage, init_chat_model, tool
from nbchat.model.chat_model import ChatModel
from nbchat.values.errors import ConfigurationError
from tests.model.chats import KEY, get_time, get_weather, openai_model
from tests.servers import OpenAIServer


def test_a_saved_conversation_is_read_back_and_goes_on(model: ChatModel, tmp_path: Path) -> None:
    path = tmp_path / "new" / "talk.json"
    chat = Chat(model.bind(temperature=0.5), tools=[get_weather], system="Be brief.", name="talk", max_rounds=3)
    chat("What's the weather in Rome?")
    chat.save(path)
    again = Chat.load(path, model=model, tools=[get_weather])
    assert again.messages == chat.messages
    assert (again.system, again.name, again.max_rounds, again.usage) == ("Be brief.", "talk", 3, chat.usage)
    assert again("Thanks").text == "You said: Thanks"
    assert [file.name for file in path.parent.iterdir()] == ["talk.json"]


def test_a_saved_conversation_holds_no_key(tmp_path: Path) -> None:
    with OpenAIServer() as server:
        chat = Chat(openai_model(server, extra_headers={"authorization": KEY}))
        chat.messages = [HumanMessage("Hello"), AIMessage("Hi")]
        chat.save(tmp_path / "talk.json")
    assert KEY not in (tmp_path / "talk.json").read_text()


def test_a_model_at_an_address_of_its_own_has_to_be_given_again(tmp_path: Path) -> None:
    url = "http://me:secret@127.0.0.1:9/v1?token=secret"
    chat = Chat(init_chat_model("gpt-test", model_provider="openai", base_url=url, api_key="k"))
    chat.save(tmp_path / "talk.json")
    assert "secret" not in (tmp_path / "talk.json").read_text()
    with pytest.raises(ConfigurationError, match=r"openai:gpt-test at http://127.0.0.1:9/v1: give it again"):
        Chat.load(tmp_path / "talk.json")


def test_a_model_at_the_address_that_the_environment_names_comes_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    Chat("openai:gpt-test").save(tmp_path / "talk.json")
    assert repr(Chat.load(tmp_path / "talk.json").model) == "ChatModel('openai:gpt-test')"


def test_a_model_of_a_plain_name_comes_back_with_its_options(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    Chat(init_chat_model("openai:gpt-5-nano", temperature=0, user="me")).save(tmp_path / "talk.json")
    model = Chat.load(tmp_path / "talk.json").model
    assert isinstance(model, ChatModel)
    assert (model.model, dict(model.options)) == ("gpt-5-nano", {"temperature": 0})


def test_loading_without_the_tools_says_which_are_missing(tmp_path: Path) -> None:
    chat = Chat("local:smollm2-135m", tools=[get_weather, get_time])
    chat.save(tmp_path / "talk.json")
    with pytest.warns(UserWarning, match="saved with the tools get_time: give them again"):
        Chat.load(tmp_path / "talk.json", tools=[get_weather])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "not a chat saved by nbchat"),
        ("[1]", "not a chat saved by nbchat"),
        ('{"format": "other"}', "not a chat saved by nbchat"),
        ('{"format": "nbchat.chat", "version": 1, "messages": [{"type": "alien"}]}', "not a chat saved by nbchat"),
        ('{"format": "nbchat.chat", "version": 1, "messages": {"a": 1}}', "not a chat saved by nbchat"),
        ('{"format": "nbchat.chat", "version": 1, "messages": [], "tools": 5}', "its tools is 5"),
        ('{"format": "nbchat.chat", "version": 1, "messages": [], "model": "x"}', "its model is 'x'"),
        ('{"format": "nbchat.chat", "version": 9, "messages": []}', "of version 9, .* update nbchat"),
    ],
)
def test_a_file_that_is_no_chat_is_named(text: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "talk.json"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match=said) as caught:
        Chat.load(path)
    assert "talk.json" in str(caught.value)


def test_artifacts_are_for_people_and_are_not_saved(model: ChatModel, tmp_path: Path) -> None:
    @tool(response_format="content_and_artifact")
    def get_weather(location: str) -> tuple[str, object]:
        """Get the weather."""
        return "sunny", object()

    chat = Chat(model, tools=[get_weather])
    chat("What's the weather in Rome?")
    result = chat.messages[2]
    assert isinstance(result, ToolMessage)
    assert result.artifact is not None
    chat.save(tmp_path / "talk.json")
    loaded = Chat.load(tmp_path / "talk.json", model=model, tools=[get_weather]).messages[2]
    assert loaded == result
    assert loaded.artifact is None  # type: ignore[attr-defined]
