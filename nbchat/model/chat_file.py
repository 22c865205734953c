"""A conversation as a JSON file: its history, and the names of its model and tools. Never a key."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic_core import to_jsonable_python

from nbchat.model.chat_model import ChatModel
from nbchat.model.showable import plain
from nbchat.providers.table import find_provider, open_endpoint
from nbchat.values.errors import ConfigurationError
from nbchat.values.messages import Message
from nbchat.values.reading import message_from_dict

FORMAT, VERSION = "nbchat.chat", 1
_KINDS = {"name": str, "model": dict, "system": str, "tools": list, "max_rounds": int}


def write_chat(path: Path, fields: Mapping[str, Any], messages: list[Message]) -> None:
    """Write the file whole or not at all."""
    whole = {"format": FORMAT, "version": VERSION, **fields, "messages": [message.to_dict() for message in messages]}
    write_json(path, whole)


def write_json(path: Path, value: Any) -> None:
    """Write a value as JSON, the file whole or not at all; what JSON cannot hold is written as its `repr`."""
    text = json.dumps(to_jsonable_python(value, fallback=repr), ensure_ascii=False, indent=1)
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        beside.write_text(text, encoding="utf-8")
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)


def read_chat(path: Path) -> tuple[dict[str, Any], list[Message]]:
    """(fields, messages) of a file.

    Raises:
        FileNotFoundError: there is no such file.
        ConfigurationError: it is not a saved chat, or one of a later version.
    """
    try:
        whole = json.loads(path.read_text(encoding="utf-8"))
        if whole["format"] != FORMAT:
            raise ValueError(f"its format is {whole['format']!r}")
        version = whole["version"]
        if wrong := [key for key, kind in _KINDS.items() if not isinstance(whole.get(key), kind | None)]:
            raise ValueError(f"its {wrong[0]} is {whole[wrong[0]]!r:.80}")
        messages = [message_from_dict(each) for each in whole["messages"]] if version == VERSION else []
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigurationError(f"{path} is not a chat saved by nbchat: {error!r}") from None
    if version != VERSION:
        raise ConfigurationError(f"{path} is of version {version}, this nbchat reads {VERSION}: update nbchat")
    return whole, messages


def model_fields(model: Any) -> dict[str, Any] | None:
    """What is saved of a model: its name, its plain options, and its address where it is not the provider's own."""
    if not isinstance(model, ChatModel):
        return None
    fields: dict[str, Any] = {"name": f"{model.provider}:{model.model}"}
    if options := plain(model.options):
        fields["options"] = options
    endpoint = model.target.route.endpoint
    if model.provider != "local" and endpoint.base_url != find_provider(model.provider).base_url.rstrip("/"):
        fields["base_url"] = endpoint.address
    return fields


def _goes_there_anyway(name: str, address: str) -> bool:
    """Whether a model of this name is asked at this address anyway, as this environment is set."""
    provider, _, model = name.partition(":")
    try:
        return open_endpoint(provider, model=model).address == address
    except ConfigurationError:
        return False


def named_model(fields: Any, path: Path) -> tuple[str, dict[str, Any]]:
    """(name, options) for `init_chat_model`, from what `model_fields` wrote.

    Raises:
        ConfigurationError: the model has to be given again. An address out of a file is never sent a key.
    """
    match fields:
        case {"name": str(name), "base_url": address} if not _goes_there_anyway(name, address):
            why = f"the model {name} at {address}"
        case {"name": str(name), "options": dict(options)}:
            return name, plain(options)
        case {"name": str(name)}:
            return name, {}
        case _:
            why = "a model that has no plain name"
    raise ConfigurationError(f"{path} was saved with {why}: give it again, Chat.load({str(path)!r}, model=…)")
