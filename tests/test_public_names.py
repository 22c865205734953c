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


def test_dir_shows_the_public_names_and_an_unknown_one_is_an_attribute_error() -> None:
    assert set(nbchat.__all__) <= set(dir(nbchat))
    assert not hasattr(nbchat, "no_such_name")


def test_providers_is_a_function_however_it_is_imported() -> None:
    code = "import nbchat.providers, nbchat; assert 'openai' in str(nbchat.providers()); "
    code += "from nbchat import providers; providers()"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
