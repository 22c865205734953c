"""What `nbchat` offers is what the page and the design name, importable from the top, and typed."""

from __future__ import annotations

import subprocess
import sys

import nbchat
from nbchat.values import errors
from nbchat.values.errors import ChatError

PAGE = {
    "init_chat_model", "tool", "SystemMessage", "HumanMessage", "AIMessage", "AIMessageChunk", "ToolMessage",
    "InMemoryCache", "SQLiteCache", "set_llm_cache", "InMemoryRateLimiter", "UsageMetadataCallbackHandler",
    "get_usage_metadata_callback", "BaseCallbackHandler", "ChatOpenAI",
}  # fmt: skip


def test_every_public_name_can_be_imported_and_has_a_docstring() -> None:
    for name in nbchat.__all__:
        assert getattr(nbchat, name).__doc__, name


def test_the_names_of_the_page_are_all_there() -> None:
    assert set(nbchat.__all__) >= PAGE


def test_every_error_can_be_caught_by_a_name_of_nbchats_own() -> None:
    raised = {name for name, value in vars(errors).items() if isinstance(value, type) and issubclass(value, ChatError)}
    assert set(nbchat.__all__) >= raised


def test_tab_completion_offers_what_people_use_and_nothing_else() -> None:
    assert set(dir(nbchat)) == {*nbchat.__all__, "load_ipython_extension"}
    model = nbchat.init_chat_model("openai:gpt-5", api_key="k")
    for each in (model, model.with_retry(), nbchat.init_chat_model()):
        assert {"invoke", "bind_tools", "with_config"} <= set(dir(each))
        assert not {"flow", "asked", "request_key", "target", "steps"} & set(dir(each))


def test_an_unknown_name_is_an_attribute_error() -> None:
    assert not hasattr(nbchat, "no_such_name")


def test_providers_is_a_function_however_it_is_imported() -> None:
    code = "import nbchat.providers, nbchat; assert 'openai' in str(nbchat.providers()); "
    code += "from nbchat import providers; providers()"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
